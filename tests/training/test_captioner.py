"""A captioner is trained as one: its captions begin by themselves, and its decoder learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from commands.prompt import command
from commands.prompt_question import read_wanted
from tests.workbench.models.make_families import captioner
from training.config_groups import LoraSettings
from training.seq2seq import is_seq2seq
from training.train import train
from training.train_config import TrainConfig
from workbench.data.adding import add_dataset
from workbench.data.source import get_sample
from workbench.errors import UsageError
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate
from workbench.models.adapters.merging import merge
from workbench.models.base import load_model
from workbench.models.default_prompt import template_for
from workbench.models.spec import ModelSpec
from workbench.playground.question import Question

CAPTIONS = ("a red circle", "the blue square on green", "two yes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny ViT and GPT-2 whose frozen embeddings are large enough to say something surely."""
    torch.set_num_threads(1)
    made = captioner(tmp_path_factory.mktemp("captioner") / "model")
    weights = load_file(made / "model.safetensors")
    weights["decoder.transformer.wte.weight"] *= 5
    save_file(weights, made / "model.safetensors", {"format": "pt"})
    return str(made)


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Three pictures that a glance tells apart, with a caption each."""
    for i, colour in enumerate(("red", "blue", "white")):
        Image.new("RGB", (32, 32), colour).save(tmp_path / f"{i}.png")
    rows = "".join(f"{i},{i}.png,{words}\n" for i, words in enumerate(CAPTIONS))
    (tmp_path / "all.csv").write_text("id,image,caption\n" + rows)
    add_dataset(
        "seen", tmp_path / "all.csv", id="id", image=("image",), label="caption", task="caption"
    )
    return "seen/all"


def test_lora_on_the_decoder_learns_captions_and_is_served_and_merged(folder, data):
    config = TrainConfig(
        train=(data,),
        eval=data,
        model=folder,
        lora=LoraSettings(r=16),
        batch_size=3,
        epochs=60.0,
        learning_rate=5e-3,
        scheduler="constant",
        warmup=0.0,
        device="cpu",
        threads=1,
        keep="last",
        eval_samples=3,
        eval_new_tokens=1,
        log_every=1,
        save_every=1000,
    )
    run = train(config)
    lines = [json.loads(x) for x in (run.path / "history.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < 0.1 * losses[0]
    adapter = json.loads((run.path / "adapter" / "adapter_config.json").read_text())
    assert {name.rpartition(".")[2] for name in adapter["target_modules"]} == {
        *("c_attn", "q_attn", "c_proj", "c_fc")
    }
    assert all(name.startswith("decoder.") for name in adapter["target_modules"])
    assert run.metrics()["templates"] == ["caption/none"]

    loaded = load_model(ModelSpec(folder, adapter=run.id, device="cpu"))
    samples = [get_sample(f"{data}/{i}") for i in range(3)]
    asked = [template_for(loaded.spec, sample).render(sample) for sample in samples]
    answers = generate(loaded, asked, Decoding(max_new_tokens=16))
    assert tuple(answer.text for answer in answers) == CAPTIONS

    batch = loaded.family.encode(loaded, asked)
    with torch.no_grad():
        before = loaded.model(**batch.inputs).logits
        merged = merge(loaded)
        torch.testing.assert_close(
            loaded.model(**batch.inputs).logits, before, rtol=1e-4, atol=1e-4
        )
        merged.undo()
        assert torch.equal(loaded.model(**batch.inputs).logits, before)


def test_an_empty_beginning_is_the_default_of_captioners_alone(folder, data):
    sample = get_sample(f"{data}/0")
    assert template_for(ModelSpec(folder), sample).name == "caption/none"
    assert template_for(ModelSpec(), sample).name == "caption/describe"
    assert template_for(ModelSpec("openai:http://127.0.0.1:1/v1#x"), sample).name == (
        "caption/describe"
    )
    assert template_for(ModelSpec(folder), get_sample("demo/test/000012")).name == (
        "statement/true-false"
    )


def test_command_notebook_and_evaluation_take_the_captioners_default(folder, data):
    from workbench.evaluation.config import EvalConfig
    from workbench.evaluation.prepare import prepare
    from workbench.notebook.arguments import question

    spec, uid = ModelSpec(folder, device="cpu"), f"{data}/0"
    assert prepare(EvalConfig(dataset=data, spec=spec)).prompter.template.name == "caption/none"
    assert question(uid, None, words={"model": folder}).template == "caption/none"
    assert by_command(uid, "--model", folder).template == "caption/none"
    assert by_command(uid, "--model", "demo").template == "caption/describe"


def test_no_words_at_all_can_be_asked(folder, data, tmp_path):
    from workbench.notebook.arguments import question

    uid, picture = f"{data}/0", str(tmp_path / "0.png")
    asked = [
        question(uid, "", words={"model": folder}),
        question(picture, "", words={"model": folder}),
        by_command(uid, "", "--model", folder),
        by_command(picture, "", "--model", folder),
    ]
    assert [(q.template, q.messages[0].text) for q in asked] == [(None, "")] * 4
    loaded = load_model(asked[0].spec)
    first, *others = generate(loaded, [q.messages for q in asked], Decoding(max_new_tokens=4))
    assert {answer.text for answer in others} == {first.text}
    for words in ((), ("",)):
        with pytest.raises(UsageError, match=r"no(thing|) .*to ask"):
            by_command(*words)


def by_command(*words: str) -> Question:
    """What `wb prompt` would ask."""
    context = command.make_context("prompt", list(words))
    with context:
        flags = dict(context.params)
        return read_wanted(flags.pop("what"), flags).question(flags)


def seq2seq_config(data: str, folder: str, **more: Any) -> TrainConfig:
    values: dict[str, Any] = {
        "train": (data,),
        "eval": data,
        "model": folder,
        "batch_size": 3,
        "max_steps": 4,
        "learning_rate": 5e-3,
        "device": "cpu",
        "threads": 1,
        "keep": "last",
        "eval_new_tokens": 8,
        "log_every": 1,
    }
    return TrainConfig(**values | more)


def test_seq2seq_trainer_answers_as_the_engine_does_and_trains_the_same(folder, data):
    runs = [train(seq2seq_config(data, folder, trainer=kind)) for kind in ("auto", "answer")]
    weights = [load_file(run.path / "adapter" / "adapter_model.safetensors") for run in runs]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    said = [
        [
            (line["uid"], line["text"], line["tokens"], line["finish_reason"])
            for file in sorted((run.path / "eval").glob("*.jsonl"))
            for line in map(json.loads, file.read_text().splitlines())
        ]
        for run in runs
    ]
    assert len(said[0]) == 12 and said[0] == said[1]
    assert runs[0].metrics()["trainer"] == "Seq2SeqTrainer"
    assert runs[1].metrics()["trainer"] == "Trainer"
    assert runs[0].key == runs[1].key


def test_a_batch_that_generate_cannot_take_is_asked_by_the_engine(folder, data, tmp_path):
    (tmp_path / "1.png").write_bytes(b"no picture")
    run = train(seq2seq_config(data, folder, max_steps=1))
    (file,) = (run.path / "eval").glob("*.jsonl")
    lines = {x["uid"]: x for x in map(json.loads, file.read_text().splitlines())}
    assert [uid for uid, line in lines.items() if line["error"]] == [f"{data}/1"]
    assert lines[f"{data}/0"]["error"] is None and lines[f"{data}/0"]["tokens"] > 0


def test_seq2seq_trainer_is_an_option_for_the_rest():
    shared = {"train": ("demo_vqa/train[:4]",), "eval": "demo_vqa/dev", "eval_samples": 6}
    config = {**shared, "batch_size": 4, "max_steps": 1, "device": "cpu", "eval_new_tokens": 4}
    texts = []
    for kind in ("seq2seq", "auto"):
        run = train(TrainConfig(**config, threads=1, trainer=kind))
        (file,) = (run.path / "eval").glob("*.jsonl")
        texts.append([json.loads(line)["text"] for line in file.read_text().splitlines()])
        assert run.metrics()["trainer"] == {"seq2seq": "Seq2SeqTrainer", "auto": "Trainer"}[kind]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("more", [{"method": "prefix_tuning"}, {"head": {"pooling": "last"}}])
def test_what_generate_cannot_supply_is_answered_by_the_engine(folder, data, more):
    assert not is_seq2seq(seq2seq_config(data, folder, **more))
    with pytest.raises(UsageError, match="'trainer' seq2seq answers by generate alone"):
        seq2seq_config(data, folder, **more, trainer="seq2seq")
