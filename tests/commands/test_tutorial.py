"""The first commands that a reader tries run: those of the README and of the tutorial, in order."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest

from sessions.runs import Run, list_runs
from tests.commands.engine_home import engine_home, home  # noqa: F401
from workbench.reports.run import figures

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text."""
    return re.findall(r"```(\w+)\n(.*?)```", (ROOT / page).read_text("utf-8"), re.S)


def evaluations() -> list[Run]:
    """Those of the tutorial, the newest first."""
    runs = [run for run in list_runs() if run.kind == "eval"]
    return [run for run in runs if run.config["dataset"] == "shapes"]


def run_line(run_wb, line: str, all_said: list[str] | None = None) -> str:
    """One line of the page, pipes included; what its last command said on stdout.

    Args:
        run_wb: The fixture.
        line: Of a block.
        all_said: Filled with what each command said, on stdout and stderr.
    """
    if line == "python draw.py":
        runpy.run_path("draw.py")
        return ""
    out = ""
    for part in line.split(" | "):
        words = shlex.split(part)
        if "FIRST" in words:
            words[words.index("FIRST")] = evaluations()[-1].id[-6:]
        assert words.pop(0) == "wb", line
        done = run_wb(*words, stdin=out)
        assert done.code == 0, (line, done.err)
        out = done.out
        if all_said is not None:
            all_said += [done.out, done.err]
    return out


def shape_of(line: str) -> str:
    """A line without what differs from run to run: ids, figures, times, spaces of columns."""
    line = re.sub(
        r"\b[0-9a-z]{26}\b|^[0-9a-z]{6}(?=  (eval|train) )|(?<=·)[0-9a-z]{6}\b", "ID", line
    )
    line = re.sub(r"\d+(\.\d+)?(e-\d+)?(ms|s|m|h)?\b|\bnow\b", "#", line)
    line = line.replace(" · loaded in # s", "")  # of the first question alone
    return " ".join(re.sub(r"[+<-]#", "#", line).split())


@pytest.mark.slow
def test_the_five_minutes_of_the_readme_run(run_wb, home, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    (block,) = (text for _, text in blocks("README.md") if text.startswith("wb "))
    said = {line: run_line(run_wb, line) for line in block.splitlines()}
    answer = said["wb prompt demo/test/000012"].strip()
    assert f"`{answer}`" in (ROOT / "README.md").read_text("utf-8")
    assert "accuracy" in said["wb runs show last"]
    assert Path("heat.png").stat().st_size > 0


@pytest.mark.slow
def test_every_command_of_the_tutorial_runs_and_the_fine_tune_is_better(
    run_wb,
    home,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    monkeypatch.chdir(tmp_path)
    said: dict[str, str] = {}
    printed: list[str] = []
    shown: list[str] = []  # what the page says that they print
    for language, block in blocks("docs/tutorial.md"):
        if language == "python":
            Path("draw.py").write_text(block, "utf-8")
        elif language == "yaml":
            Path("shapes.yaml").write_text(block, "utf-8")
        elif language == "sh":
            # `wb` alone opens the bench, which has tests of its own.
            lines = [line for line in block.splitlines() if line != "wb"]
            said |= {line: run_line(run_wb, line, printed) for line in lines}
        elif language == "text":
            shown += block.splitlines()

    after, before = (figures(run)["accuracy"].value for run in evaluations())
    assert before is not None and before < 0.7
    assert after is not None and after > 0.9
    assert said["wb prompt shapes/test/200"].strip() == "yes"
    assert said["wb bookmark next --tag errors"].startswith("shapes/test/")
    assert "adapter" in said["wb runs compare FIRST last"]
    known = {shape_of(line) for text in printed for line in text.splitlines()}
    assert [line for line in shown if shape_of(line) not in known] == []
    assert Path("heat.png").stat().st_size > 0
    assert "Is the red" in Path("report.html").read_text("utf-8")
