"""The examples of an evaluation: chosen in every way, recorded, and the same on a resume."""

from __future__ import annotations

import pytest

from sessions.runs import Run
from sessions.uid_cache import UidCache
from workbench.errors import UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.resuming import resumed_config
from workbench.evaluation.runner import evaluate
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec


def config(**more) -> EvalConfig:
    values = {"dataset": "demo/test", "limit": 1, "batch_size": 1, "threads": 1}
    short = Decoding(max_new_tokens=2)
    return EvalConfig(**values | more, decoding=short, spec=ModelSpec(device="cpu"))


def test_a_tags_bookmarks_are_examples_and_a_resume_keeps_them_when_the_tag_changes():
    with UidCache.open() as cache:
        cache.add_many(["demo/train/000003", "demo/train/000001"], ["good"])
    run = evaluate(config(shots_tag="good"))
    assert run.config["shot_uids"] == ["demo/train/000003", "demo/train/000001"]
    assert run.config["drawn"]["tag"] == "good"
    with UidCache.open() as cache:
        cache.add("demo/train/000008", ["good"])
    again = resumed_config(run)
    assert again.shot_uids == ("demo/train/000003", "demo/train/000001")
    assert evaluate(again, resume=run.id).id == run.id


def test_the_spare_examples_are_recorded_for_the_queries_that_are_examples():
    from workbench.evaluation.prepare import prepare

    ready = prepare(config(shots=1, shots_from="demo/test[:6]", limit=6))
    body = ready.record()
    assert len(body["spare_uids"]) == 2
    assert body["drawn"] == {"shots": 1, "seed": 0, "from": "demo/test[:6]"}
    again = prepare(EvalConfig.from_json(body))
    assert again.key == ready.key
    for shot in ready.prompter.shots:
        assert again.prompter.render(shot) == ready.prompter.render(shot)


def test_the_examples_of_a_run_are_those_it_got_right():
    from workbench.data.source import open_source

    where = open_source("demo/train")
    first = Run.create({"dataset": "demo", "split": "train"}, "a key")
    with first:
        for i in range(12):
            sample = where.at(i)
            line = {"uid": sample.uid, "label": sample.label, "correct": True, "error": None}
            first.append(line | {"text": "x"})
    run = evaluate(config(shots=1, shots_right_in=first.id))
    assert set(run.config["shot_uids"]) <= {where.uid_at(i) for i in range(12)}
    assert run.config["drawn"]["right_in"] == first.id


def test_a_run_of_an_older_version_that_kept_the_split_beside_the_names_can_be_resumed():
    old = config(shot_uids=("demo/train/000001",)).to_json() | {"shots_from": "demo/train"}
    del old["spare_uids"], old["shots_tag"]
    assert EvalConfig.from_json(old).shot_uids == ("demo/train/000001",)


def test_what_cannot_be_meant_is_refused_before_anything_is_loaded():
    with pytest.raises(UsageError, match="--shots-tag a and --shot"):
        config(shots_tag="a", shot_uids=("demo/train/1",))
