"""An overlapping run asks what is new alone, says what it took, and figures are as if all was."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import fields, replace
from pathlib import Path

import pytest
from PIL import Image

from sessions.kept_answers import KeptAnswers
from sessions.runs import list_runs
from workbench.data.adding import add_dataset
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.document import document
from workbench.evaluation.finished import find_unloaded
from workbench.evaluation.recorded import _answer, _body
from workbench.evaluation.resuming import resumed_config
from workbench.evaluation.runner import evaluate
from workbench.inference.decoding import Decoding
from workbench.models.base import load_model
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, CoordinateFrame, Timing, Token

pytestmark = pytest.mark.slow

SHORT = Decoding(max_new_tokens=2)


@pytest.fixture(autouse=True)
def _kept(monkeypatch):
    monkeypatch.setenv("WB_KEEP_ANSWERS_MB", "64")


@pytest.fixture
def model(tiny_folder: Path) -> ModelSpec:
    return ModelSpec(str(tiny_folder), device="cpu")


@pytest.fixture
def table(tmp_path: Path):
    """Makes a dataset of statements over four pictures: `(name, ids)`; its rows are by number."""
    for i in range(4):
        Image.new("RGB", (32, 32), (60 * i, 0, 0)).save(tmp_path / f"{i}.bmp")

    def make(name: str, numbers: range) -> str:
        rows = [f"{name}{i},row {i} is red,{i % 4}.bmp,true" for i in numbers]
        path = tmp_path / f"{name}.csv"
        path.write_text("id,sentence,image,label\n" + "\n".join(rows) + "\n")
        add_dataset(
            name,
            path,
            id="id",
            texts={"sentence": "sentence"},
            image=("image",),
            label="label",
            labels=("true", "false"),
            task="statement",
        )
        return f"{name}/{name}"

    return make


def said(run) -> dict[str, tuple]:
    """What each line says, less times and where it came from."""
    names = ("text", "label", "correct", "tokens", "prompt_tokens", "finish_reason")
    return {line["uid"]: tuple(line.get(name) for name in names) for line in run.predictions()}


def scores(run) -> dict[str, dict[str, float]]:
    """Of each line, to what a batch of another size changes of a float's last digits."""
    return {
        line["uid"]: {label: round(value, 4) for label, value in line["scores"].items()}
        for line in run.predictions()
    }


def taken(run) -> int:
    return sum(bool(line.get("recorded")) for line in run.predictions())


def rewrite(text: str) -> None:
    """Have every kept answer say something that the model would not."""
    with KeptAnswers.open() as kept, sqlite3.connect(kept.path) as db:
        rows = db.execute("SELECT key, body FROM answers").fetchall()
        (scope,) = kept.scopes()
        bodies = {key: json.dumps(json.loads(body) | {"text": text}) for key, body in rows}
        db.commit()
        kept.keep(scope.digest, json.dumps(dict(scope.facts)), bodies)


def test_an_overlapping_run_asks_what_is_new_and_has_the_figures_of_a_whole_one(model, table):
    values = {"spec": model, "decoding": SHORT, "threads": 1, "answer": "both"}
    data, more = table("one", range(6)), table("two", range(3, 9))

    def ask(dataset: str, **changes):
        return evaluate(EvalConfig(dataset, **values | changes))

    first = ask(data, limit=4)
    assert taken(first) == 0
    assert "tokens_per_s" in document(first)["metrics"]
    assert "recorded" not in document(first)["counts"]

    second = ask(data)
    assert (taken(second), len(second.predictions())) == (4, 6)
    assert document(second)["counts"]["recorded"] == 4
    assert any("4 of 6 answers are from the record" in n for n in document(second)["notes"])
    assert document(second)["metrics"]["tokens_per_s"]["n"] == 2  # speed is of what was asked

    whole = ask(data, fresh=True)
    assert taken(whole) == 0
    assert whole.key == second.key
    assert said(second) == said(whole)
    assert scores(second) == scores(whole)
    for name in ("accuracy", "macro_f1", "agreement", "accuracy_by_scores"):
        assert document(second)["metrics"][name] == document(whole)["metrics"][name]

    other = ask(more)  # the same questions in another table
    assert taken(other) == 3

    rewrite("True, as nobody said")
    again = ask(data, batch_size=3)
    assert {line["text"] for line in again.predictions()} == {"True, as nobody said"}
    assert {line["label"] for line in again.predictions()} == {"true"}  # read and judged anew
    assert "tokens_per_s" not in document(again)["metrics"]
    for change in ({"answer": "generate"}, {"decoding": Decoding(max_new_tokens=2, seed=1)}):
        assert taken(ask(data, **change)) == 0


