"""Adding datasets: guesses, folders, presets, the mapping file, removing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workbench.data.tables import write_lines, write_pictures
from workbench.data.adding import add, add_dataset, remove_dataset
from workbench.data.presets import get_preset, list_presets
from workbench.data.registry import dataset_info, list_datasets
from workbench.data.source import get_sample, open_source
from workbench.data.tables.guessing import guess_task, order_labels
from workbench.data.tables.mapping import load_mapping, mapping_path
from workbench.data.tables.objects import detect, nlvr1_objects, plain_boxes
from workbench.errors import DataError, UnknownName, UsageError

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no shared data at {SHARED}")


def test_what_was_guessed_is_said_and_kept(tmp_path: Path):
    (tmp_path / "a.csv").write_text(
        ",pairID,hypothesis,gold_label,Explanation_1\n0,p#1,H,neutral,e\n"
    )
    added = add("mine", tmp_path / "a.csv", labels=["entailment", "neutral", "contradiction"])
    assert "texts: hypothesis (by the column's name)" in added.guessed
    assert "id: pairID (by the column's name)" in added.guessed
    (sample,) = open_source("mine").iter()
    assert sample.uid == "mine/a/p#1"
    assert (sample.label, sample.task, sample.explanations) == ("neutral", "entailment", ("e",))
    mapping = load_mapping(mapping_path("mine"))
    assert mapping == added.mapping
    assert mapping.texts == {"hypothesis": "hypothesis"}


def test_what_is_given_stands_against_every_guess(tmp_path: Path):
    (tmp_path / "a.csv").write_text("id,label,question,image,explanation\n1,x,q,i.png,e\n")
    add(
        "mine",
        tmp_path / "a.csv",
        id="label",
        texts={"statement": "explanation"},
        label="",
        image=[],
        explanations=[],
        task="statement",
    )
    (sample,) = open_source("mine").iter()
    assert sample.uid == "mine/a/x"
    assert sample.texts == {"statement": "e"}
    assert (sample.label, sample.images, sample.explanations) == (None, (), ())
    assert sample.task == "statement"


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (["false", "true"], ("true", "false")),
        (["False", "True"], ("True", "False")),
        (["no", "yes"], ("yes", "no")),
        (["contradiction", "entailment", "neutral"], ("entailment", "neutral", "contradiction")),
        (["10", "9"], ("9", "10")),
        (["b", "a"], ("a", "b")),
        ([], ()),
    ],
)
def test_labels_stand_in_the_order_of_the_field(words: list[str], order: tuple[str, ...]):
    assert order_labels(dict.fromkeys(words, 10), 20) == order


def test_many_different_words_are_answers_and_no_labels():
    assert order_labels({f"w{i}": 1 for i in range(40)}, 1000) == ()
    assert order_labels({f"w{i}": 1 for i in range(15)}, 30) == ()


def test_the_task_follows_from_the_texts_and_labels():
    assert guess_task(["question"], (), True) == "question"
    assert guess_task(["hypothesis"], (), False) == "entailment"
    assert guess_task(["sentence"], ("true", "false"), True) == "statement"
    assert guess_task(["sentence"], ("good", "bad"), True) == "classification"
    assert guess_task(["caption"], (), False) == "caption"
    assert guess_task([], (), True) == "classification"
    assert guess_task([], (), False) == "other"


def test_a_folder_of_classes_is_a_classification(tmp_path: Path):
    write_pictures(tmp_path / "pics", ["cat/1.png", "cat/.hidden.png", "dog/a b.png", "dog/x.txt"])
    added = add("mine", tmp_path / "pics")
    assert added.info.splits == {"all": 2}
    found = list(open_source("mine").iter())
    assert [s.uid for s in found] == ["mine/all/cat/1.png", "mine/all/dog/a b.png"]
    assert [s.label for s in found] == ["cat", "dog"]
    assert found[0].labels == ("cat", "dog")
    assert found[1].images[0].load().size == (8, 6)
    assert get_sample("mine/all/dog/a b.png") == found[1]


def test_a_folder_of_splits_and_a_flat_folder(tmp_path: Path):
    write_pictures(tmp_path / "s", ["train/a/1.png", "train/b/1.png", "test/a/1.png"])
    add("splits", tmp_path / "s")
    assert dataset_info("splits").splits == {"test": 1, "train": 2}
    assert get_sample("splits/train/b/1.png").images[0].load().size == (8, 6)
    write_pictures(tmp_path / "f", ["1.png", "2.png"])
    add("flat", tmp_path / "f")
    sample = get_sample("flat/all/2.png")
    assert (sample.label, sample.labels, sample.task, sample.error) == (None, (), "other", None)


def test_a_folder_that_changes_is_listed_anew(tmp_path: Path):
    write_pictures(tmp_path / "f", ["a/1.png", "c/1.png"])
    add("mine", tmp_path / "f")
    write_pictures(tmp_path / "f", ["a/0.png", "b/2.png"])
    assert open_source("mine").length == 4
    assert get_sample("mine/all/b/2.png").label == "b"


def test_a_folder_with_a_table_of_its_own_is_that_table(tmp_path: Path):
    write_pictures(tmp_path / "f", ["1.png"])
    write_lines(tmp_path / "f" / "metadata.jsonl", [{"file_name": "1.png", "caption": "a dog"}])
    add("mine", tmp_path / "f")
    (sample,) = open_source("mine/all").iter()
    assert sample.texts == {"caption": "a dog"}
    assert sample.images[0].load().size == (8, 6)


def test_an_empty_folder_and_a_missing_file_say_so(tmp_path: Path):
    (tmp_path / "f").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        add("mine", tmp_path / "f")
    with pytest.raises(DataError, match="does not exist"):
        add("mine", tmp_path / "gone.csv")


@pytest.mark.parametrize("name", ["demo", "a/b", "../x", "", ".hidden", "a b", "x" * 99])
def test_a_name_that_is_taken_or_no_name_is_refused(tmp_path: Path, name: str):
    (tmp_path / "a.csv").write_text("id,caption\n1,x\n")
    with pytest.raises(UsageError):
        add(name, tmp_path / "a.csv")


def test_a_dataset_is_only_replaced_when_asked(tmp_path: Path):
    (tmp_path / "a.csv").write_text("id,caption\n1,x\n")
    add("mine", tmp_path / "a.csv")
    with pytest.raises(UsageError, match="already") as caught:
        add("mine", tmp_path / "a.csv")
    assert "--replace" in caught.value.hint
    assert add_dataset("mine", tmp_path / "a.csv", replace=True).name == "mine"


def test_removing_forgets_the_mapping_and_leaves_the_data(tmp_path: Path):
    (tmp_path / "a.csv").write_text("id,caption\n1,x\n")
    add("mine", tmp_path / "a.csv")
    remove_dataset("mine")
    assert (tmp_path / "a.csv").exists()
    assert "mine" not in [info.name for info in list_datasets()]
    with pytest.raises(UnknownName):
        remove_dataset("mine")
    with pytest.raises(UsageError):
        remove_dataset("demo")


@pytest.mark.parametrize(
    "text",
    [
        "not = = toml",
        'v = 99\nname = "bad"',
        'v = 1\nname = "bad"\nfiles = []\nnope = 1',
        'v = 1\nname = "other"\nfiles = []',
        'v = 1\nname = "bad"\nfiles = []\ntexts = "question"',
        'v = 1\nname = "bad"\nfiles = []\ntask = "dance"',
        'v = 1\nname = "bad"\nfiles = [{}]',
        'v = 1\nname = "bad"',
    ],
)
def test_a_damaged_mapping_is_listed_with_its_error_and_harms_no_other(tmp_path: Path, text: str):
    (tmp_path / "a.csv").write_text("id,caption\n1,x\n")
    add("good", tmp_path / "a.csv")
    mapping_path("bad").write_text(text)
    infos = {info.name: info for info in list_datasets()}
    assert infos["bad"].error
    assert infos["good"].error is None
    with pytest.raises(DataError):
        open_source("bad/a")
    assert remove_dataset("bad").name == "bad.toml"


def test_a_home_that_cannot_be_written_is_one_clear_error(tmp_path: Path, monkeypatch):
    from sessions.errors import RecordError

    (tmp_path / "a.csv").write_text("id,caption\n1,x\n")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WB_HOME", str(tmp_path / "file" / "wb"))
    with pytest.raises(RecordError, match="cannot write"):
        add("mine", tmp_path / "a.csv")


def test_boxes_in_our_own_form_are_found(tmp_path: Path):
    boxes = [[{"name": "dog", "box": [1, 2, 3, 4]}], []]
    write_lines(tmp_path / "a.jsonl", [{"id": 1, "things": boxes}])
    added = add("mine", tmp_path / "a.jsonl")
    assert added.mapping.objects == "things:boxes"
    (sample,) = open_source("mine").iter()
    assert sample.metadata["objects"] == [[{"name": "dog", "box": [1.0, 2.0, 3.0, 4.0]}], []]
    assert "things" not in sample.metadata
    with pytest.raises(UsageError, match="format"):
        add("mine", tmp_path / "a.jsonl", objects="things:ltrb", replace=True)
    with pytest.raises(ValueError, match="box"):
        plain_boxes([{"name": "x"}])


def test_a_column_that_only_looks_like_boxes_is_left_alone():
    assert detect({"a": [], "b": [[]], "c": "x", "d": [{"box": [1, 2]}], "e": [["x"]]}) == []


def test_presets_are_whole():
    presets = list_presets()
    known = ["captions", "cifar10", "coco_instances", "easy_vqa", "esnlive", "hateful_memes"]
    known += ["nlvr1", "nlvr2", "vqa"]
    assert [p.name for p in presets] == known
    for preset in presets:
        assert preset.files or preset.recipe
        assert preset.traps
        assert preset.wishes["licence"]
        assert preset.wishes["description"]
    with pytest.raises(UnknownName, match="no preset"):
        get_preset("nope")


@shared
def test_nlvr1_as_its_users_add_it():
    added = add(
        "nlvr1",
        SHARED / "nlvr1/dev/dev.json",
        id="identifier",
        texts={"sentence": "sentence"},
        label="label",
        image=["images/{directory}/dev-{identifier}-0.png"],
    )
    assert (added.info.splits, added.bad) == ({"dev": 989}, 0)
    assert (added.info.task, added.info.labels) == ("statement", ("true", "false"))
    samples = list(open_source("nlvr1/dev").iter())
    assert len({s.uid for s in samples}) == 989
    assert [s.error for s in samples] == [None] * 989
    assert samples[0].uid == "nlvr1/dev/1572-0"
    assert samples[0].images[0].load().size == (400, 100)
    first, rest = open_source("nlvr1/dev[:800]"), open_source("nlvr1/dev[800:]")
    assert [s.uid for s in first.iter()] + [s.uid for s in rest.iter()] == [s.uid for s in samples]


@shared
def test_the_boxes_of_nlvr1_hold_the_colours_that_they_name():
    import numpy as np

    add("nlvr1", SHARED / "nlvr1", like="nlvr1")
    colors = {"blue": (0, 153, 255), "black": (0, 0, 0), "yellow": (255, 255, 0)}
    checked = 0
    for sample in open_source("nlvr1/dev[:200]").iter():
        pixels = np.asarray(sample.images[0].load()).astype(int)
        assert len(sample.metadata["objects"]) == 1
        for item in sample.metadata["objects"][0]:
            x0, y0, x1, y1 = item["box"]
            assert 0 <= x0 < x1 <= 400
            middle = pixels[min((y0 + y1) // 2 + 1, 99), min((x0 + x1) // 2, 399)]
            assert abs(middle - colors[item["name"].split()[0]]).max() < 40, (sample.uid, item)
            if item["name"].endswith("square"):  # it fills its box, and no more
                inner = pixels[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]
                assert abs(inner - colors[item["name"].split()[0]]).max() < 40
                before = pixels[(y0 + y1) // 2, x0 - 2] if x0 % 150 > 2 else None
                assert before is None or abs(before - middle).max() > 40 or _touched(sample, item)
            checked += 1
    assert checked > 1000


def _touched(sample, item) -> bool:
    """Whether another object lies at the left edge of this one."""
    x0, y0, _, y1 = item["box"]
    return any(
        other is not item
        and other["box"][0] <= x0 - 2 < other["box"][2] + 1
        and other["box"][1] <= (y0 + y1) // 2 < other["box"][3] + 1
        for other in sample.metadata["objects"][0]
    )


def test_boxes_of_nlvr1_are_turned_into_pixels_of_the_whole_picture():
    def thing(x: int, y: int, color: str) -> dict:
        return {"x_loc": x, "y_loc": y, "size": 20, "type": "square", "color": color}

    boxes = nlvr1_objects([[thing(3, 4, "#0099ff")], [], [thing(80, 60, "Yellow")]])
    assert boxes == [
        [
            {"name": "blue square", "box": [3, 4, 23, 24], "group": 0},
            {"name": "yellow square", "box": [380, 60, 400, 80], "group": 2},
        ]
    ]


def test_what_is_not_nlvr1_is_refused():
    for value in (None, [], [[]], [[{"x_loc": 1}]], "x", [1]):
        with pytest.raises(ValueError, match="NLVR"):
            nlvr1_objects(value)


@pytest.mark.slow
@shared
def test_easy_vqa_is_cut_by_its_pictures():
    added = add(
        "easy",
        SHARED / "easy_vqa/test/questions.json",
        texts={"question": "0"},
        label="1",
        image=["images/{2}.png"],
        splits=["train=2<800", "test=2>=800"],
    )
    assert sum(n or 0 for n in added.info.splits.values()) == 9673
    assert added.info.labels == ()  # answers to questions are open
    train, test = open_source("easy/train"), open_source("easy/test")
    assert [s.metadata["2"] for s in train.iter((train.length or 0) - 3)] == [799] * 3
    assert test.at(0).metadata["2"] == 800
    assert {test.at(i).metadata["2"] >= 800 for i in range(0, test.length or 0, 40)} == {True}
    sample = open_source("easy/test").at(0)
    assert sample.images[0].load().size == (64, 64)
    assert (sample.task, sample.error) == ("question", None)


@pytest.mark.slow
@shared
def test_the_other_shared_data_are_read_as_they_lie():
    add("easy2", SHARED / "easy_vqa", like="easy_vqa")
    assert open_source("easy2/test").at(9672).error is None
    add("cifar", SHARED / "cifar10_jpg")
    cifar = open_source("cifar/test")
    assert (cifar.length, len(cifar.labels)) == (1000, 10)
    add("nlvr2", SHARED / "nlvr2/dev_head600.json")
    sample = get_sample("nlvr2/dev_head600/dev-850-0-0")
    assert (sample.label, len(sample.images), sample.task) == ("False", 2, "statement")
    add("viz", SHARED / "vizwiz/val_annotations_head300.json", texts={}, task="question")
    assert len(open_source("viz").at(0).references) == 10
    add("photos", SHARED / "photos")
    assert open_source("photos").length == 11


def test_wishes_that_do_not_exist_are_refused(tmp_path: Path):
    (tmp_path / "a.csv").write_text("id,caption\n1,x\n")
    with pytest.raises(TypeError):
        add("mine", tmp_path / "a.csv", lable="caption")
    with pytest.raises(UsageError, match="not a folder"):
        add("mine", tmp_path / "a.csv", image_root=tmp_path / "gone")
    with pytest.raises(UsageError, match="has no filter"):
        add("mine", tmp_path / "a.csv", splits=["train", "test=id>1"])


def test_a_mapping_file_can_be_written_by_hand(tmp_path: Path):
    (tmp_path / "a.csv").write_text("id,q,a\n1,why?,so\n")
    body = f"""
