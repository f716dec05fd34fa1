"""Half precision, 4-bit bases and adapters: gradients flow to activations, parameters need none."""

import numpy as np
import pytest
import torch

from tests.workbench.models.tiny import ask, picture
from workbench.explain.capture import capture
from workbench.explain.explain import explain
from workbench.explain.prepare import prepare
from workbench.explain.targets import Target
from workbench.models.base import load_model
from workbench.models.spec import ModelSpec

PROMPT = ask("is the red circle left of the blue square?", picture(64, 48, 1), picture(32, 96, 2))
LAYERS = ["patch.embed", "merged.merger", "token.layer0"]


def gradients(loaded, kind="logit"):
    prepared = prepare(loaded, PROMPT, [300], 0)
    return capture(loaded, prepared, LAYERS, [(0, Target(kind, 300))]).gradients[0]


def alike(a, b):
    """Cosine of two gradients."""
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("knobs", "least"),
    [({"dtype": "bf16"}, 0.97), ({"dtype": "fp16"}, 0.99), ({"quantization": "4bit"}, 0.7)],
)
def test_gradients_agree_with_full_precision(tiny, tiny_folder, knobs, least):
    full = gradients(tiny)
    loaded = load_model(ModelSpec(str(tiny_folder), device="cpu", **knobs))
    found = gradients(loaded)
    for layer in LAYERS:
        assert np.isfinite(found[layer]).all()
        assert found[layer].shape == full[layer].shape
        assert alike(found[layer], full[layer]) > least, layer
    assert explain(loaded, PROMPT, "true", method="integrated").images[0].grid.max() <= 1
    assert all(p.grad is None for p in loaded.model.parameters())


def test_the_gradients_of_a_sure_half_precision_model_do_not_vanish(tiny_folder):
    """Of a token of probability near 1 the log-probability's gradient is tiny, not nothing."""
    loaded = load_model(ModelSpec(str(tiny_folder), device="cpu", dtype="fp16"))
    head = loaded.base.get_output_embeddings()
    with torch.no_grad():
        head.weight.mul_(4)
    prepared = prepare(loaded, PROMPT, [300], 0)
    logits = loaded.model(**prepared.inputs, use_cache=False).logits[0, -1]
    best = int(logits.argmax())
    found = capture(loaded, prepared, ["patch.embed"], [(0, Target("logprob", best))])
    assert np.abs(found.gradients[0]["patch.embed"]).max() > 0


def test_an_adapter_changes_the_map_and_taking_it_off_brings_it_back(tiny_folder, tmp_path):
    from peft import LoraConfig, get_peft_model

    loaded = load_model(ModelSpec(str(tiny_folder), device="cpu"))
    before = explain(loaded, PROMPT, "true").images[0].grid
    other = load_model(ModelSpec(str(tiny_folder), device="cpu"))
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    wrapped = get_peft_model(other.base, config)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.3)
    wrapped.save_pretrained(tmp_path / "adapter")
    loaded.set_adapter(str(tmp_path / "adapter"))
    during = explain(loaded, PROMPT, "true").images[0].grid
    loaded.set_adapter(None)
    after = explain(loaded, PROMPT, "true").images[0].grid
    assert not np.allclose(before, during, atol=1e-2)
    assert np.allclose(before, after, atol=1e-5)
