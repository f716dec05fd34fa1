"""Answers given elsewhere become a run: matched to samples, read as ours, the rest told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from sessions.errors import WbError
from sessions.runs import Run, list_runs
from sessions.verdict import verdict
from workbench.data.adding import add_dataset
from workbench.data.source import open_source
from workbench.errors import DataError, UsageError
from workbench.evaluation.columns import read_columns
from workbench.evaluation.document import document
from workbench.evaluation.export import export
from workbench.evaluation.given import read_given
from workbench.evaluation.importing import ImportWish, import_run
from workbench.evaluation.lines import Prompter, answer_line, failed_line
from workbench.evaluation.resuming import resumed_config
from workbench.prompts.pool import default_for
from workbench.sample import Answer

STATEMENTS = (
    "True. It is.", "False", "I cannot tell.", "", "=1+1", "False. No circle.", "'quoted' True",
    "The answer is True.",
)  # fmt: skip
CAPTIONS = ("a red circle", "A blue square, left.\nReally.", "two shapes", "a cat", "+1", "x")


def made(dataset: str, texts: Sequence[str], failing: int = -1) -> Run:
    """A run whose answers are those texts."""
    source = open_source(dataset)
    prompter = Prompter(default_for(source), source.task, tuple(source.labels))
    config = {"dataset": source.dataset, "split": source.split, "task": source.task}
    config |= {"labels": list(source.labels), "template": prompter.template.name}
    with Run.create(config, "k", total=len(texts)) as run:
        for place, (text, sample) in enumerate(zip(texts, source.iter(), strict=False)):
            if place == failing:
                run.append(failed_line(prompter, sample, WbError("no image", kind="bad_image")))
            else:
                run.append(answer_line(prompter, sample, Answer(text), share_s=0.0))
        run.set_state("done")
    return run


def verdicts(run: Run) -> dict[str, tuple]:
    return {x["uid"]: (verdict(x), x["label"], x["explanation"]) for x in run.predictions()}


def figures(run: Run) -> dict:
    found = document(run)
    return {name: found.get(name) for name in ("metrics", "counts", "confusion", "per_label")}


def imported(path: Path, dataset: str = "demo/test[:8]", **more):
    return import_run(ImportWish(path, dataset, **more))


@pytest.mark.parametrize("form", ["csv", "json", "lmms-eval"])
def test_what_was_exported_comes_back_with_the_same_verdicts_and_figures(tmp_path, form):
    run = made("demo/test[:8]", STATEMENTS, failing=5)
    path = tmp_path / f"answers.{'jsonl' if form == 'lmms-eval' else form}"
    path.write_text(export(run, form))
    back = imported(path, model="theirs")
    assert (back.counts.rows, back.counts.matched, back.counts.unanswered) == (8, 8, 0)
    assert back.notes == ()
    assert verdicts(back.run) == verdicts(run)
    assert figures(back.run) == figures(run)
    assert figures(run)["counts"]["failed"] == 1
    assert back.run.config["model"] == "theirs"
    assert back.run.state == "done"


def test_captions_come_back_from_coco_s_results(tmp_path):
    run = made("demo_captions/test[:6]", CAPTIONS)
    path = tmp_path / "results.json"
    path.write_text(export(run, "coco"))
    back = imported(path, "demo_captions/test[:6]")
    assert back.run.config["imported"]["format"] == "coco"
    # COCO's results have the caption alone, without what was said after it.
    captions = [{x["uid"]: x["label"] for x in each.predictions()} for each in (back.run, run)]
    assert captions[0] == captions[1]
    assert figures(back.run)["metrics"] == figures(run)["metrics"]


def test_the_same_file_again_is_the_run_that_there_is(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("uid,text\ndemo/test/000000,True\n")
    first, again = imported(path), imported(path)
    assert (first.known, again.known) == (False, True)
    assert again.run.id == first.run.id
    assert imported(path, model="other").run.id != first.run.id
    path.write_text("uid,text\ndemo/test/000000,False\n")
    assert imported(path).run.id != first.run.id


@pytest.fixture
def shared(tmp_path: Path) -> str:
    """`e/e`: four hypotheses over two pictures in two folders, one of them twice."""
    for name in ("a/1.png", "a/2.png", "b/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    rows = "0,x,a/1.png,true\n1,y,a/1.png,false\n2,z,a/2.png,true\n3,w,b/2.png,true\n"
    rows += "4,w,b/2.png,true\n"
    (tmp_path / "e.csv").write_text("id,sentence,image,label\n" + rows)
    add_dataset(
        "e", tmp_path / "e.csv", id="id", texts={"sentence": "sentence"}, image=("image",),
        label="label", labels=("true", "false"), task="statement",
    )  # fmt: skip
    return "e/e"


def test_rows_are_matched_by_image_and_text_and_the_others_are_told(shared, tmp_path):
    path = tmp_path / "theirs.csv"
    rows = ["1.png,x,true", "some/1.png,y,false", "1.png,y,true", "9.png,x,true", "1.png,q,true"]
    rows += [f"{tmp_path}/a/2.png,z,no idea", "2.png,w,true"]
    path.write_text("\n".join(["img_path,sentence,explanation", *rows]) + "\n")
    back = imported(path, shared)
    counts = back.counts
    assert (counts.rows, counts.matched, counts.unanswered) == (7, 3, 2)
    assert (counts.unmatched, counts.ambiguous, counts.repeated) == (2, 1, 1)
    assert [note.split(":")[0] for note in back.notes] == [
        "2 of 7 rows are of no sample",
        "1 of 7 rows are of several samples and were left out",
        "1 of 7 rows are of a sample that an earlier row is of and were left out",
    ]
    said = {x["uid"]: verdict(x) for x in back.run.predictions()}
    assert said == {"e/e/0": "right", "e/e/1": "right", "e/e/2": "unparsed"}
    notes = document(back.run)["notes"]
    assert any("2 samples of the split have no row" in note for note in notes)
    assert any("2 unmatched, 1 ambiguous, 1 repeated" in note for note in notes)


def lmms(path: Path, *lines: dict) -> Path:
    """As `save_results_samples` of 0.7.3 leaves lines: no doc, resps dropped where equal."""
    base = {"token_counts": [None], "doc_hash": "0" * 64}
    path.write_text("".join(json.dumps(line | base) + "\n" for line in lines))
    return path


def test_what_lmms_eval_writes_is_matched_by_its_place_where_the_prompt_agrees(tmp_path):
    sentences = [s.texts["sentence"] for s in open_source("demo/test[:8]").iter()]
    path = lmms(
        tmp_path / "20260101_samples_task.jsonl",
        {"doc_id": 0, "target": "A", "filtered_resps": "True", "input": f"So? {sentences[0]}"},
        {"doc_id": 1, "target": "?", "resps": ["False, no"], "filtered_resps": "False",
         "input": sentences[1]},
        {"doc_id": 2, "target": "False", "filtered_resps": "True", "input": "what colour"},
        {"doc_id": 3, "target": "True", "resps": [["-1.0", "True"], ["-2.0", "False"]],
         "filtered_resps": [["-1.0", "True"], ["-2.0", "False"]], "input": sentences[3]},
        {"doc_id": 99, "target": "True", "filtered_resps": "True", "input": sentences[3]},
    )  # fmt: skip
    back = imported(path)
    assert {x["uid"][-1]: x["text"] for x in back.run.predictions()} == {
        "0": "True",
        "1": "False, no",
    }
    counts = back.counts
    assert (counts.unmatched, counts.unreadable, counts.differing) == (2, 1, 2)


def test_gold_answers_say_that_a_place_is_right_only_where_all_of_them_agree(tmp_path):
    golds = [s.label or "" for s in open_source("demo/test[:8]").iter()]
    assert set(golds) == {"True", "False"}
    rows = [{"doc_id": n, "target": gold, "filtered_resps": "True", "input": "the question"}
            for n, gold in enumerate(golds)]  # fmt: skip
    assert imported(lmms(tmp_path / "a.jsonl", *rows)).counts.matched == 8
    other = [row | {"target": gold} for row, gold in zip(rows, golds[1:] + golds[:1], strict=True)]
    with pytest.raises(DataError, match="8 of 8 rows are of no sample"):
        imported(lmms(tmp_path / "b.jsonl", *other))


def test_a_whole_number_is_the_id_that_it_means(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[{"image_id": 3.0, "caption": "True"}, {"image_id": "000004", "caption": ""}]')
    assert [x["uid"][-1] for x in imported(path).run.predictions()] == ["3", "4"]
    (tmp_path / "a.csv").write_text("id, answer\n5.0,True\n", "utf-8-sig")
    assert [x["uid"][-1] for x in imported(tmp_path / "a.csv").run.predictions()] == ["5"]


def test_a_map_of_images_and_a_plain_table_are_read(shared, tmp_path):
    path = tmp_path / "captions.json"
    path.write_text('{"b/3.png": "x", "a/2.png": "true"}')
    with pytest.raises(DataError, match="no row .* is of a sample of e/e"):
        imported(path, shared)  # 2.png is in two folders
    (tmp_path / "plain.jsonl").write_text('{"key": 2, "said": "true\u2028."}\n', "utf-8")
    back = imported(tmp_path / "plain.jsonl", shared, id_column="key", answer_column="said")
    assert [verdict(x) for x in back.run.predictions()] == ["right"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "uid,text\nnone/test/1,True\n", "1 of 1 rows are of no sample: row 1"),
        ("a.csv", "uid,note\nx,y\n", "no column could be the answer"),
        ("a.csv", "note,text\nx,y\n", "no column could be the sample"),
        ("a.csv", "uid,text\na,b,c\n", "more cells than columns"),
        ("a.csv", "uid,text,text\na,b,c\n", "two columns 'text'"),
        ("a.csv", "uid,text\n", "holds no rows"),
        ("a.json", "[1, 2]", "no list of answers"),
        ("a.jsonl", '{"uid": "a"}\n{"uid"\n', "line 2: no JSON"),
        ("a.json", "", "holds no rows"),
    ],
)
def test_a_file_of_nothing_is_refused_and_leaves_no_run(tmp_path, name, text, words):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(WbError) as error:
        imported(path)
    assert words in error.value.message
    assert list_runs() == []


def test_other_mistakes_are_told(tmp_path):
    path = tmp_path / "a.csv"
    with pytest.raises(DataError, match="cannot read"):
        imported(path)
    path.write_text("uid,text\ndemo/test/000000,True\n")
    with pytest.raises(UsageError, match="no column 'x'"):
        imported(path, answer_column="x")
    with pytest.raises(UsageError, match="that is a server"):
        imported(path, model="openai:http://127.0.0.1:1#m")
    with pytest.raises(UsageError, match="there is no model to ask"):
        resumed_config(imported(path).run)


def test_a_column_of_texts_is_not_taken_for_the_answer(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text,prediction\n1,the meme says no,yes\n")
    assert read_given(path).columns == {"sample": "id", "answer": "prediction"}
    path.write_text("uid,target,text,explanation\n1,a,b,c\n")
    assert read_given(path).columns["answer"] == "text"


def test_our_table_of_texts_of_the_samples_comes_back(shared, tmp_path):
    run = made(shared, ("true. so", "false", "true", "no", "true"))
    path = tmp_path / "out.csv"
    path.write_text(export(run, "csv", read_columns("img_path,sentence,explanation=text")))
    back = imported(path, shared)
    assert (back.counts.matched, back.counts.ambiguous) == (3, 2)  # two samples are twins
    assert {u: v for u, v in verdicts(run).items() if u[-1] in "012"} == verdicts(back.run)


def test_of_a_task_with_labels_the_answer_goes_before_its_explanation(tmp_path):
    path = tmp_path / "both.csv"
    uids = [sample.uid for sample in open_source("demo/test[:4]").iter()]
    rows = "".join(f"{uid},because I see it,True\n" for uid in uids)
    path.write_text(f"id,explanation,answer\n{rows}")
    found = imported(path)
    assert found.run.config["imported"]["columns"]["answer"] == "answer"
    assert (found.run.counts()["unparsed"], found.notes) == (0, ())
    assert read_given(path).columns["answer"] == "explanation"  # as of captions
    wrong = imported(path, answer_column="explanation")
    assert wrong.run.counts()["unparsed"] == 4
    (note,) = wrong.notes
    assert "4 of 4 answers in 'explanation'" in note and "(--answer-column answer)" in note
