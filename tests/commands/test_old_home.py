"""A home that an earlier version left is opened by every command and place, and stays as it is.

`tests/old_home` holds what version 0.1.0 wrote before its formats were changed last: sessions, two
runs, a job, settings, a template, the state of the bench, two datasets with their tables, and the
bookmarks as SQL. Nothing in it is written anew when a format changes: that is what it is for.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.real_home import Home, bench_readers, call, files_of, reading_commands
from tests.workbench.app.explore_bench import Bench

OLD = Path(__file__).resolve().parents[1] / "old_home"
UIDS = {"mine/t/1": "colours/colours/c1", "pictures/all/1": "claims/claims/k1"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of it, with the bookmarks in their database and the paths of this copy."""
    path = tmp_path / "place" / "wb"
    shutil.copytree(OLD / "home", path)
    shutil.copytree(OLD / "data", tmp_path / "place" / "data")
    for file in files_of(path):
        text = file.read_text().replace("@PLACE@", str(tmp_path / "place"))
        file.write_text(text)
    with sqlite3.connect(path / "uids.sqlite3") as database:
        database.executescript((OLD / "uids.sql").read_text())
    database.close()
    monkeypatch.setenv("WB_HOME", str(path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    names = {kind: tuple(sorted(p.name for p in (path / kind).iterdir())) for kind in PLACES}
    sessions = tuple(name.removesuffix(".jsonl") for name in names["sessions"])
    return Home(path, tmp_path, names["runs"], names["jobs"], sessions, ("colours", "claims"))


PLACES = ("runs", "jobs", "sessions")
# Of a hub's dataset, of a run with label scores, of two raters, of an engine that runs.
OF_OTHER_THINGS = {
    *("data verify", "runs reliability", "runs agreement", "engine status", "engine log"),
}
REPLACED = {"bench.json"}  # where the bench was left, written when it is left


def contents(home: Home) -> dict[str, bytes]:
    """Every file that a reader has no business to write, by its path in the home."""
    return {
        str(path.relative_to(home.path)): path.read_bytes()
        for path in files_of(home.path)
        if path.parent.name != "cache" and path.name not in REPLACED and ".sqlite3" not in path.name
    }


def bookmarks(home: Home) -> list[tuple]:
    """Each with its note, time and tags, in order."""
    with sqlite3.connect(home.path / "uids.sqlite3") as database:
        rows = database.execute(
            "SELECT b.uid, note, added, group_concat(tag) FROM bookmarks b JOIN tags USING (uid) "
            "GROUP BY b.uid ORDER BY seq"
        ).fetchall()
    database.close()
    return rows


def test_every_command_that_reads_opens_it_and_nothing_is_rewritten(home):
    before, marks = contents(home), bookmarks(home)
    said: dict[str, str] = {}
    for line in reading_commands(home):
        typed = [UIDS.get(word, word) for word in line]
        if " ".join(typed[:2]) in OF_OTHER_THINGS:
            continue
        out, err = call(typed)
        assert "damaged" not in err.replace("0 damaged", ""), (typed, err)
        said[" ".join(typed)] = out
    after = contents(home)
    assert {path: after[path] for path in before} == before
    assert bookmarks(home) == marks
    first, second = home.runs
    wanted = {
        "sessions list": ["first", "second"],
        "sessions show first": ["demo/test/000000", "No image has a teal triangle", "what a day"],
        "sessions show second --json": ["What colour is the sky?"],
        "bookmark list": ["colours/colours/c2", "two circles", "later"],
        f"runs show {first}": ["accuracy", "demo/test"],
        f"runs show {second} --errors": ["demo/test/"],
        f"jobs log {home.jobs[0]}": ["one", "two"],
        "jobs list": ["done", "count"],
        "config list": ["f6", "32"],
        "config check": [],
        "data info colours": ["3"],
        "inspect colours/colours/c1": ["What colour is the sky?", "blue"],
        "prompts show statement/own": ["Judge this"],
    }
    for line, words in wanted.items():
        assert all(word in said[line] for word in words), (line, said[line])


@pytest.mark.slow
async def test_every_place_of_the_bench_opens_it_and_nothing_is_rewritten(home):
    from workbench.app.app import WbApp

    before, marks = contents(home), bookmarks(home)
    for read in bench_readers(home):
        read()
    app = WbApp()
    async with app.run_test(size=(160, 48), notifications=True) as pilot:
        bench = Bench(app, pilot)
        await bench.settle()
        await bench.shows("demo/test/000002")  # where it was left
        for key, words in (
            ("2", ("demo/test", "accuracy")),
            ("3", ("count", "done")),
            ("4", ("first", "second")),
        ):
            await bench.press(key)
            await bench.shows(*words)
    after = contents(home)
    assert {path: after[path] for path in before} == before
    assert bookmarks(home) == marks
