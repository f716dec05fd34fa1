"""Where a model goes: planned on pretended GPUs, spread for real over what a CPU has.

No GPU takes part: that several of them give the same logits is not shown here. What is: the plan,
accelerate's map under it, and a model whose layers carry accelerate's hooks and lie in two places.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.workbench.models.make_adapters import build_adapter
from tests.workbench.models.tiny import ask, mixed_conversations, picture
from workbench.errors import ModelError, UsageError
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate, score_labels
from workbench.models import loading, memory, placement
from workbench.models.base import LoadedModel, load_model
from workbench.models.placement import candidates, gpu_ids, loading_arguments, plan, wanted_gpus
from workbench.models.spec import ModelSpec


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):
    """`gpus(2, [1000, 5000])`: so many GPUs with so much free, which nothing is ever put on."""

    def pretend(free: list[int]) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free))
        monkeypatch.setattr(
            torch.cuda, "get_device_properties", lambda d: SimpleNamespace(uuid=f"gpu-{d.index}")
        )

        def left(device):
            return free[device.index] if device.type == "cuda" else 10**12

        monkeypatch.setattr(memory, "free_bytes", left)
        monkeypatch.setattr(placement, "free_bytes", left)

    return pretend


@pytest.fixture(scope="module")
def needed(tiny_folder: Path) -> int:
    return memory.weights_bytes(tiny_folder)


def words(folder: Path, device: str) -> str:
    return plan(folder, ModelSpec(str(folder), device=device)).words


def test_auto_takes_the_first_gpu_that_holds_the_model_and_several_where_none_does(
    gpus, tiny_folder, needed
):
    assert words(tiny_folder, "auto") == "cpu"
    gpus([needed * 2, needed * 9])
    assert words(tiny_folder, "auto") == "cuda:0"
    gpus([needed // 2, needed * 2])
    assert words(tiny_folder, "auto") == "cuda:1"
    gpus([needed, needed])  # a tenth stays free for the prompts
    assert words(tiny_folder, "auto") == "cuda:0,cuda:1"
    gpus([needed // 3] * 4)
    assert words(tiny_folder, "auto") == "cuda:0,cuda:1,cuda:2,cuda:3"


def test_devices_that_are_named_are_those_that_are_used(gpus, tiny_folder, needed):
    gpus([needed * 2] * 3)
    assert words(tiny_folder, "cuda:1,cuda:2") == "cuda:1,cuda:2"
    assert words(tiny_folder, "cuda:2, cuda:0") == "cuda:2,cuda:0"
    assert words(tiny_folder, "balanced") == "cuda:0,cuda:1,cuda:2"
    assert words(tiny_folder, "cuda") == "cuda:0"
    assert words(tiny_folder, "cpu") == "cpu"


def test_what_does_not_fit_on_all_of_them_is_refused_with_both_numbers(gpus, tiny_folder, needed):
    gpus([needed // 4] * 2)
    for device in ("auto", "balanced", "cuda:0,cuda:1"):
        with pytest.raises(ModelError, match="2 GPUs") as caught:
            words(tiny_folder, device)
        assert caught.value.kind == "out_of_memory" and "4bit" in caught.value.hint


@pytest.mark.parametrize("device", ["cuda:0,cuda:0", "cuda:0,cpu", "cpu,cpu"])
def test_a_list_that_cannot_be_meant_is_refused(gpus, device):
    gpus([10**9] * 2)
    with pytest.raises(UsageError, match="each named once"):
        candidates(device)


def test_gpus_that_are_not_there_are_refused():
    for device in ("balanced", "cuda:0,cuda:1", "cuda:7", "nonsense"):
        with pytest.raises(ModelError) as caught:
            candidates(device)
        assert "`cpu` always work" in caught.value.hint


def test_the_map_that_accelerate_makes_of_a_plan_splits_no_layer_and_keeps_the_budget(
    gpus, tiny_folder, needed
):
    from accelerate import infer_auto_device_map, init_empty_weights
    from accelerate.utils import compute_module_sizes, get_balanced_memory
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    gpus([needed, needed])
    arguments = loading_arguments(words(tiny_folder, "auto"), False)
    assert arguments["device_map"] == "balanced"
    with init_empty_weights():
        model = Qwen2VLForConditionalGeneration(Qwen2VLConfig.from_pretrained(tiny_folder))
    model.tie_weights()
    whole = {"no_split_module_classes": model._no_split_modules, "dtype": torch.float32}
    budget = get_balanced_memory(model, max_memory=dict(arguments["max_memory"]), **whole)
    found = infer_auto_device_map(model, max_memory=budget, **whole)
    assert set(found.values()) == {0, 1}
    assert not [name for name in found if ".layers." in name and name.count(".") > 3]
    sizes = compute_module_sizes(model, dtype="float32")
    for index, limit in arguments["max_memory"].items():
        assert sum(sizes[name] for name, where in found.items() if where == index) <= limit


@pytest.fixture(scope="module")
def spread(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """The model with its second half on a disk: accelerate's hooks bring each layer its inputs."""
    torch.set_num_threads(1)
    layers = "model.language_model"
    places = {
        "model.visual": "cpu",
        **{f"{layers}.{name}": "cpu" for name in ("embed_tokens", "rotary_emb", "layers.0")},
        **{f"{layers}.{name}": "disk" for name in ("layers.1", "norm")},
        "lm_head": "cpu",
    }
    folder = tmp_path_factory.mktemp("offload")
    with pytest.MonkeyPatch.context() as patch:
        made = {"device_map": places, "offload_folder": str(folder)}
        patch.setattr(loading, "loading_arguments", lambda words, quantized: made)
        return load_model(ModelSpec(str(tiny_folder), device="cpu"))


