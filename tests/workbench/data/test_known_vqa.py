"""Visual questions: VQA v2, VizWiz, GQA and plain tables, with all answers of people kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workbench.data.tables import write_pictures
from workbench.data.adding import add
from workbench.data.source import get_sample, open_source
from workbench.data.tables.columns import most_frequent
from workbench.errors import DataError

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no shared data at {SHARED}")


def people(*said: str) -> list[dict]:
    return [
        {"answer": answer, "answer_confidence": "yes", "answer_id": number}
        for number, answer in enumerate(said, start=1)
    ]


def write(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


QUESTIONS = [
    {"image_id": 262148, "question": "Is it red?", "question_id": 262148000},
    {"image_id": 393225, "question": "How many?", "question_id": 393225001},
    {"image_id": 393225, "question": "What is it?", "question_id": 393225002},
]


def annotation(number: int, answers: list[dict], official: str, kind: str) -> dict:
    return {
        "question_type": "is the",
        "multiple_choice_answer": official,
        "answers": answers,
        "image_id": number // 1000,
        "answer_type": kind,
        "question_id": number,
    }


@pytest.fixture
def vqa2(tmp_path: Path) -> Path:
    """VQA v2 as it is unpacked: the lists under keys, other facts before and after them."""
    root = tmp_path / "vqa2"
    info = {"info": {"version": "2.0"}, "task_type": "Open-Ended", "data_subtype": "val2014"}
    write(root / "v2_OpenEnded_mscoco_val2014_questions.json", info | {"questions": QUESTIONS})
    found = [
        annotation(262148000, people(*["yes"] * 7, *["no"] * 3), "yes", "yes/no"),
        annotation(393225001, people("2", "", "two", *["2"] * 7), "2", "number"),
        annotation(393225002, people("Cat.", *["Cat."] * 4, *["a dog"] * 5), "cat", "other"),
    ]
    body = {"info": {}, "annotations": found, "data_subtype": "val2014"}
    write(root / "v2_mscoco_val2014_annotations.json", body)
    body = {"info": {}, "questions": [{**QUESTIONS[0], "question_id": 9}]}
    write(root / "v2_OpenEnded_mscoco_test-dev2015_questions.json", body)
    write(root / "v2_mscoco_val2014_complementary_pairs.json", [[1, 2]])
    write_pictures(
        root,
        [
            "val2014/COCO_val2014_000000262148.jpg",
            "val2014/COCO_val2014_000000393225.jpg",
            "test2015/COCO_test2015_000000262148.jpg",
        ],
    )
    return root


def test_questions_find_their_annotations_and_pictures(vqa2: Path):
    added = add("vqa", vqa2)
    assert added.info.splits == {"test-dev2015": 1, "val2014": 3}
    assert added.notes == []
    sample = get_sample("vqa/val2014/262148000")
    assert (sample.task, sample.texts) == ("question", {"question": "Is it red?"})
    assert (sample.label, sample.labels) == ("yes", ())
    assert sample.images[0].load().size == (8, 6)
    assert (sample.metadata["kind"], sample.metadata["question_type"]) == ("yes/no", "is the")


def test_ten_answers_stay_ten_equal_and_empty_ones_too(vqa2: Path):
    add("vqa", vqa2)
    yes, number, cat = open_source("vqa/val2014").iter()
    assert sorted(yes.references) == ["no"] * 3 + ["yes"] * 7
    assert sorted(number.references) == ["", *["2"] * 8, "two"]
    # The official answer is normalised: nobody wrote "cat", which would make an eleventh.
    assert (cat.label, len(cat.references)) == ("Cat.", 10)
    assert len(cat.metadata["confidences"]) == 10


def test_a_test_split_has_questions_alone(vqa2: Path):
    add("vqa", vqa2)
    sample = get_sample("vqa/test-dev2015/9")
    assert (sample.label, sample.references, sample.error) == (None, (), None)
    assert sample.images[0].load().size == (8, 6)  # of test2015


def test_what_does_not_fit_together_is_counted_and_named(vqa2: Path):
    path = vqa2 / "v2_mscoco_val2014_annotations.json"
    body = json.loads(path.read_text())
    body["annotations"][2]["question_id"] = 77
    body["annotations"].append(dict(body["annotations"][0]))
    write(path, body)
    notes = add("vqa", vqa2).notes
    assert "val2014: 1 questions without an annotation: question_id 393225002" in notes
    assert any("questions annotated twice" in n and "262148000" in n for n in notes)
    assert any("annotations of questions that are not listed: question_id 77" in n for n in notes)
    assert get_sample("vqa/val2014/393225002").label is None


def test_two_files_of_one_split_are_refused_and_can_be_named(vqa2: Path):
    twin = write(vqa2 / "more/other_val2014_questions.json", {"questions": QUESTIONS[:1]})
    with pytest.raises(DataError, match="are both of the split val2014") as caught:
        add("vqa", vqa2)
    assert "SPLIT=QUESTIONS" in caught.value.hint
    answers = vqa2 / "v2_mscoco_val2014_annotations.json"
    added = add("vqa", [f"mine={twin}", f"mine={answers}"], like="vqa", image_root=vqa2)
    assert added.info.splits == {"mine": 1}
    assert get_sample("vqa/mine/262148000").error is None


def test_vizwiz_as_it_is_given_out_is_one_list(tmp_path: Path):
    rows = [
        {
            "image": "VizWiz_val_00000000.jpg",
            "question": "What is this?",
            "answers": [{"answer": "can", "answer_confidence": "yes"}] * 10,
            "answer_type": "other",
            "answerable": 1,
        },
        {"image": "VizWiz_val_00000001.jpg", "question": "Read it?"},
    ]
    write(tmp_path / "val.json", rows)
    write_pictures(tmp_path, ["val/VizWiz_val_00000000.jpg", "val/VizWiz_val_00000001.jpg"])
    add("vqa", tmp_path)
    first, second = open_source("vqa/val").iter()
    assert (first.uid, first.references) == ("vqa/val/VizWiz_val_00000000", ("can",) * 10)
    assert (first.metadata["kind"], first.metadata["answerable"]) == ("other", 1)
    assert (second.label, second.error) == (None, None)


def test_gqa_is_a_document_of_questions_by_their_number(tmp_path: Path):
    body = {
        "07333408": {
            "imageId": "2375429",
            "question": "Is it tall?",
            "answer": "no",
            "fullAnswer": "No, it is short.",
            "types": {"structural": "verify", "semantic": "attr"},
            "isBalanced": True,
            "semantic": [{"operation": "select"}],
        },
        "07333409": {"imageId": "n1", "question": "What?"},
    }
    write(tmp_path / "val_balanced_questions.json", body)
    write_pictures(tmp_path, ["images/2375429.jpg"])
    added = add("vqa", tmp_path)
    sample = get_sample("vqa/val/07333408")
    assert (sample.label, sample.references) == ("no", ("no",))
    assert sample.metadata["fullAnswer"] == "No, it is short."
    assert sample.metadata["kind"] == "verify"
    assert sample.images[0].load().size == (8, 6)
    assert added.notes[0].startswith("val: 1 of the samples lack an image")


def test_a_plain_table_of_questions_is_an_ordinary_table(tmp_path: Path):
    path = tmp_path / "mine.csv"
    path.write_text("image,question,answer\na.png,Why?,so\na.png,Who?,me\n")
    write_pictures(tmp_path, ["a.png"])
    added = add("mine", path, like="vqa")
    assert (added.info.task, added.mapping.recipe) == ("question", "")
    assert [s.label for s in open_source("mine/mine").iter()] == ["so", "me"]


def test_a_document_that_is_cut_off_is_an_error_and_not_half_a_split(tmp_path: Path):
    text = json.dumps({"1": {"question": "a?", "answer": "b", "imageId": "1"}, "2": {}})
    (tmp_path / "val_questions.json").write_text(text[:-1])
    with pytest.raises(DataError, match=r"val_questions.json"):
        add("vqa", tmp_path, like="vqa")


@shared
def test_the_real_vizwiz_questions_keep_their_ten_answers_in_their_order():
    added = add("vizwiz", SHARED / "vizwiz", like="vqa")
    assert added.info.splits == {"val": 300}
    raw = json.loads((SHARED / "vizwiz/val_annotations_head300.json").read_text())["annotations"]
    for sample, entry in zip(open_source("vizwiz/val").iter(), raw, strict=True):
        said = [answer["answer"] for answer in entry["answers"]]
        assert sample.uid == f"vizwiz/val/{entry['question_id']}"
        assert sorted(sample.references) == sorted(said)
        assert len(sample.references) == 10
        assert sample.label in said
        assert sample.metadata["confidences"][0] == entry["answers"][0]["answer_confidence"]


def test_a_folder_of_plain_tables_is_their_splits(tmp_path: Path):
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text(f"image,question,answer\na.png,{name}?,so\n")
    write_pictures(tmp_path, ["a.png"])
    added = add("mine", tmp_path, like="vqa")
    assert added.info.splits == {"test": 1, "train": 1}
    (sample,) = open_source("mine/train").iter()
    assert (sample.texts, sample.error, sample.task) == ({"question": "train?"}, None, "question")


@pytest.mark.parametrize(
    ("people", "official", "label"),
    [
        (["two", "two", "one"], "one", "two"),  # somebody said so, but most did not
        (["one", "two", "two", "one"], "two", "two"),  # as many said each
        (["one", "two", "two", "one"], "three", "one"),
        (["", "", "one"], "", "one"),
        ([], "one", None),
    ],
)
def test_the_label_is_what_most_people_said(people: list[str], official: str, label: str | None):
    assert most_frequent(people, official) == label


def test_where_the_official_answer_is_not_the_label_it_is_said(tmp_path: Path):
    rows = [{"question_id": i, "image_id": "1.png", "question": "what?"} for i in (1, 2)]
    people = [{"answer": word} for word in ("blue", "blue", "red")]
    said = [
        {"question_id": 1, "multiple_choice_answer": "red", "answers": people},
        {"question_id": 2, "multiple_choice_answer": "blue", "answers": people},
    ]
    (tmp_path / "val_questions.json").write_text(json.dumps({"questions": rows}))
    (tmp_path / "val_annotations.json").write_text(json.dumps({"annotations": said}))
    write_pictures(tmp_path, ["1.png"])
    notes = add("mine", tmp_path, like="vqa").notes
    assert [note.partition(": ")[2] for note in notes] == [
        "1 questions whose official answer is not people's most frequent, which is the label:"
        " question_id 1 (red; blue)"
    ]
    assert [sample.label for sample in open_source("mine").iter()] == ["blue", "blue"]
