"""One's own tables as sources: identity, ids, bad rows, splits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workbench.data.tables import (
    CSV,
    WISHES,
    mine,
    samples,
    write_lines,
    write_parquet,
)
from workbench.data.adding import add
from workbench.data.source import get_sample, open_source
from workbench.data.tables.table import TableSource
from workbench.errors import DataError, UnknownName
from workbench.prompts.pool import default_template


def test_a_sample_is_the_same_by_iteration_ordinal_and_uid(folder: Path):
    mine(folder, CSV, **WISHES)
    source = open_source("mine/rows")
    found = list(source.iter())
    assert len(found) == source.length == 30
    for i, sample in enumerate(found):
        assert sample.uid == f"mine/rows/q{i}" == source.uid_at(i)
        assert source.at(i) == source.get(sample.uid) == sample
        assert source.ordinal(sample.uid) == i
    assert [s.uid for s in source.iter(27)] == ["mine/rows/q27", "mine/rows/q28", "mine/rows/q29"]
    sample = get_sample("mine/rows/q4")
    assert sample.texts == {"question": "what 4?"}
    assert (sample.label, sample.references, sample.task) == ("a1", ("a1",), "question")
    assert sample.labels == ()
    assert sample.images[0].load().size == (8, 6)
    assert sample.images[0].path == (folder / "img/4.png").resolve()


def test_every_format_gives_the_same_samples(folder: Path):
    rows = [
        {"id": f"q{i}", "question": f"what {i}?", "answer": f"a{i % 3}", "img": f"img/{i}.png"}
        for i in range(30)
    ]
    mine(folder, CSV, **WISHES)
    expected = samples()
    import json

    write_lines(folder / "l.jsonl", rows)
    (folder / "a.json").write_text(json.dumps({"rows": rows}))
    write_parquet(folder / "p.parquet", rows)
    for name in ("l.jsonl", "a.json", "p.parquet"):
        add("mine", f"rows={folder / name}", replace=True, **WISHES)
        assert samples() == expected, name


def test_an_unknown_uid_is_refused_with_an_example(folder: Path):
    mine(folder, CSV, **WISHES)
    source = open_source("mine/rows")
    for uid in ("mine/rows/q99", "mine/other/q1", "demo/test/1"):
        with pytest.raises(UnknownName) as caught:
            source.get(uid)
    assert "mine/rows/q0" in caught.value.hint


EXPLAINED = (
    "image_path,hypothesis,exp\n"
    "img/1.png,A dog runs.,because it is red\n"
    "img/1.png,A dog sits.,it runs\n"
    "img/1.png,A dog runs.,because it is red\n"
)


def test_explanations_of_hypotheses_without_a_label_are_learned_as_captions_are(folder: Path):
    added = mine(folder, EXPLAINED)
    first, _, again = samples()
    assert first.texts == {"hypothesis": "A dog runs."}
    assert (first.label, first.references) == ("because it is red", ("because it is red",))
    assert (first.explanations, first.labels) == ((), ())
    assert first.images[0].load().size == (8, 6)
    assert (first.task, first.error, added.bad) == ("caption", None, 0)
    assert default_template("caption", first).name == "caption/explain-en"
    said = "label: exp (no column is a label: what is learned, and what answers are compared with,"
    assert any(guess.startswith(said) for guess in added.guessed)
    assert "task: caption (a text is the answer, no class)" in added.guessed
    # A hash, never a row number; a row that stands twice is no fault of such a table.
    assert len(first.uid.removeprefix("mine/rows/")) == 16
    assert again.uid == f"{first.uid}-2"


LABELLED = "image_path,hypothesis,exp,label\nimg/1.png,A dog runs.,because it is red,neutral\n"


@pytest.mark.parametrize(
    ("text", "wishes", "task"),
    [
        (LABELLED, {}, "entailment"),
        (EXPLAINED.replace("hypothesis", "sentence"), {"id": "auto"}, "statement"),
        (EXPLAINED, {"label": "", "id": "auto"}, "entailment"),
        (EXPLAINED, {"task": "entailment", "id": "auto"}, "entailment"),
    ],
)
def test_explanations_beside_a_label_or_as_the_user_said_stay_explanations(
    folder: Path, text: str, wishes: dict, task: str
):
    added = mine(folder, text, **wishes)
    assert (added.mapping.task, added.mapping.explanations) == (task, ("exp",))


def test_an_id_made_from_content_stays_when_rows_move(folder: Path):
    head = "image_path,hypothesis,exp\n"
    rows = [f"img/{i}.png,Text {i}.,why {i}\n" for i in range(5)]
    mine(folder, head + "".join(rows))
    before = {s.texts["hypothesis"]: s.uid for s in samples()}
    mine(folder, head + "img/9.png,New.,new\n" + "".join(reversed(rows)))
    after = {s.texts["hypothesis"]: s.uid for s in samples()}
    assert {k: after[k] for k in before} == before


def test_rows_that_are_equal_are_refused_and_counted_when_asked(folder: Path):
    text = "question,answer\nq?,a\nr?,b\nq?,a\nq?,a\n"
    with pytest.raises(DataError, match=r"rows 1 and 3 of .*rows\.csv") as caught:
        mine(folder, text)
    assert "--id auto" in caught.value.hint
    mine(folder, text, id="auto")
    natives = [s.uid.removeprefix("mine/rows/") for s in samples()]
    assert natives[2:] == [f"{natives[0]}-2", f"{natives[0]}-3"]
    assert all(s.error is None for s in samples())
    assert get_sample(f"mine/rows/{natives[0]}-3").texts["question"] == "q?"


def test_a_duplicate_id_names_both_rows(folder: Path):
    with pytest.raises(DataError, match=r"'x' occurs in rows 2 and 4") as caught:
        mine(folder, "id,question\na,1\nx,2\nb,3\nx,4\n")
    assert caught.value.kind == "duplicate_id"


def test_a_duplicate_over_two_files_names_both(folder: Path):
    (folder / "a.csv").write_text("id,question\nx,1\n")
    (folder / "b.csv").write_text("id,question\ny,1\nx,1\n")
    with pytest.raises(DataError, match=r"row 1 of .*a\.csv and row 2 of .*b\.csv"):
        add("mine", [f"all={folder / 'a.csv'}", f"all={folder / 'b.csv'}"])


def test_a_missing_column_names_those_that_there_are(folder: Path):
    with pytest.raises(DataError, match="no column 'nope'") as caught:
        mine(folder, CSV, label="nope")
    assert "id, question, answer, img" in caught.value.hint
    with pytest.raises(DataError, match="no column 'dir'"):
        mine(folder, CSV, image=["img/{dir}/{id}.png"])
    assert not (folder / "wb/datasets/mine.toml").exists()  # nothing is saved that fails


def test_ids_may_be_numbers_templates_or_hold_slashes(folder: Path):
    write_lines(folder / "a.jsonl", [{"set": 1, "n": 2, "t": "x"}, {"set": 1, "n": 3.0, "t": "y"}])
    add("mine", folder / "a.jsonl", id="{set}/{n:03}", texts={"caption": "t"})
    assert [s.uid for s in samples()] == ["mine/a/1/002", "mine/a/1/003"]
    assert get_sample("mine/a/1/003").texts == {"caption": "y"}


def test_a_row_without_an_id_is_kept_with_its_error(folder: Path):
    mine(folder, "id,question\na,1\n,2\n,3\n")
    found = samples()
    assert [s.error for s in found][1:] == [
        "row 2: it has no id in 'id'",
        "row 3: it has no id in 'id'",
    ]
    assert len({s.uid for s in found}) == 3
    assert get_sample(found[1].uid) == found[1]


def test_bad_rows_end_nothing_and_are_counted(folder: Path):
    write_lines(folder / "a.jsonl", [{"id": i, "question": "?"} for i in range(5)])
    with (folder / "a.jsonl").open("a") as file:
        file.write('broken\nbroken\n{"id": 9}\n{"id": 10, "que')
    added = add("mine", folder / "a.jsonl")
    assert (added.bad, added.info.splits) == (3, {"a": 9})
    found = samples()
    assert [s.uid for s in found[:5]] == [f"mine/a/{i}" for i in range(5)]
    assert len({s.uid for s in found}) == 9
    assert "not JSON" in str(found[5].error)
    assert found[7].error == "it has no 'question'"
    assert "cut off" in str(found[8].error)
    source = open_source("mine")
    assert isinstance(source, TableSource)
    assert source.bad == 3


def test_ragged_rows_keep_their_id(folder: Path):
    mine(folder, "id,question,answer\na,1,x\nb,2\nc,3,x,y\n", labels=["x"])
    assert [s.uid for s in samples()] == ["mine/rows/a", "mine/rows/b", "mine/rows/c"]
    assert [bool(s.error) for s in samples()] == [False, True, True]


def test_splits_by_filter_cut_one_file_into_parts(folder: Path):
    mine(
        folder,
        CSV.replace("q", ""),
        **WISHES | {"texts": {"question": "uestion"}},
        splits=["train=id<20", "test=id>=20"],
    )
    assert (open_source("mine/train").length, open_source("mine/test").length) == (20, 10)
    assert open_source("mine/test").uid_at(0) == "mine/test/20"
    with pytest.raises(UnknownName):
        get_sample("mine/test/3")
    with pytest.raises(DataError, match="no rows") as caught:
        mine(folder, CSV, **WISHES, splits=["none=id==zz"])
    assert "id==zz" in caught.value.hint


def test_where_drops_rows_from_every_split(folder: Path):
    mine(folder, CSV, **WISHES, where="answer!=a0")
    assert open_source("mine").length == 20


def test_shards_are_one_split_and_named_files_are_several(folder: Path):
    for i in range(3):
        rows = [{"id": f"{i}-{j}", "caption": "x"} for j in range(4)]
        write_parquet(folder / f"train-{i:05}-of-00003.parquet", rows)
    add("mine", sorted(folder.glob("train-*.parquet")))
    source = open_source("mine/train")
    assert [s.uid for s in source.iter()] == [
        f"mine/train/{i}-{j}" for i in range(3) for j in range(4)
    ]
    assert source.get("mine/train/2-3").texts == {"caption": "x"}
    add(
        "mine",
        [
            f"a={folder / 'train-00000-of-00003.parquet'}",
            f"b={folder / 'train-00001-of-00003.parquet'}",
        ],
        replace=True,
    )
    assert list(open_source("mine/b").iter())[0].uid == "mine/b/1-0"
