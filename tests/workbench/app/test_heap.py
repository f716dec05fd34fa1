"""The garbage collector passes over what the start of the bench made."""

from __future__ import annotations

from tests.workbench.app.pty_bench import PtyBench

SCRIPT = """\
import gc, pathlib
from workbench.app.app import run_bench
freeze = gc.freeze
def noted():
    freeze()
    pathlib.Path({mark!r}).write_text(str(gc.get_freeze_count()))
gc.freeze = noted
run_bench()
"""


def test_full_collections_pass_over_what_the_start_made(tmp_path):
    mark = tmp_path / "frozen"
    bench = PtyBench(SCRIPT.format(mark=str(mark)))
    try:
        bench.until(lambda: mark.exists() and mark.read_text())
    finally:
        bench.close()
    assert int(mark.read_text()) > 50_000
