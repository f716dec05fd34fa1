"""Config files: bases and changes, the shipped ones by name, and what is said of their keys."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from training.config_docs import commented, keys, markdown, schema
from training.config_file import find_config, load_values, shipped
from training.train_config import TrainConfig, load_config
from workbench.errors import UsageError

DOCS = Path(__file__).resolve().parents[2] / "docs"


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_lies_over_its_base_key_by_key_and_lists_are_replaced(tmp_path):
    write(tmp_path, "deep/first.yaml", "train: [a/b, c/d]\nlora: {r: 4, alpha: 8}\nepochs: 1\n")
    write(tmp_path, "second.yaml", "base: deep/first.yaml\nlora: {r: 2}\nseed: 3\n")
    file = write(tmp_path, "third.yaml", "base: second.yaml\ntrain: [e/f]\nepochs: 2\n")
    config = load_config(file)
    assert (config.train, config.epochs, config.seed) == (("e/f",), 2, 3)
    assert (config.lora.r, config.lora.alpha) == (2, 8)


def test_a_base_may_be_a_config_that_comes_with_wb(tmp_path):
    file = write(tmp_path, "mine.yaml", "base: demo_lora\nlora: {r: 3}\n")
    config = load_config(file)
    assert config.lora.r == 3
    assert config.changed(lora={"r": 8, "alpha": 16}) == load_config("demo_lora")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base: there.yaml\n", "go in a circle: here.yaml -> there.yaml -> here.yaml"),
        ("base: none.yaml\n", "'base' of .*here.yaml: cannot read the config"),
        ("base: nothing\n", "no config 'nothing' comes with wb"),
        ("base: [a.yaml]\n", "'base' wants the path of a config, got \\['a.yaml'\\]"),
    ],
)
def test_a_base_that_cannot_be_is_refused(tmp_path, text, words):
    write(tmp_path, "there.yaml", "base: here.yaml\n")
    with pytest.raises(UsageError, match=words):
        load_values(write(tmp_path, "here.yaml", text))


def test_changes_are_yaml_at_dotted_keys_over_the_file_and_checked_with_it(tmp_path):
    file = write(tmp_path, "c.yaml", "train: demo/train\nlora: {r: 4, alpha: 8}\n")
    changes = ("lora.r=8", "train=[demo/dev, demo/test]", "learning_rate=2e-5", "peft.a.b=true")
    values = load_values(file, changes)
    assert values["lora"] == {"r": 8, "alpha": 8}
    assert values["train"] == ["demo/dev", "demo/test"]
    assert values["peft"] == {"a": {"b": True}}
    assert load_config(file, changes[:3]).learning_rate == 2e-5
    with pytest.raises(UsageError, match="'batch_size' wants.*'lora.rr'|'lora.rr'.*'batch_size'"):
        load_config(file, ("batch_size=0", "lora.rr=1"))


def test_what_cannot_be_read_as_changes_is_told_at_once(tmp_path):
    file = write(tmp_path, "c.yaml", "train: demo/train\n")
    with pytest.raises(UsageError, match="got 'seed'.*seed: '\\[' is not YAML.*train has no keys"):
        load_values(file, ("seed", "seed=[", "train.x=1"))


def test_a_name_is_a_file_first_and_a_shipped_config_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config("demo_lora") == Path(
        next(c.path for c in shipped() if c.name == "demo_lora")
    )
    write(tmp_path, "demo_lora", "train: demo/dev\n")
    assert load_values("demo_lora") == {"train": "demo/dev"}


def test_the_page_of_keys_says_what_the_fields_say():
    page = (DOCS / "training-keys.md").read_text("utf-8")
    assert page == markdown(), "python -m training.config_docs > docs/training-keys.md"


def test_a_commented_file_with_every_key_set_is_read_as_it_was_given():
    config = load_config("demo_lora")
    whole = commented(config.to_json())
    assert TrainConfig.from_json(yaml.safe_load(whole)) == config
    given = commented({"train": ["a/b"], "lora": {"r": 2}})
    assert yaml.safe_load(given) == {"train": ["a/b"], "lora": {"r": 2}}
    # Every key that is left out stands there as a comment that can be taken in.
    taken_in = "\n".join(
        line.replace("# ", "", 1) if line.lstrip().startswith("# ") and key_of(line) else line
        for line in commented({"train": ["a/b"]}).splitlines()
    )
    assert TrainConfig.from_json(yaml.safe_load(taken_in)) == TrainConfig(train=("a/b",))


def key_of(line: str) -> bool:
    name = line.lstrip().removeprefix("# ").strip().partition(":")
    return bool(name[1]) and name[0] in {key.rpartition(".")[2] for key, _ in keys()}


@pytest.mark.parametrize(
    "change", [{"batch_size": 0}, {"epoch": 1}, {"keep": "first"}, {"base": 3}]
)
def test_the_schema_refuses_what_is_refused(change):
    values = load_values("demo_lora")
    jsonschema.validate(values | {"base": "other.yaml"}, schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values | change, schema())
