"""Forms that public data have: what `wb data add` takes of each, as its table says.

The table of `docs/datasets.md` (Forms) names these, row by row.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from commands.data import command
from tests.workbench.data.tables import (
    mine,
    picture,
    samples,
    write_lines,
    write_parquet,
    write_pictures,
)
from workbench.data.adding import add
from workbench.data.understood import understand
from workbench.errors import DataError

CHOICE = {"id": 1, "image": "1.png", "question": "Which?", "options": ["red", "green"]}
CSV = "id,image,question,answer\n{0},images/{0}.png,what?,red\n"


@dataclass(frozen=True)
class Form:
    """Files of a form, what is typed behind the name, and the rows of the table that is printed."""

    write: Callable[[Path], Any]
    words: tuple[str, ...]
    rows: tuple[str, ...]
    prompt: str = ""


def document(name: str, body: Any) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(json.dumps(body, indent=1))


def lines(name: str, *rows: dict) -> Callable[[Path], Any]:
    return lambda folder: write_lines(folder / name, rows)


def files(**texts: str) -> Callable[[Path], Any]:
    def write(folder: Path) -> None:
        for name, text in texts.items():
            path = folder / name.replace("__", "/").replace("_csv", ".csv")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


FORMS = {
    "a dictionary with records under names of images": Form(
        document("t.json", {"1.png": {"question": "what?", "answer": "red"}}),
        ("t.json",),
        ("t 1 1 question 1 1: red 1 1 found, 0 missing",),
    ),
    "a dictionary with words under names of images": Form(
        document("t.json", {"1.png": "cat", "2.png": "dog"}),
        ("t.json",),
        ("t 2 2 – 2: cat 1, dog 1 2 found, 0 missing",),
        "Which of these is it: cat or dog?",
    ),
    "pandas' columns and data": Form(
        document("t.json", {"columns": ["id", "image", "caption"], "data": [[7, "1.png", "a"]]}),
        ("t.json",),
        ("t 1 1 caption 1 1: a 1 1 found, 0 missing",),
        "Describe the image.",
    ),
    "options in the text of the question": Form(
        lines(
            "t.jsonl",
            {"id": 1, "image": "1.png", "question": "Which?\nA. red,\nB. green", "answer": "B"},
        ),
        ("t.jsonl",),
        ("t 1 1 question 1, options 1 1: B 1 1 found, 0 missing",),
        "Which?\n  A. red\n  B. green\n  Answer with the letter",
    ),
    "options under their letters": Form(
        lines("t.jsonl", {**CHOICE, "options": {"B": "green", "A": "red"}, "answer": "green"}),
        ("t.jsonl",),
        ("t 1 1 question 1, options 1 1: B 1 1 found, 0 missing",),
        "A. red\n  B. green\n",
    ),
    "answers that count the options from 1": Form(
        lines("t.jsonl", {**CHOICE, "answer": 1}, {**CHOICE, "id": 2, "answer": 2}),
        ("t.jsonl",),
        ("t 2 2 question 2, options 2 2: A 1, B 1 2 found, 0 missing",),
    ),
    "people's answers alone": Form(
        files(t_csv="id,image,question,answers\n1,1.png,what?,\"['a', 'b', 'b']\"\n"),
        ("t.csv",),
        ("t 1 1 question 1 1: b 1; 3 references in all 1 found, 0 missing",),
    ),
    "a query with its response": Form(
        lines("t.jsonl", {"id": 1, "images": ["1.png"], "query": "<image>What?", "response": "A."}),
        ("t.jsonl",),
        ("t 1 1 question 1 1: A. 1 1 found, 0 missing",),
        "  What? Answer",
    ),
    "The Cauldron's turns": Form(
        lines(
            "t.jsonl",
            {"id": 1, "images": ["1.png"], "texts": [{"user": "What?", "assistant": "A."}]},
        ),  # fmt: skip
        ("t.jsonl",),
        ("t 1 1 question 1 1: A. 1 1 found, 0 missing",),
    ),
    "a folder with tables that are called like splits": Form(
        files(f__train_csv=CSV.format(1), f__test_csv=CSV.format(2)),
        ("f",),
        (
            "test 1 1 question 1 1: red 1 1 found, 0 missing",
            "train 1 1 question 1 1: red 1 1 found, 0 missing",
        ),
    ),
    "a folder data/ with a table per split": Form(
        files(g__data__train__metadata_csv="file_name,text\n1.png,a dog\n"),
        ("g",),
        ("train 1 1 caption 1 1: a dog 1 1 found, 0 missing",),
    ),
    "a folder per split": Form(
        files(),
        ("train=one", "test=two"),
        (
            "train 2 2 – 2: cat 1, dog 1 2 found, 0 missing",
            "test 2 2 – 2: cat 1, dog 1 2 found, 0 missing",
        ),
    ),
    "a folder with one table whose rows name its images": Form(
        files(f__labels_csv="file,label\nimages/1.png,cat\nimages/2.png,dog\n"),
        ("f",),
        ("labels 2 2 – 2: cat 1, dog 1 2 found, 0 missing",),
    ),
    "images with lists of captions": Form(
        lines("t.jsonl", {"image": "1.png", "captions": ["a", "b"]}),
        ("t.jsonl",),
        ("t 1 1 – 1: a 1; 2 references in all 1 found, 0 missing",),
        "Describe the image.",
    ),
    "images in numbered folders": Form(
        files(t_csv="id,question,answer\n1,what?,red\n"),
        ("t.csv", "--image", "deep/*/{id}.*"),
        ("t 1 1 question 1 1: red 1 1 found, 0 missing",),
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_what_is_taken_of_a_form(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    form = FORMS[name]
    write_pictures(tmp_path, ["1.png", "2.png", "f/images/1.png", "f/images/2.png"])
    write_pictures(tmp_path, ["g/data/train/1.png", "deep/001/1.png", "deep/002/2.png"])
    write_pictures(tmp_path, [f"{f}/{c}/1.png" for f in ("one", "two") for c in ("cat", "dog")])
    form.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, ["add", "mine", *form.words], catch_exceptions=False)
    table = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert tuple(table[2 : 2 + len(form.rows)]) == form.rows
    assert form.prompt in result.stdout
    assert "warning" not in result.stderr


def test_every_form_of_the_test_stands_in_the_documentation():
    text = (Path(__file__).parents[3] / "docs/datasets.md").read_text()
    assert [name for name in FORMS if f"| {name} " not in text] == []


def test_a_row_may_name_the_row_that_holds_its_picture(tmp_path: Path):
    """MMBench keeps each picture once; the other rows hold the index of that row."""
    text = base64.b64encode(picture()).decode()
    rows = f"7\tWhich?\tred\tgreen\tB\t{text}\n8\tWhich?\tgreen\tred\tA\t7\n"
    mine(tmp_path, "index\tquestion\tA\tB\tanswer\timage\n" + rows, "t.tsv")
    assert [sample.images[0].data == picture() for sample in samples()] == [True, True]


def test_a_folder_with_one_table_that_holds_its_pictures_is_that_table(tmp_path: Path):
    text = base64.b64encode(picture()).decode()
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "mmbench.tsv").write_text(
        f"index\tquestion\tA\tB\tanswer\timage\n7\tWhich?\tred\tgreen\tB\t{text}\n"
    )
    added = add("mine", tmp_path / "f")
    assert added.info.splits == {"mmbench": 1} and "mmbench.tsv (the one table" in added.guessed[0]
    assert samples("mine/mmbench")[0].images[0].data == picture()


def test_yes_in_several_spellings_is_one_label(tmp_path: Path):
    rows = "1,is it?,Yes\n2,is it?,yes\n3,is it?,Yes\n4,is it?,NO\n"
    added = mine(tmp_path, "id,question,answer\n" + rows)
    assert added.mapping.labels == ("Yes", "NO")
    assert [sample.label for sample in samples()] == ["Yes", "Yes", "Yes", "NO"]


def test_a_label_of_several_words_is_the_most_frequent_and_all_are_references(tmp_path: Path):
    row = {"id": 1, "question": "what?", "answer": ["red", "crimson", "crimson"]}
    mine(tmp_path, json.dumps(row) + "\n", "t.jsonl")
    (sample,) = samples()
    assert (sample.label, sorted(sample.references)) == ("crimson", ["crimson", "crimson", "red"])


def test_a_table_with_an_answer_of_its_own_keeps_it_and_says_so(tmp_path: Path):
    row = {"id": 1, "question": "what?", "answer": "red", "answers": ["a", "a", "red"]}
    added = mine(tmp_path, json.dumps(row) + "\n", "t.jsonl")
    assert samples()[0].label == "red"
    assert any("--label answers:most_frequent" in guess for guess in added.guessed)
    mine(tmp_path, json.dumps(row) + "\n", "t.jsonl", label="answers:most_frequent")
    assert samples()[0].label == "a"


def test_answers_under_another_name_are_label_and_references(tmp_path: Path):
    write_lines(tmp_path / "fit.jsonl", [{"id": 1, "question": "a?", "said": ["x", "y", "y"]}])
    write_lines(tmp_path / "test.jsonl", [{"id": 2, "question": "b?"}])
    files = [tmp_path / "fit.jsonl", tmp_path / "test.jsonl"]
    add("mine", files, label="said:most_frequent")
    (sample,), (other,) = samples("mine/fit"), samples("mine/test")
    assert (sample.label, sample.references, sample.metadata) == ("y", ("y", "x", "y"), {})
    assert (other.label, other.references, other.error) == (None, (), None)


def test_a_pattern_that_fits_two_files_is_a_problem(tmp_path: Path):
    write_pictures(tmp_path, ["a/1.png", "b/1.png", "b/2.png"])
    mine(tmp_path, "id,question\n1,a?\n2,b?\n", image=["*/{id}.png"])
    first, second = samples()
    assert "2 files fit: a/1.png, b/1.png" in (first.error or "")
    assert second.images[0].load().size == (8, 6)
    mine(tmp_path / "a", "id,question,f\n1,a?,../b/1\n", image=["{f}*.png"])
    assert "leads out of the image root" in (samples()[0].error or "")


def test_a_row_has_fewer_images_than_there_are_columns(tmp_path: Path):
    write_pictures(tmp_path, ["1.png"])
    mine(tmp_path, "id,question,image_1,image_2,image_3\n1,a?,1.png,,\n")
    (sample,) = samples()
    assert ([ref.name for ref in sample.images], sample.error) == (["1.png"], None)


def test_columns_of_different_lengths_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"different lengths \(id 2, question 1\)"):
        mine(tmp_path, json.dumps({"id": [1, 2], "question": ["a"]}), "t.json")


def test_a_label_without_a_closed_set_is_asked_for_openly(tmp_path: Path):
    mine(tmp_path, "id,text,label\n" + "".join(f"{i},a,bird {i}\n" for i in range(40)))
    result = CliRunner().invoke(command, ["info", "mine"], catch_exceptions=False)
    assert "Which of these" not in result.stdout
    assert "(classification/open)" in result.stdout
    assert "does not show the text 'text'" in result.stderr


def test_a_layout_of_single_tables_takes_split_and_file(tmp_path: Path):
    write_pictures(tmp_path, ["fit/images/0.png"])
    (tmp_path / "q.json").write_text('[["what?", "red", 0]]')
    add("easy", f"fit={tmp_path / 'q.json'}", like="easy_vqa")
    assert [(s.uid.split("/")[1], s.label, s.error) for s in samples("easy")] == [
        ("fit", "red", None)
    ]


def test_a_file_that_a_layout_does_not_know_is_refused_where_it_was_named(tmp_path: Path):
    write_pictures(tmp_path, ["1.png"])
    images = [{"id": 1, "file_name": "1.png"}]
    said = [{"id": 1, "image_id": 1, "caption": "x"}]
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "annotations": said}))
    (tmp_path / "boxes.json").write_text(json.dumps({"images": [1], "annotations": [{"bbox": []}]}))
    files = [f"val={tmp_path / 'c.json'}", f"more={tmp_path / 'boxes.json'}"]
    with pytest.raises(DataError, match=r"boxes\.json is none of the files of captions"):
        add("mine", files, like="captions")
    assert add("mine", files[:1]).info.splits == {"val": 1}  # by what it holds


def test_tables_of_captions_are_gathered_together(tmp_path: Path):
    (tmp_path / "train.csv").write_text("image,caption\n1.png,a\n1.png,b\n")
    (tmp_path / "test.csv").write_text("image,caption\n2.png,c\n")
    add("mine", [tmp_path / "train.csv", tmp_path / "test.csv"])
    assert [s.references for s in samples("mine/train")] == [("a", "b")]
    assert [(s.label, s.references) for s in samples("mine/test")] == [("c", ("c",))]


def test_conversations_are_read_out_of_parquet(tmp_path: Path):
    turns = [{"from": "human", "value": "<image>What?"}, {"from": "gpt", "value": "A."}]
    rows = [{"id": i, "n": i, "conversations": turns} for i in range(9)]
    added = add("mine", write_parquet(tmp_path / "t.parquet", rows))
    assert (added.mapping.task, added.info.splits) == ("question", {"t": 9})
    last = samples()[-1]
    assert (last.uid, last.texts, last.label) == ("mine/t/8", {"question": "What?"}, "A.")
    assert last.metadata["n"] == 8


def test_the_images_of_a_folder_with_tables_may_be_taken_alone(tmp_path: Path):
    write_pictures(tmp_path, ["a/1.png", "b/1.png"])
    (tmp_path / "train.csv").write_text(CSV.format(1))
    assert add("mine", tmp_path, like="").mapping.labels == ("a", "b")


def test_rows_with_a_fault_are_counted_and_the_first_is_told(tmp_path: Path):
    rows = "1,a?,x,y,A\n2,b?,x,y,C\n3,c?,x,y,D\n4,d?,x\n"
    added = mine(tmp_path, "id,question,A,B,answer\n" + rows)
    (table,) = understand(added.mapping).splits
    assert (table.rows, table.bad, table.labels, table.faulty) == (4, 1, 1, 2)
    assert "its answer 'C' is none of A, B" in table.fault
    assert any("2 of 4 rows have a fault" in line for line in understand(added.mapping).warnings)


def test_a_hypothesis_that_is_right_or_wrong_is_a_statement(tmp_path: Path):
    added = mine(tmp_path, "id,hypothesis,label\n1,a dog,yes\n2,a cat,no\n")
    assert (added.mapping.task, samples()[0].texts) == ("statement", {"sentence": "a dog"})
    added = mine(tmp_path, "id,hypothesis,label\n1,a dog,entailment\n2,a cat,neutral\n")
    assert (added.mapping.task, samples()[0].texts) == ("entailment", {"hypothesis": "a dog"})
    rows = "id,caption,label\n1,a dog,1\n2,a cat,0\n"
    assert mine(tmp_path, rows).mapping.task == "statement"
    added = mine(tmp_path, rows, texts={"caption": "caption"})  # a role that was named stands
    assert (added.mapping.task, added.mapping.texts) == ("classification", {"caption": "caption"})
