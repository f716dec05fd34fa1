"""What `wb data add` and `wb data info` say of the data: a table over every row."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commands.data import command
from tests.workbench.data.tables import write_pictures
from tests.workbench.models.tiny import picture
from workbench.data.looking import OwnData, look
from workbench.data.registry import dataset_info
from workbench.errors import DataError, UnknownName


def data(*args: str) -> Result:
    return CliRunner().invoke(command, list(args), catch_exceptions=False)


def table(folder: Path, pictures: int, rows: int = 50) -> str:
    """A table of `rows`, of whose pictures the first so many are there."""
    lines = [f"k{i},what {i}?,{'yes' if i % 5 else 'no'},img/{i}.png\n" for i in range(rows)]
    (folder / "test.csv").write_text("id,question,answer,image\n" + "".join(lines))
    write_pictures(folder, [f"img/{i}.png" for i in range(pictures)])
    return str(folder / "test.csv")


def test_the_table_counts_every_row_and_looks_for_every_image(tmp_path: Path):
    result = data("add", "mine", table(tmp_path, pictures=48))
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[1] == ["SPLIT", "ROWS", "WITH", "ID", "TEXT", "LABEL", "IMAGE"]
    assert " ".join(rows[2]) == "test 50 50 question 50 50: yes 40, no 10 48 found, 2 missing"
    assert "warning: test: 2 of 50 images are missing" in result.stderr
    assert str(tmp_path / "img/48.png") in result.stderr


def test_the_table_ends_with_a_rendered_prompt(tmp_path: Path):
    result = data("add", "mine", table(tmp_path, pictures=50))
    assert "prompt of mine/test/k0 (question/yes-no):\n" in result.stdout
    assert "  [image img/0.png]\n  what 0? Answer yes or no.\n" in result.stdout
    assert data("info", "mine").stdout.endswith("  what 0? Answer yes or no.\n")


def test_the_document_carries_what_the_table_says(tmp_path: Path):
    body = json.loads(data("add", "mine", table(tmp_path, pictures=48), "--json").stdout)
    split = body["understood"]["splits"]["test"]
    assert (split["rows"], split["ids"], split["texts"]) == (50, 50, {"question": 50})
    assert (split["labels"], split["commonest"]) == (50, [["yes", 40], ["no", 10]])
    assert (split["images"], split["found"], split["missing"]) == (50, 48, 2)
    assert split["prompt"]["text"].startswith("[image img/0.png]\nwhat 0?")
    assert len(body["understood"]["warnings"]) == 1
    assert json.loads(data("info", "mine", "--json").stdout)["understood"] == body["understood"]


def test_four_labels_are_named_and_of_five_three(tmp_path: Path):
    for name, count in (("four", 4), ("five", 5)):
        rows = [f"{i},what?,w{i % count}\n" for i in range(2 * count)]
        (tmp_path / f"{name}.csv").write_text("id,question,answer\n" + "".join(rows))
    assert "8: w0 2, w1 2, w2 2, w3 2 " in data("add", "a", str(tmp_path / "four.csv")).stdout
    told = data("add", "b", str(tmp_path / "five.csv")).stdout
    assert "10: w0 2, w1 2, w2 2 and 2 other labels " in told


def test_the_references_of_gathered_captions_are_counted(tmp_path: Path):
    write_pictures(tmp_path, ["a.png", "b.png"])
    rows = [f"{name}.png,a disc {i}\n" for name in "ab" for i in range(5)]
    (tmp_path / "c.csv").write_text("image,caption\n" + "".join(rows))
    told = data("add", "mine", str(tmp_path / "c.csv"))
    assert "2: a disc 0 2; 10 references in all" in told.stdout
    body = json.loads(data("info", "mine", "--json").stdout)
    assert body["understood"]["splits"]["c"]["references"] == 10


def test_a_zero_is_a_warning(tmp_path: Path):
    (tmp_path / "a.csv").write_text("id,question,answer\n1,what?,\n2,who?,\n")
    result = data("add", "mine", str(tmp_path / "a.csv"))
    assert "warning: a: 0 of 2 rows have a label" in result.stderr
    assert "warning: a: 0 of 2 rows have an image" in result.stderr


def test_a_row_with_empty_cells_is_a_warning_to_the_command_and_to_the_form(tmp_path: Path):
    rows = "".join(f"{n},what {n}?,yes\n" for n in range(11))
    (tmp_path / "a.csv").write_text(f"id,question,answer\n{rows}11,,\n")
    result = data("add", "mine", str(tmp_path / "a.csv"))
    told = look(OwnData("twin", str(tmp_path / "a.csv"))).table.warnings
    for said in ("a: 1 of 12 rows has no question", "a: 1 of 12 rows has no label"):
        assert f"warning: {said}" in result.stderr and said in told


def test_rows_without_an_image_are_counted(tmp_path: Path):
    write_pictures(tmp_path, ["1.png"])
    rows = (
        '{"id": 1, "question": "?", "image": "1.png"}\n{"id": 2, "question": "?", "image": null}\n'
    )
    (tmp_path / "t.jsonl").write_text(rows)
    result = data("add", "mine", str(tmp_path / "t.jsonl"))
    assert "1 found, 0 missing, 1 row without" in result.stdout
    assert "warning: t: 1 of 2 rows has no image" in result.stderr


def test_files_of_a_folder_that_are_read_as_nothing_are_named(tmp_path: Path):
    write_pictures(tmp_path / "f", ["train/1.png", "test/2.png", "stray.png"])
    (tmp_path / "f/notes.txt").write_text("x")
    result = data("add", "mine", str(tmp_path / "f"))
    assert "warning: 2 files passed over: notes.txt, stray.png" in result.stderr
    body = json.loads(data("info", "mine", "--json").stdout)
    assert body["understood"]["passed_over"] == ["notes.txt", "stray.png"]


def test_a_dataset_without_any_of_its_images_is_not_added(tmp_path: Path):
    alone = tmp_path / "a" / "b"  # beside it no other test has such a picture
    alone.mkdir(parents=True)
    path = table(alone, pictures=0)
    with pytest.raises(DataError, match="all 50 images are missing") as caught:
        data("add", "mine", path)
    assert caught.value.exit_code == 1
    assert "--allow-missing" in caught.value.hint
    with pytest.raises(UnknownName):
        dataset_info("mine")
    assert data("add", "mine", path, "--allow-missing").exit_code == 0


def test_what_was_guessed_is_said_where_adding_fails(tmp_path: Path):
    path = table(tmp_path, pictures=0)
    result = CliRunner().invoke(command, ["add", "mine", path])
    assert isinstance(result.exception, DataError)
    assert "taken  image: image" in result.stderr


def test_without_a_text_and_a_label_the_end_is_the_command_to_type(tmp_path: Path):
    rows = [f"{i}.png,Is {i} there?,{'ja' if i % 2 else 'nein'}\n" for i in range(8)]
    (tmp_path / "yn.csv").write_text("img,m1,m2\n" + "".join(rows))
    write_pictures(tmp_path, [f"{i}.png" for i in range(8)])
    file = str(tmp_path / "yn.csv")
    result = data("add", "yn", file, "--licence", "my own")
    last = result.stderr.splitlines()[-1]
    options = ["--licence", "my own", "--replace", "--text", "question=m1", "--label", "m2"]
    assert last.endswith(": " + shlex.join(["wb", "data", "add", "yn", file, *options]))
    assert "no text" not in data(*shlex.split(last.partition(": wb data ")[2])).stderr


def test_one_word_of_a_split_column_is_told_unless_it_is_the_splits_name(tmp_path: Path):
    (tmp_path / "yn.csv").write_text("id,question,answer,split\n1,what?,a,test\n2,who?,b,test\n")
    file = str(tmp_path / "yn.csv")
    told = "its column 'split' stays in the metadata; --split test='split==test' cuts by it"
    assert f"warning: yn: {told}" in data("add", "yn", file).stderr
    assert "cuts by it" not in data("add", "yn", f"test={file}", "--replace").stderr
    cut = data("add", "yn", file, "--replace", "--split", "dev=split==test")
    assert "cuts by it" not in cut.stderr


def test_boxes_are_counted_with_those_outside_over_the_edge_and_that_are_none(tmp_path, run_wb):
    (tmp_path / "a.png").write_bytes(picture(100, 50).data)
    boxes = [[1, 2, 30, 40], [90, 5, 120, 40], [200, 5, 220, 40], [30, 40, 1, 2], [5, 5, 5, 9]]
    rows = [{"image": "a.png", "expression": f"thing {i}", "box": b} for i, b in enumerate(boxes)]
    rows.append(rows[0] | {"expression": "two", "box": [[1, 2, 30, 40], [2, 2, 100.5, 50]]})
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = run_wb("data", "add", "own", str(tmp_path / "own.jsonl"), "--objects", "box:xyxy")
    assert done.code == 0, done.err
    assert "5 boxes, 1 outside of their picture, 1 over its edge, 2 rows with none" in done.out
    assert (
        "of 5 boxes 1 lie outside of their picture and 1 reach over its edge, as: [90," in done.err
    )
    assert "the boxes of 2 of 6 rows cannot be used" in done.err and "holds nothing" in done.err
    told = run_wb("data", "info", "own", "--json").json["understood"]["splits"]["own"]["boxes"]
    assert (told["boxes"], told["held"], told["outside"], told["unusable"]) == (5, 5, 1, 2)


def test_a_table_without_boxes_has_no_column_of_them(tmp_path, run_wb):
    (tmp_path / "own.csv").write_text("id,question,answer\n1,is it?,yes\n2,is it not?,no\n")
    done = run_wb("data", "add", "own", str(tmp_path / "own.csv"), "--allow-missing")
    assert "BOXES" not in done.out
    told = run_wb("data", "info", "own", "--json").json["understood"]["splits"]["own"]
    assert told["boxes"] is None


def test_images_that_links_lead_out_of_the_folder_are_told_as_that(tmp_path: Path):
    write_pictures(tmp_path / "elsewhere", ["a.png"])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    path = tmp_path / "mine" / "t.csv"
    path.write_text("id,question,answer,image\n1,a?,b,a.png\n")
    with pytest.raises(DataError, match="leads out of the image root") as caught:
        data("add", "mine", str(path))
    assert "--image-root" in caught.value.hint


NULLS = ["NA", "NA", "None", "nan", "yes", "no", "yes", "no", "none"]


def labelled(path: Path, column: str = "verdict", labels: list[str | None] = NULLS) -> str:
    rows = [{"id": i, "text": "x", column: word} for i, word in enumerate(labels)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_labels_that_often_stand_for_none_are_told_with_the_filter_that_leaves_them_out(
    tmp_path: Path, run_wb
):
    path = labelled(tmp_path / "t.jsonl")
    add = ("data", "add", "mine", path, "--label", "verdict", "--image", "")
    result = run_wb(*add)
    filtered = """verdict!="NA" and verdict!="None" and verdict!="nan\""""
    told = (
        "warning: t: 'NA' (2), 'None' (1), 'nan' (1) are kept as labels; "
        f"--where '{filtered}' leaves such rows out"
    )
    assert told in result.err and told in run_wb("data", "info", "mine").err
    assert told[9:] in look(OwnData("", path, {"id": "id", "verdict": "label"})).table.warnings
    result = run_wb(*add, "--replace", "--where", filtered)
    assert "kept as" not in result.err
    assert "labels: no, none, yes (all that 5 labelled rows have)" in result.err
    assert dataset_info("mine").labels == ("no", "none", "yes")