def test_an_answer_comes_back_with_all_that_its_line_is_made_of():
    whole = Answer(
        "a box [1, 2]",
        tokens=(Token(5, "a"), Token(6, "b")),
        finish_reason="length",
        prompt_tokens=9,
        timing=Timing(1.0, 2.0, 3.0),
        label_scores={"yes": -0.1, "no": -2.5},
        head={"yes": 0.75},
        server={"model": "m"},
        frames=(
            CoordinateFrame((640, 480), (0.0, -80.5, 640.0, 560.5), (1000.0, 999.0), "c"),
            CoordinateFrame((3, 4)),
        ),
        answered_by={"device": "cpu"},
    )
    back = _answer(json.loads(_body(whole) or ""))
    assert back is not None
    # Which tokens, when, and by whom: no line of a run that is not of a server has them.
    left = {"tokens", "timing", "server", "answered_by", "counted"}
    kept = {field.name for field in fields(Answer)} - left
    assert {name: getattr(back, name) for name in kept} == {
        name: getattr(whole, name) for name in kept
    }
    assert all(getattr(whole, name) != field.default for field in fields(Answer)
               if (name := field.name) != "counted")  # fmt: skip
    assert back.new_tokens == whole.new_tokens == 2
    body = json.loads(_body(whole) or "")
    for name in body:
        assert _answer({key: value for key, value in body.items() if key != name}) is None


@pytest.mark.parametrize("reason", ["cancelled", "error"])
def test_an_answer_that_was_broken_off_is_not_kept(reason):
    assert _body(Answer("a", finish_reason=reason)) is None
    assert _body(Answer("a", label_scores={"yes": float("-inf")})) is None


def test_what_changed_is_asked_again(model, table, tmp_path):
    data = table("one", range(4))
    values = {"spec": model, "decoding": SHORT, "threads": 1}
    evaluate(EvalConfig(data, **values))
    rewrite("old")
    Image.new("RGB", (32, 32), (1, 2, 3)).save(tmp_path / "0.bmp")
    lines = evaluate(EvalConfig(data, **values)).predictions()
    assert [line["uid"] for line in lines if line["text"] != "old"] == ["one/one/one0"]
    assert all(line["text"] == "old" for line in lines if line.get("recorded"))
    # Another precision, another wording: nothing of what was said holds.
    other = ModelSpec(model.model, device="cpu", dtype="bf16")
    for change in ({"spec": other}, {"template": "statement/yes-no"}, {"control": "blank"}):
        assert taken(evaluate(EvalConfig(data, **values | change))) == 0


def test_a_failed_sample_is_asked_again_and_a_lost_record_costs_answers_alone(
    model, table, tmp_path
):
    data = table("one", range(4))
    (tmp_path / "1.bmp").write_bytes(b"BM no picture")
    values = {"spec": model, "decoding": SHORT, "threads": 1}
    evaluate(EvalConfig(data, **values))
    again = evaluate(EvalConfig(data, **values))
    assert taken(again) == 3
    assert document(again)["counts"]["failed"] == 1

    with KeptAnswers.open() as kept:
        path = kept.path
    for file in path.parent.glob(path.name + "*"):
        file.unlink()
    path.write_bytes(b"no database" * 500)
    lost = evaluate(EvalConfig(data, **values))
    assert lost.state == "done"
    assert taken(lost) == 0
    assert any("answers were not kept" in note for note in document(lost)["notes"])


