"""What each dataset needs before it can be opened, told without asking anybody."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tests.workbench.data.hub_data import add_pairs
from tests.workbench.data.tables import write_lines
from workbench.data.adding import add
from workbench.data.hub.cache import cache_dataset
from workbench.data.hub.state import remember
from workbench.data.readiness import dataset_names, not_added, readiness
from workbench.data.tables.mapping import datasets_dir


def table(tmp_path: Path, name: str = "mine") -> Path:
    path = write_lines(tmp_path / f"{name}.jsonl", [{"id": n, "question": "q?"} for n in range(3)])
    add(name, [str(path)], id="id", texts={"question": "question"})
    return path


def test_a_table_is_here_until_its_file_goes_and_then_says_which(tmp_path: Path):
    path = table(tmp_path)
    assert readiness("mine").state == "here"
    assert readiness("mine").words("mine") == "files here"
    path.unlink()
    gone = readiness("mine")
    assert gone.state == "missing" and gone.missing == (str(path),)
    assert str(path) in gone.error and "wb data rm mine" in gone.needs


def test_a_damaged_mapping_is_one_broken_dataset_among_whole_ones(tmp_path: Path):
    table(tmp_path)
    (datasets_dir() / "bad.toml").write_text("version = [")
    (datasets_dir() / "odd.toml").write_bytes(b"\xff\xfe\x00")
    names = dataset_names()
    assert {"demo", "mine", "bad", "odd"} <= set(names)
    states = {name: readiness(name).state for name in names}
    assert states["bad"] == states["odd"] == "broken"
    assert states["demo"] == "generated" and states["mine"] == "here"
    assert readiness("bad").error and readiness("never was").state == "broken"


def test_a_dataset_of_the_hub_says_how_much_lies_here_and_asks_for_nothing(fast_hub):
    add_pairs(fast_hub, weight=20_000, train=400)
    before = len(fast_hub.asked)
    fresh = readiness("pairs")
    assert fresh.state == "hub" and fresh.words("train") == "streamed"
    assert "wb data cache pairs" in fresh.needs
    assert len(fast_hub.asked) == before
    cache_dataset("pairs", splits=["train"], limit=50)
    before = len(fast_hub.asked)
    part = readiness("pairs")
    assert part.words("train") == "cached 50 of 400" and part.words("dev") == "streamed"
    remember("pairs", mode="cached")
    assert readiness("pairs").words("dev") == "not cached"
    remember("pairs", mode="streamed")
    assert readiness("pairs").words("train") == "streamed, 50 cached"
    assert len(fast_hub.asked) == before


def test_what_can_be_added_is_told_until_it_was(tmp_path: Path):
    known = {one.name: one for one in not_added()}
    assert known["nlvr2"].add == "wb data add nlvr2 hub:pingzhili/nlvr2"
    assert known["hateful_memes"].add == "wb data add hateful_memes FOLDER"
    for one in known.values():
        assert one.info.licence and one.info.description and one.traps and one.needs
    table(tmp_path, "nlvr2")
    assert "nlvr2" not in {one.name for one in not_added()}


def test_a_dataset_of_a_thousand_rows_is_counted_with_commas(tmp_path: Path):
    one = readiness("demo")
    info = dataclasses.replace(one.info, splits={"train": 5000})
    hub = dataclasses.replace(one, info=info, state="hub", mode="auto", cached={"train": 1200})
    assert hub.words("train") == "cached 1,200 of 5,000"
