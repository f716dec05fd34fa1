"""One adapter has one name, however it is spelled; and the name says which training left it."""

from __future__ import annotations

import pytest

from sessions.runs import Run
from workbench.models.names import adapter_name, model_name, short_names, spec_name
from workbench.models.spec import ModelSpec
from workbench.reports.run import names_of


def test_an_adapter_is_called_by_the_training_that_left_it_wherever_it_is_named():
    run = Run.create({"name": "shapes", "model": "demo"}, "k", kind="train")
    name = f"shapes·{run.id[-6:]}"
    for spelled in (run.id, str(run.path), f"{run.path}/", str(run.path / "adapter")):
        assert adapter_name(spelled) == name
    assert adapter_name(str(run.path / "checkpoint-50")) == f"{name}@50"
    assert spec_name(ModelSpec("demo", str(run.path / "adapter"))) == f"demo +{name}"
    assert short_names("demo", str(run.path / "adapter")) == f"demo +{name}"
    assert names_of(run.config, run.id).who_short == f"demo +{name}"


@pytest.mark.parametrize(
    ("adapter", "name"),
    [
        ("", ""),
        ("/data/lora/", "lora"),
        ("lora", "lora"),
        ("/data/mine/adapter", "mine"),
        ("/data/mine/checkpoint-7", "mine@7"),
        ("/gone/01kq3z5h8e0000000000abcdef/adapter", "abcdef"),
        ("01kq3z5h8e0000000000abcdef", "abcdef"),
        ("\0", "\0"),
    ],
)
def test_an_adapter_that_no_run_here_left_is_called_by_its_folder(adapter: str, name: str):
    assert adapter_name(adapter) == name


def test_a_damaged_run_costs_its_adapter_no_more_than_the_name():
    run = Run.create({"name": ["x"], "model": "demo"}, "k", kind="train")
    assert adapter_name(run.id) == run.id[-6:]
    (run.path / "config.json").write_text("[")
    assert adapter_name(str(run.path / "adapter")) == run.id[-6:]


def test_a_servers_model_is_called_by_its_name_and_its_host():
    assert model_name("openai:http://lab:8000/v1#Qwen/qwen") == "qwen@lab:8000"
