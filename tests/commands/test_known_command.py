"""`wb data add` with a known layout, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from commands.data import command
from tests.workbench.data.tables import write_lines, write_pictures


def data(*args: str) -> Result:
    return CliRunner().invoke(command, list(args), catch_exceptions=False)


def memes(root: Path) -> Path:
    rows = [{"id": n, "img": f"img/{n:05}.png", "label": n % 2, "text": "look"} for n in (1, 2, 3)]
    write_pictures(root, ["img/00001.png", "img/00002.png"])
    write_lines(root / "train.jsonl", rows)
    return root


def test_a_known_folder_under_its_name_tells_what_was_taken_and_what_is_missing(tmp_path: Path):
    result = data("add", "hateful_memes", str(memes(tmp_path / "memes")))
    assert result.exit_code == 0
    assert "taken  layout: hateful_memes" in result.stderr
    assert "note   train: 1 of the samples lack an image" in result.stderr
    assert "00003.png" in result.stderr
    assert "train 3" in result.stdout
    said = data("info", "hateful_memes").stdout
    assert "1 of the samples lack an image" in said
    assert "not hateful, hateful" in said


def test_the_notes_are_in_the_json_of_both(tmp_path: Path):
    folder = str(memes(tmp_path / "memes"))
    added = json.loads(data("add", "mine", folder, "--like", "hateful_memes", "--json").stdout)
    assert added["splits"] == {"train": 3}
    (note,) = added["notes"]
    assert note.startswith("train: 1 of the samples lack an image")
    facts = json.loads(data("info", "mine", "--json").stdout)["split_details"]["train"]
    assert facts["notes"] == [note.removeprefix("train: ")]
