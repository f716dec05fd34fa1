"""Inference configs: found by name, checked whole, overridden by flags, kept in the record."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import UnknownName, UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.inference_config import (
    SHIPPED,
    load_inference_config,
    user_folder,
)
from workbench.inference.decoding import Decoding
from workbench.prompts.pool import get_template


def mine(text: str, name: str = "mine") -> Path:
    user_folder().mkdir(parents=True, exist_ok=True)
    path = user_folder() / f"{name}.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_a_shipped_one_can_be_taken_and_says_what_it_is_for(name: str):
    config = load_inference_config(name)
    assert config.description
    get_template(config.settings["template"])
    assert EvalConfig("demo/test", **config.settings).inference_config == name


def test_explanations_of_esnlive_are_drawn_as_their_scripts_draw_them():
    settings = load_inference_config("esnlive_paligemma").settings
    knobs = {"temperature": 1.2, "repetition_penalty": 1.5, "top_p": 0.9, "top_k": 50}
    assert settings["decoding"] == Decoding(**knobs, max_new_tokens=32, top_logprobs=0)
    assert settings["template"] == "caption/explain-en"


def test_ones_own_file_is_found_by_name_or_path_and_takes_a_shipped_ones_place():
    path = mine('temperature = 0.5\nstop = "."\n', "esnlive_paligemma")
    for name in ("esnlive_paligemma", str(path)):
        config = load_inference_config(name)
        assert (config.name, config.values) == (name, {"temperature": 0.5, "stop": ["."]})


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean esnlive_paligemma") as caught:
        load_inference_config("esnlive_paligema")
    assert "a TOML file" in (caught.value.hint or "")


def test_every_fault_of_a_file_is_told_at_once():
    path = mine('temprature = 1\ntop_p = 7\ndtype = "f8"\ncolumns = "=x"\ntemplate = 3\n')
    with pytest.raises(UsageError) as caught:
        load_inference_config("mine")
    message = caught.value.message
    assert message.startswith(f"{path}: there is no key 'temprature' (did you mean 'temperature'?)")
    for words in ("--top-p wants", "--dtype wants", "got '=x'", "'template' wants a text, got 3"):
        assert words in message
    mine('dataset = "a/b"\nsplit = "c"\nshots = "2"\nrandom = 1\nanswer = "x"\nmetrics = "f9"\n')
    with pytest.raises(UsageError) as caught:
        load_inference_config("mine")
    for words in (
        "leave 'split' out",
        "'shots' wants a whole number, got '2'",
        "'random' wants true or false, got 1",
        "--answer wants generate",
        "no metric 'f9'",
    ):
        assert words in caught.value.message


def test_the_whole_of_a_config_is_an_evaluation_and_changes_go_before_it():
    config = load_inference_config("memes_llava_2shot")
    whole = config.evaluation(limit=3)
    assert (whole.dataset, whole.split, whole.limit) == ("hateful_memes", "dev_seen", 3)
    assert (whole.shots, whole.answer, whole.spec.quantization) == (1, "both", "4bit")
    other = config.evaluation(dataset="mine/test")
    assert (other.dataset, other.split) == ("mine/test", "")


def test_what_is_no_toml_says_so():
    mine("temperature: 1")
    with pytest.raises(UsageError, match=r"mine\.toml is not TOML"):
        load_inference_config("mine")
