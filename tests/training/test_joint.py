"""A classification head trained beside the text: what it leaves, goes on from, and refuses."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from transformers.loss.loss_utils import ForSequenceClassificationLoss

from sessions.runs import Run
from tests.training.test_train import config, history, odd, steps_of_the_running  # noqa: F401
from tests.workbench.models.tiny import build_head, build_lora
from training.joint import class_loss, refuse_not_finite
from training.train import dry_run, resumed_config, train
from training.train_config import load_config
from workbench.demo.paths import MODEL_DIR
from workbench.errors import ModelError, UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.document import document
from workbench.evaluation.metrics.head import head_metrics
from workbench.evaluation.runner import evaluate
from workbench.inference.decoding import Decoding
from workbench.models.base import load_model
from workbench.models.head import Head, classify, wanted_head
from workbench.models.head_config import HeadConfig
from workbench.models.spec import ModelSpec

STATEMENTS = {"train": ("demo/train[:24]",), "eval": "demo/dev"}
HEAD = {"pooling": "last", "weight": 0.25}


def head_weights(run: Run, folder: str = "adapter") -> dict[str, torch.Tensor]:
    return load_file(run.path / folder / "head.safetensors")


def lines(run: Run, step: int) -> list[dict]:
    text = (run.path / "eval" / f"{step:08d}.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_head_learns_beside_the_text_and_is_used_by_the_runs_id(tmp_path):
    run = train(config(**STATEMENTS, head=HEAD | {"hidden": 8}, keep="last", epochs=1.0))
    losses = [line for line in history(run) if "loss" in line]
    for line in losses:
        both = 0.75 * line["loss_text"] + 0.25 * line["loss_class"]
        assert line["loss"] == pytest.approx(both, rel=1e-5)
    assert losses[-1]["loss_class"] < losses[0]["loss_class"]
    (found,) = [line for line in history(run) if "eval_loss" in line and line["step"] == 3]
    both = 0.75 * found["eval_loss_text"] + 0.25 * found["eval_loss_class"]
    assert found["eval_loss"] == pytest.approx(both, rel=1e-5)
    assert {"eval_head_accuracy", "eval_text_accuracy", "eval_head_text_agreement"} <= set(found)
    facts = run.metrics()
    (row,) = [row for row in facts["parts"] if row["part"] == "head"]
    assert row["parameters"] == row["trainable"] == 128 * 8 + 8 + 8 * 2 + 2
    assert facts["head"]["labels"] == ["True", "False"] and facts["head"]["without_a_class"] == 0
    checkpoints = list((run.path / "checkpoints").glob("checkpoint-3"))
    assert head_weights(run).keys() == load_file(checkpoints[0] / "head.safetensors").keys()

    spec = ModelSpec(adapter=run.id, device="cpu")
    decoding = Decoding(max_new_tokens=3, top_logprobs=0)
    again = evaluate(EvalConfig(dataset="demo/dev[:6]", spec=spec, decoding=decoding))
    figures = document(again)["metrics"]
    assert figures["text_accuracy"]["value"] == figures["accuracy"]["value"]
    assert figures["head_accuracy"]["n"] == figures["head_auroc"]["n"] == 6
    loaded = load_model(spec)
    before = {line["uid"]: line for line in lines(run, 3)}
    from workbench.data.source import get_sample
    from workbench.prompts.pool import default_template

    sample = get_sample(next(iter(before)))
    asked = default_template(sample.task, sample).render(sample)
    assert classify(loaded, [asked])[0] == pytest.approx(before[sample.uid]["head"], abs=1e-4)

    card = (run.path / "adapter" / "README.md").read_text("utf-8")
    assert "0.75 * text + 0.25 * class" in card and str(tmp_path) not in card
    code = re.findall(r"```python\n(.*?)```", card, re.S)[1]
    batch = loaded.family.encode(loaded, [asked])
    out = loaded.model(**batch.inputs, output_hidden_states=True)
    names = {"state": out.hidden_states[-1][:, -1]}
    exec(code.replace("THIS_FOLDER", str(run.path / "adapter")), names)
    assert wanted_head(loaded).named(names["logits"])[0] == pytest.approx(
        before[sample.uid]["head"], abs=1e-4
    )


def test_a_cancelled_training_goes_on_to_the_head_of_an_uninterrupted_one():
    head = {"pooling": "mean", "dropout": 0.2, "hidden": 8}
    settings = config(method="head", head=head, **STATEMENTS | {"eval": ""}, keep="last")
    whole = train(settings)
    cut = train(settings, cancelled=lambda: steps_of_the_running() >= 2)
    assert cut.state == "cancelled" and 2 <= cut.metrics()["steps_done"] < 6
    resumed = train(resumed_config(cut), resume=cut.id)
    for mine, theirs in zip(history(whole), history(resumed), strict=True):
        assert theirs["loss_class"] == pytest.approx(mine["loss_class"], rel=1e-4)
    for key, tensor in head_weights(whole).items():
        torch.testing.assert_close(tensor, head_weights(resumed)[key], rtol=1e-3, atol=1e-5)


def test_the_classes_loss_is_that_of_the_whole_step_however_it_is_cut():
    common = {"train": ("demo/train[:8]",), "eval": "", "max_steps": 1, "head": HEAD}
    first, second = (
        history(train(config(batch_size=size, gradient_accumulation=8 // size, **common)))[0]
        for size in (8, 2)
    )
    for key in ("loss", "loss_text", "loss_class", "grad_norm"):
        assert second[key] == pytest.approx(first[key], rel=1e-3)
    logits, classes = torch.randn(4, 3), torch.tensor([2, -100, 0, 1])
    expected = torch.nn.functional.cross_entropy(logits, classes)
    torch.testing.assert_close(class_loss(logits, classes), expected)
    wanted = SimpleNamespace(num_labels=3, problem_type=None)
    theirs = ForSequenceClassificationLoss(classes, logits, wanted, num_items_in_batch=7)
    torch.testing.assert_close(class_loss(logits, classes, 7), theirs)
    assert float(class_loss(logits, torch.full((4,), -100))) == 0.0


def test_a_head_alone_leaves_nothing_but_itself_and_the_base_as_it_was():
    run = train(config(**STATEMENTS, method="head", max_steps=2))
    names = {file.name for file in (run.path / "adapter").iterdir()}
    assert names == {"head.json", "head.safetensors", "README.md"}
    facts = run.metrics()
    assert facts["trainable_parameters"] == 128 * 2 + 2
    assert facts["best"]["name"] == "head_accuracy"
    said = [line for line in history(run) if "loss" in line]
    assert all(line["loss"] == line["loss_class"] for line in said)
    bare, under = (load_model(ModelSpec(adapter=a, device="cpu")) for a in (None, run.id))
    assert under.head is not None and bare.head is None
    others = dict(under.base.named_parameters())
    assert all(torch.equal(p, others[name]) for name, p in bare.base.named_parameters())


def test_a_head_beside_virtual_tokens_says_the_same_in_training_and_when_it_is_used():
    run = train(config(**STATEMENTS, method="prompt_tuning", head={"pooling": "mean"}, max_steps=1))
    said = lines(run, 1)[0]
    from workbench.data.source import get_sample
    from workbench.prompts.pool import default_template

    sample = get_sample(said["uid"])
    asked = default_template(sample.task, sample).render(sample)
    loaded = load_model(ModelSpec(adapter=run.id, device="cpu"))
    assert classify(loaded, [asked])[0] == pytest.approx(said["head"], abs=1e-4)


def test_a_fully_trained_model_has_its_head_in_its_folder():
    run = train(config(**STATEMENTS | {"eval": ""}, method="full", head=HEAD, max_steps=1))
    loaded = load_model(ModelSpec(str(run.path / "model"), device="cpu"))
    assert loaded.head is not None and loaded.head.labels == ("True", "False")
    for key, tensor in head_weights(run, "model").items():
        assert torch.equal(loaded.head.state_dict()[key], tensor)


def test_an_adapter_is_trained_further_with_its_head_or_not_at_all(tmp_path):
    demo = load_model(ModelSpec(device="cpu"))
    folder = build_lora(demo, tmp_path / "lora")
    made = build_head(demo, folder, labels=("True", "False"))
    more = {**STATEMENTS, "adapter": str(folder), "max_steps": 1, "eval": ""}
    with pytest.raises(UsageError, match="would be left behind"):
        train(config(**more))
    with pytest.raises(UsageError, match="has pooling 'last', and 'head' says 'mean'"):
        train(config(**more, head={"pooling": "mean"}))
    run = train(config(**more, head=HEAD, learning_rate=1e-6))
    weights = head_weights(run)
    torch.testing.assert_close(weights["out.weight"], made.out.weight.detach(), atol=1e-4, rtol=0)
    assert MODEL_DIR.is_dir() and demo.head is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"head": {"pooling": "first"}}, "sees nothing but itself"),
        ({"head": {"weight": 0.3}}, "'head.pooling' is missing"),
        ({"head": {"pooling": "max"}}, "'head.pooling' wants one of last, mean, first"),
        ({"head": {"pooling": "last", "labels": ["yes"]}}, "two different labels"),
        ({"head": {"pooling": "last", "wieght": 1}}, "did you mean 'head.weight'"),
        ({"head": {"pooling": "last", "weight": 0}}, "'head.weight' wants"),
        ({"method": "head", "parts": ["vision"]}, "'parts' says nothing"),
        ({"method": "head", "lora": {"r": 2}}, "'lora' says nothing"),
    ],
)
def test_what_cannot_work_of_a_head_is_refused_before_anything_is_loaded(values, words):
    with pytest.raises(UsageError, match=words):
        dry_run(config(**values))


def test_data_without_a_closed_set_wants_its_labels_named(odd):  # noqa: F811
    with pytest.raises(UsageError, match=r"'head.labels' is missing: odd/all has no closed set"):
        dry_run(config(train=(odd,), eval="", head=HEAD))
    labels = ["red green blue", "something else"]
    facts = dry_run(config(train=(odd, "demo/train[:3]"), eval="", head=HEAD | {"labels": labels}))
    assert facts["head"]["labels"] == labels and facts["head"]["without_a_class"] == 3


def test_the_shipped_recipe_of_e_snli_ve_has_its_three_classes_and_its_explanations(tmp_path):
    from PIL import Image

    from workbench.data.adding import add

    (tmp_path / "data").mkdir()
    (tmp_path / "flickr30k_images").mkdir()
    Image.new("RGB", (40, 30), "red").save(tmp_path / "flickr30k_images" / "1.jpg")
    head = ",pairID,Flickr30kID,explanation,hypothesis,gold_label\n"
    for split, number in (("train", 0), ("dev", 3), ("test", 6)):
        rows = "".join(
            f"{i},1.jpg#{number + i}r1c,1.jpg,Red is {i}.,It is {number + i}.,{label}\n"
            for i, label in enumerate(("contradiction", "neutral", "entailment"))
        )
        (tmp_path / "data" / f"esnlive_{split}.csv").write_text(head + rows)
    add("esnlive", tmp_path)
    recipe = load_config("esnlive_qwen2vl_multitask")
    small = recipe.changed(model="demo", image_max_pixels=0, device="cpu", threads=1, max_steps=1)
    facts = dry_run(small)
    assert facts["head"]["labels"] == ["contradiction", "neutral", "entailment"]
    assert facts["head"]["without_a_class"] == 0 and facts["samples"] == 3
    assert facts["eval_samples"] == 3


def test_a_head_that_is_not_finite_is_not_saved():
    head = Head(HeadConfig(("a", "b"), 4))
    refuse_not_finite(head)
    with torch.no_grad():
        head.out.bias[1] = torch.inf
    with pytest.raises(ModelError, match="not finite"):
        refuse_not_finite(head)


def test_figures_of_the_head_stand_beside_those_of_the_text():
    def line(uid, target, said, true, **more):
        head = {"true": true, "false": 1 - true}
        right = said == target
        return {"uid": uid, "target": target, "label": said, "correct": right, "head": head} | more

    some = [
        line("a", "true", "true", 0.9),
        line("b", "false", "false", 0.8),
        line("c", "false", None, 0.1),
        line("d", "true", "false", 0.7),
        {"uid": "e", "target": "true", "label": None, "correct": False, "error": {"kind": "x"}},
    ]
    found = head_metrics(some, "statement")
    values = {name: estimate.value for name, estimate in found.items()}
    assert values["head_accuracy"] == pytest.approx(3 / 5)  # a failed sample is wrong
    assert values["text_accuracy"] == pytest.approx(2 / 5)
    assert values["head_text_agreement"] == pytest.approx(1 / 4)
    assert values["head_auroc"] == pytest.approx(3 / 4)
    # True: precision 2/3, recall 1. False: precision 1, recall 1/2.
    assert values["head_macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert head_metrics([{k: v for k, v in x.items() if k != "head"} for x in some], "other") == {}
    three = [x | {"head": {"true": 0.1, "false": 0.2, "maybe": 0.7}} for x in some[:2]]
    assert "head_auroc" not in head_metrics(three, "statement")
    assert head_metrics(three, "statement")["head_accuracy"].value == 0.0
