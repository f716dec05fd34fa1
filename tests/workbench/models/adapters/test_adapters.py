"""Adapters over a base that stays in memory: what fits is used, what does not is refused whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.workbench.models.tiny import ask, build_lora, picture
from workbench.errors import ModelError, UnknownName
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate
from workbench.models.base import LoadedModel, load_model
from workbench.models.spec import ModelSpec

PROMPT = ask("a red circle", picture(64, 48, 2))


@pytest.fixture(scope="module")
def loras(loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("loras")
    return build_lora(loaded, folder / "a", 1), build_lora(loaded, folder / "b", 2)


def logits(loaded: LoadedModel) -> torch.Tensor:
    batch = loaded.family.encode(loaded, [PROMPT])
    with torch.no_grad():
        return loaded.model(**batch.inputs).logits[0, -1]


def test_swapping_changes_the_answers_and_taking_it_off_restores_them_exactly(model, loras):
    first, second = loras
    bare = logits(model)
    base, weight = model.base, next(model.base.parameters()).data_ptr()
    seen = [model.identity]
    results = []
    for adapter in (first, second, first, None):
        model.set_adapter(str(adapter) if adapter else None)
        results.append(logits(model))
        seen.append(model.identity)
    assert not torch.allclose(results[0], bare, atol=1e-2)
    assert not torch.allclose(results[0], results[1], atol=1e-2)
    assert torch.equal(results[0], results[2])
    assert torch.equal(results[3], bare)
    assert model.base is base and next(model.base.parameters()).data_ptr() == weight
    assert seen[0] == seen[4] and seen[1] == seen[3] and len(set(seen)) == 3


def test_an_adapter_given_when_loading_is_the_one_swapped_in(model, loras, tiny_folder):
    loaded = load_model(ModelSpec(str(tiny_folder), adapter=str(loras[0]), device="cpu"))
    model.set_adapter(str(loras[0]))
    assert torch.equal(logits(loaded), logits(model))
    assert loaded.identity == model.identity


def test_it_answers_as_peft_itself_does(model, loras, tiny_folder):
    from peft import PeftModel
    from transformers import Qwen2VLForConditionalGeneration

    bare = Qwen2VLForConditionalGeneration.from_pretrained(tiny_folder).eval()
    reference = PeftModel.from_pretrained(bare, str(loras[1])).eval()
    batch = model.family.encode(model, [PROMPT])
    with torch.no_grad():
        expected = reference(**batch.inputs).logits[0, -1]
    model.set_adapter(str(loras[1]))
    assert torch.allclose(logits(model), expected, atol=1e-5)


def test_positions_are_right_in_a_padded_batch_under_an_adapter(model, loras):
    model.set_adapter(str(loras[0]))
    conversations = [PROMPT, ask("one"), ask("yes no " * 9, picture(32, 96, 3))]
    knobs = Decoding(max_new_tokens=8)
    together = [a.text for a in generate(model, conversations, knobs)]
    assert together == [generate(model, [c], knobs)[0].text for c in conversations]


def test_gradients_reach_activations_with_an_adapter_as_without(model, loras):
    batch = model.family.encode(model, [PROMPT])
    for adapter in (None, str(loras[0])):
        model.set_adapter(adapter)
        seen = []
        module = model.family.layers(model)["merged.merger"]
        hook = module.register_forward_hook(lambda m, i, out, seen=seen: seen.append(out))
        score = model.model(**batch.inputs).logits[0, -1].max()
        hook.remove()
        (gradient,) = torch.autograd.grad(score, seen[0])
        assert gradient.abs().max() > 0


def refuse(model: LoadedModel, folder: Path) -> ModelError:
    before, spec, bare = model.identity, model.spec, logits(model)
    with pytest.raises(ModelError) as caught:
        model.set_adapter(str(folder))
    assert (model.identity, model.spec) == (before, spec)
    assert torch.equal(logits(model), bare)  # the one before is still in place
    return caught.value


@pytest.fixture
def broken(loras, tmp_path) -> Path:
    return Path(shutil.copytree(loras[0], tmp_path / "broken"))


def rewrite(folder: Path, change) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "adapter_model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})


def test_keys_that_fit_no_module_are_listed_and_the_adapter_before_stays(model, loras, broken):
    model.set_adapter(str(loras[1]))
    rewrite(broken, lambda t: {k.replace("layers.1", "layers.9"): v for k, v in t.items()})
    error = refuse(model, broken)
    assert error.kind == "adapter_misfit"
    assert "layers.9" in error.message and "missing" in error.message


def test_a_missing_weight_is_no_silent_zero(model, broken):
    rewrite(broken, lambda t: {k: v for k, v in t.items() if "layers.0" not in k})
    assert "layers.0" in refuse(model, broken).message


def test_other_shapes_are_refused(model, broken):
    rewrite(broken, lambda t: {k: v[:, :64].contiguous() for k, v in t.items()})
    message = refuse(model, broken).message
    for name in ("q_proj", "v_proj"):
        assert f"layers.{{0-1}}.self_attn.{name}.lora_A.weight" in message
    assert "[4, 64] for [4, 128]" in message


def test_modules_that_the_model_has_not_are_refused(model, broken):
    config = json.loads((broken / "adapter_config.json").read_text())
    config["target_modules"] = ["no_such_proj"]
    (broken / "adapter_config.json").write_text(json.dumps(config))
    assert "no_such_proj" in refuse(model, broken).message


def test_a_pickled_adapter_is_refused_unopened(model, broken):
    (broken / "adapter_model.safetensors").unlink()
    (broken / "adapter_model.bin").write_bytes(b"\x80\x04cposix\nsystem\n.")
    assert refuse(model, broken).kind == "pickle"


def test_a_folder_that_is_no_adapter_and_a_name_that_is_none(model, tmp_path):
    assert "adapter_config.json" in refuse(model, tmp_path).message
    with pytest.raises(UnknownName, match="nowhere"):
        model.set_adapter("nowhere")


def test_a_wrong_adapter_is_told_before_the_base_is_loaded(tiny_folder):
    stages = []
    with pytest.raises(UnknownName):
        load_model(
            ModelSpec(str(tiny_folder), adapter="/no/such"),
            lambda stage, share: stages.append(stage),
        )
    assert stages == ["find"]


def test_a_run_that_trained_an_adapter_can_be_named_by_its_id(model, loras):
    from sessions.runs import Run

    run = Run.create({"kind": "train"}, "key", kind="train")
    shutil.copytree(loras[0], run.path / "adapter")
    model.set_adapter(run.id)
    by_id = logits(model)
    model.set_adapter(str(loras[0]))
    assert torch.equal(by_id, logits(model))


def test_lora_over_a_4bit_base(tiny_folder, loras):
    spec = ModelSpec(str(tiny_folder), device="cpu", quantization="4bit")
    loaded = load_model(spec)
    bare = logits(loaded)
    loaded.set_adapter(str(loras[0]))
    assert not torch.allclose(logits(loaded), bare, atol=1e-2)
    loaded.set_adapter(None)
    assert torch.equal(logits(loaded), bare)


def test_4bit_weights_on_a_cpu_stay_as_they_were_loaded(tiny_folder):
    """Also on processors for which bitsandbytes has another format, which `state_dict` undoes."""
    loaded = load_model(ModelSpec(str(tiny_folder), device="cpu", quantization="4bit"))
    layers = [m for m in loaded.model.modules() if type(m).__name__ == "Linear4bit"]
    before = [layer.weight.data.clone() for layer in layers]
    bare = logits(loaded)
    loaded.model.state_dict()
    assert layers and torch.equal(logits(loaded), bare)
    assert all(torch.equal(x.weight.data, y) for x, y in zip(layers, before, strict=True))


def test_a_file_that_changed_since_it_was_loaded_is_seen(tiny_folder, broken):
    loaded = load_model(ModelSpec(str(tiny_folder), adapter=str(broken), device="cpu"))
    assert not loaded.stale
    rewrite(broken, lambda t: {k: v * 2 for k, v in t.items()})
    assert loaded.stale
