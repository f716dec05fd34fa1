"""Who is told of a long reading: how far it is, of how much, and that it can be ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commands.progress_line import Line
from tests.workbench.data.tables import write_lines
from workbench.data import progress
from workbench.data.adding import add
from workbench.data.progress import Stopped, telling
from workbench.data.source import open_source

ROWS = 40


@pytest.fixture(autouse=True)
def every_ten_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    monkeypatch.setattr(progress, "EVERY_ROWS", 10)


def make(tmp_path: Path) -> None:
    rows = [{"id": f"k{i}", "question": "what?", "answer": "yes"} for i in range(ROWS)]
    add("mine", write_lines(tmp_path / "test.jsonl", rows))


def indexes() -> list[Path]:
    return list(Path(os.environ["WB_HOME"], "cache/index").iterdir())


def test_the_first_opening_tells_how_many_rows_of_how_many_are_indexed(tmp_path: Path):
    make(tmp_path)
    for index in indexes():
        index.unlink()
    told = []
    with telling(lambda *facts: told.append(facts)):
        open_source("mine/test")
        open_source("mine/test")  # the index is there: nothing to tell
    assert told == [(n, 40, "indexing mine/test") for n in (10, 20, 30, 40, 40)]
    open_source("mine/test")
    assert len(told) == 5


def test_adding_tells_the_rows_that_nobody_has_counted_yet(tmp_path: Path):
    told = []
    with telling(lambda *facts: told.append(facts)):
        make(tmp_path)
    assert told[:2] == [(10, None, "indexing mine/test"), (20, None, "indexing mine/test")]
    assert progress.words(*told[0]) == "indexing mine/test: 10 rows"
    assert progress.words(10, 40, "indexing mine/test") == "indexing mine/test: 10 of 40 rows"


def test_a_hub_dataset_tells_its_index_too(fast_hub):
    from tests.workbench.data.hub_data import add_pairs

    add_pairs(fast_hub)
    told = []
    with telling(lambda *facts: told.append(facts)):
        open_source("pairs/train")
    assert told[0] == (10, 60, "indexing pairs/train")
    assert told[-1] == (60, 60, "indexing pairs/train")


def test_what_a_listener_raises_ends_it_and_leaves_nothing_half_made(tmp_path: Path):
    make(tmp_path)
    for index in indexes():
        index.unlink()

    def stop(done: int, total: int | None, what: str) -> None:
        raise Stopped

    with telling(stop), pytest.raises(Stopped):
        open_source("mine/test")
    assert indexes() == []
    assert open_source("mine/test").length == ROWS


def test_a_command_says_nothing_of_what_is_quick_and_takes_its_line_away(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr("commands.progress_line.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    line = Line()
    for clock[0], done in ((0.1, 10), (0.5, 20)):
        line(done, 40, "indexing a\x1b[2J/b")
    assert capsys.readouterr().err == ""
    clock[0] = 1.0
    line(30, 40, "indexing a\x1b[2J/b")
    shown = capsys.readouterr()
    assert "\x1b[2J" not in shown.err
    assert "30 of 40 rows" in shown.err
    line(40, 40, "indexing a\x1b[2J/b")
    assert capsys.readouterr() == ("", "\r\x1b[2K")


def test_without_a_terminal_a_line_is_written_now_and_then(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr("commands.progress_line.time.monotonic", lambda: clock[0])
    line = Line()
    for clock[0] in range(25):
        line(int(clock[0]) + 1, None, "indexing a/b")
    assert capsys.readouterr() == ("", "indexing a/b: 11 rows\nindexing a/b: 21 rows\n")