def test_a_spread_model_answers_as_one_that_is_not(spread, tiny):
    assert spread.base.hf_device_map["model.language_model.layers.1"] == "disk"
    assert str(spread.device) == "cpu" and [str(d) for d in spread.devices] == ["cpu"]
    conversations = mixed_conversations()[:4]
    knobs = Decoding(max_new_tokens=6, temperature=0.9, seed=3)
    there, here = (generate(model, conversations, knobs) for model in (spread, tiny))
    assert [a.text for a in there] == [a.text for a in here]
    scores = [score_labels(model, conversations[:1], ["true", "no"])[0] for model in (spread, tiny)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)


def test_an_adapter_goes_over_a_spread_model_and_off_again(spread, tiny, tmp_path):
    """Over the layers in memory: on a disk, where no model of ours is put, none could be loaded."""
    from peft import LoraConfig

    config = LoraConfig(r=4, target_modules=["q_proj"], layers_to_transform=[0])
    folder = str(build_adapter(tiny.base, config, tmp_path / "lora"))
    prompt = ask("a red circle", picture())
    results = []
    for model in (spread, tiny):
        for adapter in (None, folder, None):
            model.set_adapter(adapter)
            batch = model.family.encode(model, [prompt])
            with torch.no_grad():
                results.append(model.model(**batch.inputs).logits[0, -1])
    for one, other in zip(results[:3], results[3:], strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert torch.equal(results[0], results[2]) and not torch.allclose(results[0], results[1])


def test_a_job_wants_the_gpus_that_it_would_load_on(gpus, tiny_folder, needed):
    spec = ModelSpec(str(tiny_folder))
    assert wanted_gpus(spec) == []
    gpus([needed * 2, needed * 2])
    assert wanted_gpus(spec) == ["gpu-0"]
    assert wanted_gpus(ModelSpec(str(tiny_folder), device="cuda:1")) == ["gpu-1"]
    assert wanted_gpus(ModelSpec(str(tiny_folder), device="cpu")) == []
    gpus([needed // 9, needed * 2])  # the engine is on the first
    assert wanted_gpus(spec) == ["gpu-1"]
    gpus([needed // 9, needed // 9])  # then either may have to go
    assert wanted_gpus(spec) == ["gpu-0", "gpu-1"]
    assert gpu_ids([torch.device("cpu")]) == []
