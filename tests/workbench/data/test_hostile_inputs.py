"""Small files that ask for much: each gets one line or its first picture, in bounded time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.workbench.data.hostile_inputs import CASES, CPU_S

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What was said of each case; the children that say it have limits of their own."""
    folder = tmp_path_factory.mktemp("hostile")
    done = subprocess.run(
        [sys.executable, "-m", "tests.workbench.data.hostile_inputs", str(folder)],
        env={**os.environ, "WB_HOME": str(folder / "wb")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr[-2000:]
    return {line["name"]: line for line in lines}


@pytest.mark.parametrize(("name", "said"), CASES, ids=[name for name, _ in CASES])
def test_a_hostile_file_is_told_in_one_line_and_in_time(name, said, told):
    line = told[name]
    assert "TRACEBACK" not in line["said"], line
    assert "\n" not in line["said"]
    assert re.search(said, line["said"]), line
    assert line["cpu_s"] < CPU_S / 2, line
