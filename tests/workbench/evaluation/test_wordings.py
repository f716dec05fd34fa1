"""Several wordings in one evaluation: a run for each, their spread, and the table of captions."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from sessions.runs import Run, list_runs
from tests.workbench.data.tables import write_pictures
from workbench.data.adding import add
from workbench.data.source import open_source
from workbench.errors import UnknownName, UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.wordings import (
    Wording,
    WordingRuns,
    ask_wordings,
    read_wordings,
    spreads,
    table_of,
)
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec

DEMO = EvalConfig("demo/test")


def test_names_are_templates_or_their_ends_and_columns_are_named_by_place():
    assert read_wordings("true-false, A7=statement/yes-no@1", DEMO) == (
        Wording("A1", "statement/true-false@1"),
        Wording("A7", "statement/yes-no@1"),
    )


def test_the_five_of_cifar10_are_shipped(tmp_path: Path):
    write_pictures(tmp_path / "test", ["cat/17.png", "dog/4.png"])
    add("cifar10", [tmp_path])
    found = read_wordings("A1,A2,A3,A4,A5", EvalConfig("cifar10/all"))
    assert [one.column for one in found] == ["A1", "A2", "A3", "A4", "A5"]
    assert [one.template for one in found] == [f"classification/A{n}@1" for n in range(1, 6)]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", UsageError, "names no template"),
        ("B1=statement/yes-no", UsageError, "wants TEMPLATE or A1=TEMPLATE"),
        ("A1=", UsageError, "wants TEMPLATE or A1=TEMPLATE"),
        ("A1=yes-no,A1=true-false", UsageError, "the column A1 twice"),
        ("yes-no,statement/yes-no", UsageError, "the template statement/yes-no@1 twice"),
        ("nothing", UnknownName, "nothing"),
        ("statement/nothing", UnknownName, "statement/nothing"),
    ],
)
def test_names_that_cannot_be_meant_are_refused(text, error, words):
    with pytest.raises(error, match=words):
        read_wordings(text, DEMO)


def test_the_spread_is_of_what_is_known():
    def made(values: dict[str, float | None]) -> Run:
        with Run.create({}, "k", total=1) as run:
            figures = {name: {"value": value, "n": 1} for name, value in values.items()}
            run.write_metrics({"metrics": figures})
            run.set_state("done")
        return run

    runs = {
        "A1": made({"macro_f1": 0.5, "accuracy": 0.4, "tokens_per_s": 9.0, "auroc": None}),
        "A2": made({"macro_f1": 0.5, "accuracy": 0.8, "tokens_per_s": 1.0, "auroc": 0.5}),
        "A3": made({"macro_f1": 0.5, "accuracy": 0.6, "auroc": None, "x": 1.0}),
    }
    found = {name: one.to_json() for name, one in spreads(WordingRuns((), runs)).items()}
    assert list(found) == ["accuracy", "macro_f1", "auroc"]  # the main figure first, no speed
    accuracy = found["accuracy"]
    assert (accuracy["min"], accuracy["max"]) == (0.4, 0.8)
    assert accuracy["mean"] == pytest.approx(0.6)
    assert accuracy["sd"] == pytest.approx(0.2)
    assert found["auroc"] == {
        "values": {"A1": None, "A2": 0.5, "A3": None}, "mean": 0.5, "sd": None,
        "min": 0.5, "max": 0.5,
    }  # fmt: skip


def test_the_table_is_read_again_as_captions_of_cifar10(tmp_path: Path, tiny_folder: Path):
    write_pictures(tmp_path / "mine/test", ["cat/17.png", "dog/4.png", "ship/9.png"])
    add("cifar10", [tmp_path / "mine"])
    spec = ModelSpec(str(tiny_folder), device="cpu")
    config = EvalConfig("cifar10/test", spec=spec, decoding=Decoding(max_new_tokens=4), threads=1)
    wordings = read_wordings("A1,A2", config)
    stopped = ask_wordings(config, wordings, cancelled=lambda: True)
    assert stopped.unfinished is not None
    assert list(stopped.runs) == ["A1"]
    found = ask_wordings(config, wordings)
    assert found.unfinished is None
    assert found.runs["A1"].id == stopped.runs["A1"].id  # gone on with
    assert len(list_runs()) == 2
    assert [run.id for run in ask_wordings(config, wordings).runs.values()] == [
        run.id for run in found.runs.values()
    ]
    text, failed = table_of(found)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert (list(rows[0]), failed) == (["Dataset_Index", "A1", "A2"], 0)
    assert [row["Dataset_Index"] for row in rows] == ["4", "9", "17"]

    said = {line["uid"]: line["text"].strip() for line in found.runs["A2"].predictions()}
    (tmp_path / "captions.csv").write_text(text)
    add("cifar10", [tmp_path / "mine", f"test={tmp_path / 'captions.csv'}"], replace=True)
    for sample in open_source("cifar10/test").iter():
        assert sample.metadata["candidates"].get("A2", "") == said[sample.uid]