def test_one_label_that_may_stand_for_none_is_told_by_its_column(tmp_path: Path, run_wb):
    path = labelled(tmp_path / "t.jsonl", "the verdict", ["yes", "no", "NA"])
    said = run_wb("data", "add", "mine", path, "--label", "the verdict", "--image", "").err
    assert "'NA' (1) is kept as a label; --where '`the verdict`!=\"NA\"' leaves" in said


def test_no_label_is_told_for_a_null_nor_for_a_csv_that_takes_it_for_none(tmp_path: Path, run_wb):
    path = labelled(tmp_path / "t.jsonl", labels=["yes", "no", None])
    csv = tmp_path / "c.csv"
    csv.write_text("id,text,verdict\n1,x,yes\n2,x,no\n3,x,nan\n")
    said = run_wb("data", "add", "mine", path, str(csv), "--label", "verdict", "--image", "").err
    assert "kept as" not in said


def test_labels_are_guessed_from_the_rows_of_any_split_alone(tmp_path: Path, run_wb):
    path = labelled(tmp_path / "t.jsonl", labels=["a", "b", "c", "d"])
    splits = ("--split", "one=id==0", "--split", "two=id==2", "--label", "verdict", "--image", "")
    said = run_wb("data", "add", "mine", path, *splits).err
    assert "labels: a, c (all that 2 labelled rows have)" in said
