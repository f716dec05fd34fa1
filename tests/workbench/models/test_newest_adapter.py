"""`--adapter last` is the adapter of the newest training, whatever was evaluated since."""

from __future__ import annotations

import pytest

from sessions.runs import Run
from workbench.errors import ModelError, UnknownName
from workbench.models.locate import find_adapter


def train(name: str, adapter: bool = True) -> Run:
    run = Run.create({"name": name}, name, kind="train")
    if adapter:
        (run.path / "adapter").mkdir()
        for file in ("adapter_config.json", "adapter_model.safetensors"):
            (run.path / "adapter" / file).write_text("{}")
    run.set_state("done")
    return run


def test_last_is_the_newest_training_and_no_evaluation():
    train("old")
    newest = train("new")
    Run.create({"dataset": "d"}, "e", kind="eval").set_state("done")
    assert find_adapter("last") == (newest.path / "adapter").resolve()


def test_a_newest_training_without_an_adapter_is_not_passed_over_for_an_older_one():
    train("old")
    train("full", adapter=False)
    with pytest.raises(ModelError, match="is not an adapter"):
        find_adapter("last")


def test_without_a_training_there_is_no_last():
    with pytest.raises(UnknownName, match="'last'"):
        find_adapter("last")
