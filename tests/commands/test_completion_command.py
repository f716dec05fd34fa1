"""`wb completion`: scripts that the shells accept, and what they offer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from sessions.runs import Run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_accepts(run_wb, shell, tmp_path):
    done = run_wb("completion", shell)
    assert done.code == 0 and "_WB_COMPLETE" in done.out
    if shutil.which(shell):
        (tmp_path / "script").write_text(done.out)
        checked = subprocess.run([shell, "-n", str(tmp_path / "script")], capture_output=True)
        assert checked.returncode == 0, checked.stderr


def test_an_unknown_shell_is_refused(run_wb):
    done = run_wb("completion", "cmd.exe")
    assert done.code == 2 and "bash" in done.err


def offered(words: str) -> list[str]:
    code = "import sys; sys.argv[0] = 'wb'; from commands.main import main; main()"
    variables = {"_WB_COMPLETE": "bash_complete", "COMP_WORDS": words}
    count = str(len(words.split(" ")) - 1)
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, **variables, "COMP_CWORD": count},
        capture_output=True,
        text=True,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_commands_settings_and_ids_are_offered():
    run = Run.create({}, "k")
    run.close()
    assert "bookmark" in offered("wb bo")
    assert offered("wb config set images") == ["images"]
    assert run.id in offered("wb runs show 0")
    assert offered("wb prompts show statement/yes") == ["statement/yes-no"]
