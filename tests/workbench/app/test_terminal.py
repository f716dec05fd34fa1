"""The terminal of the bench: only the bench draws on it, and nobody stays when it is gone."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import psutil
import pytest

from sessions.paths import home
from tests.workbench.app.pty_bench import BENCH, PtyBench
from workbench.app.terminal import MAX_LOG_BYTES, Terminal, Writer, log_path

QUIT = "\x11"
# The key of the hints makes a C library speak.
NOISY = f"""\
import os
from workbench.app.app import WbApp
def speak(app):
    os.write(2, b"STRAY on stderr\\n")
    os.write(1, b"STRAY on stdout\\n")
WbApp.action_dismiss_hints = speak
{BENCH.replace("sys.exit(run_bench())", "")}
code = run_bench()
os.write(2, b"SAID AFTERWARDS\\n")
sys.exit(code)
"""
FAILING = f"""\
from workbench.app.app import WbApp
def fail(app):
    raise LookupError("a fault of the bench")
WbApp.action_dismiss_hints = fail
{BENCH}
"""


@pytest.fixture
def start(request: pytest.FixtureRequest):
    """Start a bench on a terminal, and wait until it shows a sample."""

    def _start(script: str = BENCH, leader: Path | None = None) -> PtyBench:
        bench = PtyBench(script, leader=leader)
        request.addfinalizer(bench.close)
        bench.shows("demo/test/000000")
        return bench

    return _start


@pytest.mark.parametrize("led", [False, True], ids=["no leader", "a leader that waits"])
def test_a_bench_whose_terminal_vanished_saves_its_state_and_leaves_without_spinning(
    start, tmp_path, led
):
    bench = start(leader=tmp_path / "pid" if led else None)
    bench.send("j")
    bench.shows("demo/test/000001")
    process = bench.bench
    before, began = process.cpu_times(), time.monotonic()
    used = before
    bench.hang_up()
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() - began < 30, "it stays"
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    # In seconds of the processor, which other people's load does not change.
    assert sum(used[:2]) - sum(before[:2]) < 2
    state = json.loads((home() / "bench.json").read_text())
    assert state["places"]["explore"]["ordinal"] == 1


def test_what_libraries_write_is_in_the_log_and_not_on_the_screen(start):
    bench = start(NOISY)
    bench.send("x")
    bench.until(lambda: log_path().exists() and b"on stdout" in log_path().read_bytes())
    bench.send("j")
    bench.shows("demo/test/000001")
    assert b"STRAY" not in bench.seen
    bench.send(QUIT)
    seen = bench.ended()
    assert bench.process.returncode == 0
    assert b"STRAY on stderr" in log_path().read_bytes()
    assert "STRAY" not in seen
    assert "SAID AFTERWARDS" in seen and str(log_path()) in seen


def test_a_fault_of_the_bench_is_seen_on_the_terminal_after_it_left(start):
    bench = start(FAILING)
    bench.send("x")
    seen = bench.ended()
    assert bench.process.returncode == 1
    after = seen.rpartition("\x1b[?1049l")[2]
    assert "LookupError" in after and "a fault of the bench" in after


def test_a_log_that_grows_too_long_is_emptied_and_says_so(tmp_path):
    path = tmp_path / "log"
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Writer(Path(os.devnull).open("wb")) as writer:
        terminal = Terminal(writer, log)
        os.write(log, b"x" * (MAX_LOG_BYTES + 1))
        assert terminal.strayed
        terminal.bound_log()
        assert path.stat().st_size < 100 and "too long" in path.read_text()
    os.close(log)


def test_writing_to_a_terminal_that_hung_up_raises_nothing():
    main, other = os.openpty()
    writer = Writer(os.fdopen(other, "wb", buffering=0), "utf-8", write_through=True)
    terminal = Terminal(writer, os.open(os.devnull, os.O_WRONLY))
    assert not terminal.gone
    os.close(main)
    assert terminal.gone
    for _ in range(3):
        assert writer.write("word") == 4
        writer.flush()
    os.close(terminal.log)
