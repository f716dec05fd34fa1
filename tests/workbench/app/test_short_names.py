"""Ids of samples in lists: short, told apart, and whole where a single sample is shown."""

import hashlib
import json

import pytest
from rich.cells import cell_len

from sessions.estimate import Estimate
from tests.workbench.app.explore_bench import bench
from workbench.app.lists.draw import short_name
from workbench.app.lists.palette import Palette
from workbench.app.runs.figures import metric_line
from workbench.data.looking import OwnData, keep

HASHES = [hashlib.sha256(str(n).encode()).hexdigest()[:16] for n in range(2000)]


@pytest.mark.parametrize("cells", [12, 20, 30])
def test_hashes_are_short_and_still_told_apart(cells):
    short = [short_name(name, cells) for name in HASHES]
    assert len(set(short)) == len(HASHES) and all(len(name) == 9 for name in short)
    assert short[0] == f"{HASHES[0][:8]}…"


@pytest.mark.parametrize(
    ("name", "cells", "short"),
    [
        ("000007", 12, "000007"),
        ("dev-850-0-0", 12, "dev-850-0-0"),
        ("20240101123456", 20, "20240101…"),
        ("train2014/COCO_train2014_000000123456.jpg", 20, "train2…000123456.jpg"),
        ("deadbeefdeadbeef", 45, "deadbeefdeadbeef"),
        ("a\nb", 12, "a b"),
    ],
)
def test_of_a_long_name_its_end_is_kept(name, cells, short):
    assert short_name(name, cells) == short


def test_figures_of_one_kind_are_told_apart_by_their_end():
    names = [f"explanation/coco_bleu{n}" for n in range(1, 5)]
    lines = [metric_line(name, Estimate(0.5, n=9), 60, Palette(), 20).plain for name in names]
    assert len({line[:20] for line in lines}) == 4
    assert lines[3].startswith("explan…on/coco_bleu4")


@pytest.mark.parametrize("cells", range(0, 30))
def test_a_short_name_is_never_wider_than_its_place(cells):
    for name in ("日本語日本語日本語日本語日本語日本語", "a" * 40, HASHES[0], "x"):
        assert cell_len(short_name(name, cells)) <= max(cells, 2)


async def test_the_list_shows_the_text_beside_a_hash_and_the_panel_the_whole_id(tmp_path):
    rows = [{"id": name, "question": "Is it a red one?", "answer": "yes"} for name in HASHES[:9]]
    file = tmp_path / "hashed.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    async with bench((120, 40), dataset=keep(OwnData("hashed", str(file)))) as b:
        text = b.text()
        assert f"{HASHES[1][:8]}… Is it a" in text
        assert HASHES[0] in text and HASHES[1] not in text
