"""A training's config: every fault in one message, in the words of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.config_groups import LoraSettings
from training.train_config import TrainConfig, load_config
from workbench.errors import UsageError


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_all_faults_come_in_one_message(tmp_path):
    file = write(
        tmp_path,
        "train: demo/train\nlearning_rat: 1\nbatch_size: 0\nepochs: many\nlora: {r: -1, apha: 2}\n"
        "scheduler: sine\nlabel_smoothing: 2\nquantization: 3bit\n",
    )
    with pytest.raises(UsageError) as info:
        load_config(file)
    for piece in (
        str(file),
        "there is no key 'learning_rat' (did you mean 'learning_rate'?)",
        "'batch_size' wants at least 1, got 0",
        "'epochs' wants a number, got 'many'",
        "'lora.r' wants at least 1",
        "there is no key 'lora.apha' (did you mean 'lora.alpha'?)",
        "'scheduler' wants one of",
        "'label_smoothing' wants from 0 to below 1, got 2",
        "3bit",
    ):
        assert piece in info.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "NoneType"),
        ("- a\n- b\n", "list"),
        ("train: [a\n", "is not YAML"),
        ("eval: demo/dev\n", "'train' is missing"),
        ("train: {a: b}\n", "'train' wants a list of texts"),
        ("train: demo/train\nseed: true\n", "'seed' wants a whole number"),
        ("train: demo/train\nbatch_size: 2.5\n", "'batch_size' wants a whole number"),
        ("train: []\n", "'train' wants at least one, got []"),
        ("train: demo/train\nepochs: .nan\n", "'epochs' wants a number, got nan"),
        ("train: demo/train\nepochs: 0\n", "'epochs' wants above 0, got 0.0"),
        ("train: demo/train\ndouble_quant: 1\n", "'double_quant' wants true or false, got 1"),
        ("train: demo/train\nlearning_rate: 0\n", "'learning_rate' wants above 0 and below 10"),
        ("train: demo/train\nparts: [eyes]\n", "'parts' wants some of language, projector"),
        ("train: demo/train\n3: 4\n", "there is no key '3'"),
        ("train: demo/train\nlora: 8\n", "'lora' wants keys of its own"),
        ("train: demo/train\nlora: {target_modules: words}\n", "'lora.target_modules'"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, text, words):
    with pytest.raises(UsageError) as info:
        load_config(write(tmp_path, text))
    assert words in info.value.message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="nothing.yaml"):
        load_config(tmp_path / "nothing.yaml")


def test_numbers_that_yaml_reads_as_text_are_numbers(tmp_path):
    config = load_config(write(tmp_path, "train: demo/train\nlearning_rate: 2e-4\n"))
    assert config.learning_rate == 2e-4


def test_one_dataset_may_stand_alone_and_the_config_survives_json(tmp_path):
    config = load_config(
        write(tmp_path, "train: demo/train[:800]\nlora: {target_modules: [q_proj, v_proj], r: 4}\n")
    )
    assert config.train == ("demo/train[:800]",)
    assert config.lora == LoraSettings(r=4, target_modules=("q_proj", "v_proj"))
    assert TrainConfig.from_json(config.to_json()) == config


def test_a_fault_in_python_is_told_as_one_in_a_file():
    with pytest.raises(UsageError, match="'batch_size' wants at least 1, got 0.*'lora' says"):
        TrainConfig(train=("demo/train",), batch_size=0, method="ia3", lora=LoraSettings(r=2))


def test_a_changed_copy_is_checked_and_the_first_stays():
    config = TrainConfig(train=("demo/train",))
    assert config.changed(epochs=1, train="demo/dev").train == ("demo/dev",)
    assert config.epochs == 3
    with pytest.raises(UsageError, match="'seed'"):
        config.changed(seed=-1)


def test_every_key_says_what_it_is():
    for group in (TrainConfig, LoraSettings):
        assert [name for name, field in group.model_fields.items() if not field.description] == []


def test_the_config_of_an_older_run_is_read_as_it_was_written():
    older = {
        "train": ["demo/train[:64]"],
        "model": "demo",
        "double_quant": True,
        "lora": {
            "r": 8,
            "alpha": 16.0,
            "dropout": 0.1,
            "target_modules": ["q_proj"],
            "modules_to_save": [],
            "rslora": False,
            "dora": False,
        },
        "templates": ["statement/true-false"],
        "learning_rate": 0.0005,
    }
    read = TrainConfig.from_json(older).to_json()
    assert {k: v for k, v in read.items() if k in older and k != "lora"} == {
        k: v for k, v in older.items() if k != "lora"
    }
    assert read["lora"] == older["lora"] | {"init": ""}
