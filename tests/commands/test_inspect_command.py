"""`wb inspect`: all of a sample, as words and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commands.inspect import command
from tests.workbench.data.tables import picture, write_lines
from workbench.data.adding import add
from workbench.errors import UnknownName


def inspect(*args: str) -> Result:
    return CliRunner().invoke(command, list(args), catch_exceptions=False)


def test_the_json_has_the_keys_of_the_design():
    body = json.loads(inspect("demo/test/12", "--json").stdout)
    assert list(body)[0] == "uid"
    assert body["uid"] == "demo/test/000012"
    assert set(body) >= {"texts", "label", "explanations", "images", "metadata"}
    assert set(body["images"][0]) >= {"width", "height", "sha256", "source"}
    assert len(body["metadata"]["objects"]) == len(body["images"]) == 2


def test_words_tell_the_same_without_json():
    words = inspect("demo/test/12").stdout
    for name in ("sentence", "label", "sha256", "object", "revision"):
        assert name in words


def test_a_row_of_a_table_says_where_it_stands(tmp_path: Path):
    (tmp_path / "i.png").write_bytes(picture())
    rows = [
        {"id": "a", "caption": "x", "image": "i.png"},
        {"id": "b", "caption": "y", "image": "n.png"},
    ]
    path = write_lines(tmp_path / "a.jsonl", rows)
    add("mine", path)
    body = json.loads(inspect("mine/a/b", "--json").stdout)
    assert body["row"] == {"file": str(path.resolve()), "number": 2}
    assert "does not exist" in body["error"]
    assert "does not exist" in body["images"][0]["error"]
    assert "2 of" in inspect("mine/a/b").stdout


def test_export_writes_the_images_as_they_came(tmp_path: Path):
    result = inspect("demo/test/3", "--json", "--export", str(tmp_path / "out"))
    body = json.loads(result.stdout)
    assert [Path(p).name for p in body["files"]] == [
        "demo%2Ftest%2F000003.json",
        "demo%2Ftest%2F000003.0.png",
        "demo%2Ftest%2F000003.1.png",
    ]
    assert all(Path(p).stat().st_size for p in body["files"])


def test_the_exported_json_says_what_the_command_says_and_names_its_images(tmp_path: Path):
    folder = tmp_path / "out"
    printed = json.loads(inspect("demo/test/3", "--json", "--export", str(folder)).stdout)
    beside = json.loads((folder / "demo%2Ftest%2F000003.json").read_text("utf-8"))
    for key in ("uid", "texts", "label", "explanations", "metadata"):
        assert beside[key] == printed[key]
    assert [image["file"] for image in beside["images"]] == [
        "demo%2Ftest%2F000003.0.png",
        "demo%2Ftest%2F000003.1.png",
    ]


def test_an_image_that_is_gone_stops_no_export_and_is_named_in_the_json(tmp_path: Path):
    rows = [{"id": "a/b", "caption": "x", "image": "gone.png"}]
    add("mine", write_lines(tmp_path / "a.jsonl", rows))
    inspect("mine/a/a/b", "--export", str(tmp_path / "out"))
    (file,) = (tmp_path / "out").iterdir()
    assert "/" not in file.name and file.suffix == ".json"
    assert "does not exist" in json.loads(file.read_text("utf-8"))["images"][0]["error"]


def test_an_unknown_uid_is_an_error():
    with pytest.raises(UnknownName):
        inspect("demo/test/99999")


def test_nothing_heavy_is_imported_to_inspect():
    code = (
        "import sys; from click.testing import CliRunner; from commands.inspect import command;"
        "CliRunner().invoke(command, ['demo/test/1', '--json'], catch_exceptions=False);"
        "heavy = {'torch', 'transformers', 'datasets', 'pyarrow', 'httpx'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_text_that_a_row_lacks_is_left_out(tmp_path: Path):
    (tmp_path / "t.csv").write_text("id,question,hint,answer\n1,a?,look,x\n2,b?,,y\n")
    add("mine", tmp_path / "t.csv")
    assert "  hint         look" in inspect("mine/t/1").stdout
    assert "  hint " not in inspect("mine/t/2").stdout