v = 1
name = "hand"
task = "question"
id = "id"
label = "a"

[texts]
question = "q"

[[files]]
split = "test"
path = {json.dumps(str(tmp_path / "a.csv"))}
"""
    mapping_path("hand").parent.mkdir(parents=True)
    mapping_path("hand").write_text(body)
    assert get_sample("hand/test/1").texts == {"question": "why?"}
    assert dataset_info("hand").splits == {"test": None}


def test_a_folder_of_a_known_layout_under_another_name_is_recognised(tmp_path: Path):
    lines = [{"question_id": 1, "image_id": "a.jpg", "question": "what?"}]
    (tmp_path / "val_questions.json").write_text(json.dumps({"questions": lines}))
    with pytest.raises(DataError, match="holds no images") as caught:
        add("mine", tmp_path)
    assert caught.value.hint == "it looks like vqa: add it with --like vqa"
    write_pictures(tmp_path, ["a.jpg"])
    added = add("mine", tmp_path)
    assert "layout: vqa" in added.guessed[0]
    assert added.info.splits == {"val": 1}
    assert add("mine", tmp_path, like="vqa", replace=True).info.splits == {"val": 1}


@pytest.mark.parametrize("own", [{"answer": "red"}, {"choices": ["red", "blue"], "answer": 0}])
def test_a_folder_with_a_table_of_ones_own_looks_like_no_layout(tmp_path: Path, own: dict):
    write_pictures(tmp_path, ["1/a.png", "2/a.png"])
    rows = {str(i): {"image": "a.png", "question": "what?", **own} for i in (1, 2)}
    (tmp_path / "problems.json").write_text(json.dumps(rows))
    assert not [line for line in add("mine", tmp_path).guessed if "--like" in line]


def test_a_table_of_which_nothing_is_taken_is_refused(tmp_path: Path):
    (tmp_path / "t.json").write_text('[["what?", "red", 0], ["which?", "blue", 1]]')
    with pytest.raises(DataError, match=r"nothing of .* \(0, 1, 2\)") as caught:
        add("mine", tmp_path / "t.json")
    assert caught.value.exit_code == 1
    assert all(option in caught.value.hint for option in ("--id", "--text", "--label", "--image"))
    assert not mapping_path("mine").exists()
    assert add("mine", tmp_path / "t.json", texts={"question": "0"}).info.splits == {"t": 2}
    (tmp_path / "rows.csv").write_text("1.png,cat\n2.png,dog\n")
    with pytest.raises(DataError) as caught:
        add("bare", tmp_path / "rows.csv")
    assert "--no-header" in caught.value.hint


def test_of_two_that_add_one_name_at_once_one_is_told(tmp_path: Path):
    """The first still reads its rows when the second comes."""
    from workbench.data.adding import _one_at_a_time

    (tmp_path / "a.csv").write_text("id,statement,label\n1,a,true\n")
    with _one_at_a_time("mine"), pytest.raises(UsageError, match="another process is adding"):
        add("mine", tmp_path / "a.csv")
    assert add("mine", tmp_path / "a.csv").info.splits == {"a": 1}


@pytest.mark.slow
def test_two_processes_that_add_one_name_do_not_both_succeed(tmp_path: Path):
    import subprocess
    import sys

    lines = [f'{{"id": "{i}", "statement": "s{i}", "label": "true"}}\n' for i in range(20_000)]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    command = [sys.executable, "-P", "-m", "commands.main", "data", "add", "mine"]
    both = [
        subprocess.Popen(
            [*command, str(tmp_path / "a.jsonl")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120)[1].decode() for process in both]
    assert sorted(process.returncode for process in both) == [0, 2]
    failed = told[0] if both[0].returncode else told[1]
    assert "another process is adding" in failed or "there is a dataset mine already" in failed
