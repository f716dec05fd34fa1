"""`wb gallery`: drawn, listed, saved; the same draw everywhere."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from commands.gallery import command
from tests.workbench.data.tables import picture, write_lines
from workbench.data.adding import add
from workbench.data.permutation import draw
from workbench.data.source import open_source
from workbench.errors import UnknownName


def gallery(*args: str) -> Result:
    return CliRunner().invoke(command, list(args), catch_exceptions=False)


def test_samples_are_shown_in_order_without_colours_where_there_is_no_terminal():
    result = gallery("demo/test", "--limit", "2", "--start", "5")
    assert "demo/test/000005" in result.stdout
    assert "demo/test/000006" in result.stdout
    assert "demo/test/000007" not in result.stdout
    assert "▀" not in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(("depth", "code"), [("truecolor", "38;2;"), ("256", "38;5;")])
def test_pictures_can_be_forced_at_either_depth(depth: str, code: str):
    result = gallery("demo/test", "--limit", "1", "--images", depth)
    assert result.stdout.count("▀") > 100
    assert code in result.stdout


def test_a_seed_draws_the_same_samples_as_the_library():
    body = json.loads(gallery("demo/test", "--random", "3", "--seed", "7", "--json").stdout)
    source = open_source("demo/test")
    assert [entry["uid"] for entry in body] == [source.uid_at(i) for i in draw(1000, 3, 7)]
    assert [list(entry)[0] for entry in body] == ["uid"] * 3


def test_samples_by_uid_may_come_from_several_datasets():
    result = gallery("--uid", "demo/test/3", "--uid", "demo_vqa/dev/4", "--json")
    assert [e["uid"] for e in json.loads(result.stdout)] == [
        "demo/test/000003",
        "demo_vqa/dev/000004",
    ]
    with pytest.raises(UnknownName):
        gallery("--uid", "demo/test/99999")


def test_saving_writes_images_a_json_each_and_a_table(tmp_path: Path):
    result = gallery("demo/test", "--limit", "2", "--out", str(tmp_path / "out"))
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert len(names) == 2 * 3 + 1
    assert "demo%2Ftest%2F000000.0.png" in names
    assert str(tmp_path / "out/demo%2Ftest%2F000001.json") in result.stdout.splitlines()
    with (tmp_path / "out/samples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["uid"] for row in rows] == ["demo/test/000000", "demo/test/000001"]
    assert rows[0]["images"] == "demo%2Ftest%2F000000.0.png demo%2Ftest%2F000000.1.png"


def test_export_is_another_word_for_out_and_a_pair_is_written_with_a_json_that_names_both(
    tmp_path: Path,
):
    folder = tmp_path / "picked"
    body = json.loads(
        gallery(
            "demo/test", "--random", "2", "--seed", "5", "--export", str(folder), "--json"
        ).stdout
    )
    for entry in body:
        beside = json.loads(Path(entry["files"][0]).read_text("utf-8"))
        assert beside["uid"] == entry["uid"]
        names = [image["file"] for image in beside["images"]]
        assert [str(folder / name) for name in names] == entry["files"][1:]
        for image, name in zip(beside["images"], names, strict=True):
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            assert digest == image["sha256"]


def test_images_that_could_not_be_had_are_counted_and_stop_nothing(tmp_path: Path):
    (tmp_path / "ok.png").write_bytes(picture())
    rows = [
        {"id": "a", "caption": "c", "image": "ok.png"},
        {"id": "b", "caption": "c", "image": "gone.png"},
    ]
    add("mine", write_lines(tmp_path / "a.jsonl", rows))
    result = gallery("mine/a", "--export", str(tmp_path / "out"))
    assert "2 samples written" in result.stderr and "1 images could not be had" in result.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == 1


def test_nothing_is_written_where_one_uid_of_several_is_unknown(tmp_path: Path):
    folder = tmp_path / "picked"
    with pytest.raises(UnknownName):
        gallery("--uid", "demo/test/1", "--uid", "demo/test/99999", "--export", str(folder))
    assert not folder.exists()


def test_the_first_of_a_longer_draw_are_those_of_a_shorter_one():
    def drawn(count: str) -> list[str]:
        listed = gallery("demo/dev", "--random", count, "--seed", "9", "--json").stdout
        return [entry["uid"] for entry in json.loads(listed)]

    assert drawn("5")[:2] == drawn("2")
    assert len(set(drawn("5"))) == 5


def test_a_part_of_a_split_and_an_endless_one():
    assert gallery("demo/stream", "--limit", "1").exit_code == 0
    body = json.loads(gallery("demo", "--split", "test[990:]", "--limit", "99", "--json").stdout)
    assert len(body) == 10


def test_hostile_text_and_a_missing_image_are_shown_as_words(tmp_path: Path):
    (tmp_path / "ok.png").write_bytes(picture())
    rows = [
        {
            "id": "a\x1b]0;x\x07b",
            "caption": "\x1b[31m[red]bold[/red] [/nope] \u202e",
            "image": "ok.png",
        },
        {"id": "gone", "caption": "c", "image": "gone.png"},
    ]
    write_lines(tmp_path / "a.jsonl", rows)
    add("mine", tmp_path / "a.jsonl")
    words = gallery("mine/a", "--images", "off").stdout
    assert "[red]bold[/red] [/nope]" in words
    assert "gone.png does not exist" in words
    assert not set(words) & set("\x1b\x07\u202e")
    drawn = gallery("mine/a", "--images", "256").stdout
    assert "]0;x" not in drawn


def test_contradictory_flags_are_wrong_usage():
    wrong = (
        ["--uid", "demo/test/1", "--random", "2"],
        [],
        ["demo/test", "--random", "-1"],
        ["demo/test", "--limit", "-1"],
        ["demo/test", "--start", "-1"],
    )
    for args in wrong:
        result = CliRunner().invoke(command, args)
        assert isinstance(result.exception, SystemExit)
        assert result.exit_code == 2
    assert issubclass(click.UsageError, click.ClickException)