def test_answers_by_votes_are_taken_where_all_seeds_are_there(model, table):
    data = table("one", range(2))
    warm = Decoding(max_new_tokens=2, temperature=1.0, seed=3)
    values = {"spec": model, "threads": 1}
    first = evaluate(EvalConfig(data, decoding=warm, samples=2, **values))
    second = evaluate(EvalConfig(data, decoding=warm, samples=2, **values))
    assert taken(second) == 2
    assert said(first) == said(second)
    assert [line["samples"] for line in first.predictions()] == [
        line["samples"] for line in second.predictions()
    ]
    assert taken(evaluate(EvalConfig(data, decoding=warm, samples=3, **values))) == 0
    later = Decoding(max_new_tokens=2, temperature=1.0, seed=4)
    assert taken(evaluate(EvalConfig(data, decoding=later, **values))) == 2


def test_a_finished_run_of_the_same_settings_answers_for_another(model, table):
    config = EvalConfig(table("one", range(2)), spec=model, decoding=SHORT, threads=1)
    known: list = []
    told: list = []
    first = evaluate(config, told.append, on_known=known.append)
    assert known == []
    assert any(one.message.startswith("loading") for one in told)
    told.clear()
    assert evaluate(config, told.append, on_known=known.append).id == first.id
    assert told == []  # no model was loaded to find it
    loaded = load_model(model)
    assert evaluate(config, loaded=loaded, on_known=known.append).id == first.id
    del known[1:]
    assert [run.id for run in known] == [first.id]
    stopped = evaluate(EvalConfig(config.dataset, spec=model, decoding=SHORT, limit=1),
                       cancelled=lambda: True, on_known=known.append)  # fmt: skip
    assert stopped.state == "cancelled"
    again = EvalConfig(config.dataset, spec=model, decoding=SHORT, limit=1)
    assert evaluate(again, on_known=known.append).id != stopped.id  # a run that is not done is none
    fresh = EvalConfig(config.dataset, spec=model, decoding=SHORT, threads=1, fresh=True)
    assert evaluate(fresh, on_known=known.append).id != first.id
    assert evaluate(fresh, resume="auto").id not in {run.id for run in list_runs()[1:]}


def test_a_run_of_other_weights_or_another_dtype_answers_for_nothing(
    model, table, tmp_path, tiny_folder
):
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    spec = ModelSpec(str(folder), device="cpu")
    config = EvalConfig(table("one", range(2)), spec=spec, decoding=SHORT, threads=1)
    first = evaluate(config)
    assert find_unloaded(config) is not None
    assert find_unloaded(replace(config, spec=replace(spec, dtype="bf16"))) is None
    assert find_unloaded(replace(config, limit=1)) is None
    assert find_unloaded(replace(config, positive="true")) is None
    first.set_state("cancelled")
    assert find_unloaded(config) is None
    first.set_state("done")
    assert find_unloaded(config) is not None
    (folder / "generation_config.json").write_text("{}")
    assert find_unloaded(config) is None
    Image.new("RGB", (32, 32), (9, 9, 9)).save(tmp_path / "0.bmp")
    shutil.copy2(tiny_folder / "generation_config.json", folder)
    assert find_unloaded(config) is None


def test_a_sample_that_is_wanted_again_is_asked_although_its_answer_is_on_record(table, model):
    run = evaluate(EvalConfig(table("mine", range(3)), spec=model, decoding=SHORT))
    uid = run.predictions()[1]["uid"]
    again = evaluate(resumed_config(run, retry=[uid]), resume=run.id)
    assert not any("recorded" in line for line in again.predictions())
