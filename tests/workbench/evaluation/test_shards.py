"""Shards are disjoint and whole; merged they have the figures of one run, to the last digit."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from sessions.clusters import clusters_of
from sessions.runs import Run, list_runs
from workbench.data.source import open_source
from workbench.errors import UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.document import document
from workbench.evaluation.finished import find_finished
from workbench.evaluation.merging import merge_runs
from workbench.evaluation.prepare import prepare
from workbench.evaluation.resuming import resumed_config
from workbench.evaluation.runner import evaluate
from workbench.evaluation.shards import Shard, batches, parse_shard
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec

pytestmark = pytest.mark.slow

SHORT = Decoding(max_new_tokens=2)


def length(sample) -> int:
    return len(sample.texts["sentence"])


@pytest.mark.parametrize(("total", "size", "count"), [(50, 4, 3), (7, 2, 4), (3, 4, 3), (40, 5, 1)])
def test_shards_are_disjoint_and_hold_the_batches_of_the_whole(total, size, count):
    source = open_source("demo/test")
    whole = [[s.uid for s in batch] for batch in batches(source, total, size, length)]
    shards = [Shard(number, count) for number in range(1, count + 1)]
    parts = [[s.uid for s in shard.samples(source, total, size, length)] for shard in shards]
    assert sorted(uid for part in parts for uid in part) == sorted(
        s.uid for s in islice(source.iter(), total)
    )
    assert [len(part) for part in parts] == [shard.total(total, size) for shard in shards]
    cut = [part[i : i + size] for part in parts for i in range(0, len(part), size)]
    assert sorted(cut) == sorted(whole)


@pytest.mark.parametrize("text", ["", "0/4", "5/4", "1/0", "1", "a/b", "-1/4", "1/4/5", "1/99999"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UsageError, match="--shard wants I/N"):
        parse_shard(text)
    if text:
        with pytest.raises(UsageError, match="--shard wants I/N"):
            EvalConfig("demo/test", shard=text)


def figures(run: Run) -> dict:
    found = document(run)
    metrics = {name: value for name, value in found["metrics"].items() if name != "tokens_per_s"}
    names = ("counts", "confusion", "per_label", "reliability", "key", "state", "template")
    return {"metrics": metrics} | {name: found.get(name) for name in names}


def lines(run: Run) -> dict[str, dict]:
    times = ("latency_s", "share_s")
    return {
        line["uid"]: {name: value for name, value in line.items() if name not in times}
        for line in run.predictions()
    }


@pytest.fixture
def config(tiny_folder: Path) -> EvalConfig:
    spec = ModelSpec(str(tiny_folder), device="cpu")
    return EvalConfig("demo/test", spec=spec, decoding=SHORT, limit=22, batch_size=3, threads=1)


def shards_of(config: EvalConfig, count: int) -> list[Run]:
    return [evaluate(replace(config, shard=f"{i}/{count}")) for i in range(1, count + 1)]


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": "both", "positive": "True"},
        {"answer": "both", "shots": 1, "random": True, "seed": 3},
        {"control": "shuffled", "answer": "both"},
        {"decoding": Decoding(max_new_tokens=2, temperature=1.0), "samples": 2, "limit": 8},
    ],
)
def test_merged_shards_are_the_run_of_the_whole_to_the_last_digit(config, changes):
    config = replace(config, **changes)
    whole, parts = evaluate(config), shards_of(config, 3)
    assert {run.key for run in parts} & {whole.key} == set()
    merged = merge_runs(parts[::-1]).run
    assert merged.key == whole.key
    assert lines(merged) == lines(whole)
    assert figures(merged) == figures(whole)
    for name in ("settings_key", "variant_of", "images_digest", "shot_uids"):
        assert merged.config[name] == whole.config[name]
    assert merged.config["merged_from"] == [run.id for run in parts]


def test_sets_and_clusters_are_those_of_the_whole(config):
    whole, parts = evaluate(config), shards_of(config, 2)
    merged = merge_runs(parts).run
    assert clusters_of(sorted(merged.predictions(), key=lambda x: x["uid"])) == clusters_of(
        sorted(whole.predictions(), key=lambda x: x["uid"])
    )


def test_a_shard_that_was_stopped_goes_on_in_its_batches_whatever_the_batch_size(config):
    config = replace(config, limit=12)
    asked: list[int] = []
    stop = lambda: len(asked) >= 1 or asked.append(1) is not None  # noqa: E731
    first = evaluate(replace(config, shard="1/2"), cancelled=stop)
    second = evaluate(replace(config, shard="2/2"))
    assert first.state == "cancelled"
    assert 0 < len(first.predictions()) < 6
    with pytest.raises(UsageError, match=r"shard 1/2\) is cancelled with 3 of 6 samples"):
        merge_runs([first, second])
    again = evaluate(resumed_config(first, batch_size=5), resume=first.id)
    assert again.state == "done"
    assert {x["uid"] for x in again.predictions()}.isdisjoint(lines(second))
    assert merge_runs([again, second]).run.progress() == (12, 12)
    with pytest.raises(UsageError, match="shard"):
        evaluate(replace(config, shard="1/2", batch_size=4), resume=first.id)


def test_shards_are_found_and_what_does_not_belong_is_refused_by_name(config):
    config = replace(config, limit=6, batch_size=2)
    one, two, three = shards_of(config, 3)
    other = evaluate(replace(config, shard="2/3", decoding=Decoding(max_new_tokens=1)))
    plain = evaluate(replace(config, limit=2))
    with pytest.raises(UsageError, match=f"{plain.id} is no shard"):
        merge_runs([one, plain])
    with pytest.raises(UsageError, match=f"{other.id} is no shard of the evaluation of .*decoding"):
        merge_runs([one, other, three])
    again = evaluate(replace(config, shard="1/3"))
    with pytest.raises(UsageError, match="both shard 1/3"):
        merge_runs([one, again])
    halves = evaluate(replace(config, shard="1/2"))
    with pytest.raises(UsageError, match="in shards 2, not 3"):
        merge_runs([one, halves])
    with pytest.raises(UsageError, match="shard 2/2 of this evaluation is missing") as error:
        merge_runs([halves])
    assert "--shard 2/2" in (error.value.hint or "")
    assert "--batch-size 2" in (error.value.hint or "")

    found = merge_runs([two])
    assert [run.id for run in found.found] == [again.id, three.id]
    assert merge_runs([two]).known
    line = two.predictions()[0]
    two.append(line | {"text": "asked again"})
    two.set_state("done")
    changed = merge_runs([two])
    assert not changed.known
    assert lines(changed.run)[line["uid"]]["text"] == "asked again"
    count = len(list_runs())
    assert find_finished(prepare(config)).id == changed.run.id  # it answers for a run of the whole
    assert len(list_runs()) == count


def test_more_shards_than_batches_leave_some_empty(config):
    parts = shards_of(replace(config, limit=2, batch_size=2), 2)
    assert [run.progress() for run in parts] == [(2, 2), (0, 0)]
    assert merge_runs(parts).run.progress() == (2, 2)
