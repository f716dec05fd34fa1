"""Every start and kind that this PEFT knows: it answers as it was trained, or is refused.

Whatever it is, the base is bit for bit what it was once the adapter is off.
"""

from __future__ import annotations

import copy
import json
import shutil
import typing
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.workbench.models.tiny import ask, picture
from workbench.errors import ModelError
from workbench.models.adapters import load
from workbench.models.adapters.kept import BaseChanged
from workbench.models.base import LoadedModel, load_model
from workbench.models.spec import ModelSpec

PROMPT = ask("a red circle", picture(64, 48, 2))
NAMES = ["q_proj", "v_proj"]

# What a kind wants beside the modules' names.
MORE: dict[str, dict[str, Any]] = {
    "ADALORA": {"total_step": 10},
    "C3A": {"block_size": 16},
    "FOURIERFT": {"n_frequency": 50},
    "IA3": {
        "target_modules": ["k_proj", "v_proj", "down_proj"],
        "feedforward_modules": ["down_proj"],
    },
    "LN_TUNING": {"target_modules": ["input_layernorm"]},
    "OFT": {"oft_block_size": 16},
    "PVERA": {"target_modules": ["q_proj"]},
    "RANDLORA": {"target_modules": ["q_proj"]},
    "TRAINABLE_TOKENS": {"token_indices": [7, 8, 9], "target_modules": ["embed_tokens"]},
    "VERA": {"target_modules": ["q_proj"]},
    "WAVEFT": {"n_frequency": 50},
}
# Kinds that no test here builds, each with its reason; `test_adapter_kinds` has the prompts.
PROMPTS = "virtual tokens: prefixes are tested with the kinds, the others are refused"
NOT_HERE = {
    "ADAPTION_PROMPT": "PEFT has it for Llama and Mistral alone",
    "BOFT": "PEFT compiles a CUDA extension in the user's home for it, under a lock that stays",
    "CARTRIDGE": PROMPTS,
    "CPT": PROMPTS,
    "MULTITASK_PROMPT_TUNING": PROMPTS,
    "P_TUNING": PROMPTS,
    "PREFIX_TUNING": PROMPTS,
    "PROMPT_TUNING": PROMPTS,
    "POLY": "its forward wants the number of a task",
    "SHADOW": "it makes a second model of the base's config, which PEFT cannot here",
    "XLORA": "it is made of other adapters' folders",
}
# Kinds whose own weights PEFT saves once and we ask for at each layer: refused, never wrong.
SAVED_ONCE = {"TINYLORA", "UNILORA", "VBLORA"}
# LoRA's starts that cannot be worked out again.
REFUSED_STARTS = {"pissa_niter_4", "corda", "loftq", "lora_ga"}
# LoRA's variants: config field to what turns it on, `None` where no test builds it.
VARIANTS: dict[str, Any] = {
    "use_dora": True,
    "kasa_config": "KasaConfig",
    "velora_config": "VeloraConfig",
    "monteclora_config": "MontecloraConfig",
    "alora_invocation_tokens": None,  # refused, tested below
    "arrow_config": None,  # it chooses between several adapters
    "use_bdlora": None,  # blocks for tensor parallel serving: wants names of both kinds
}


def literals(hint: Any) -> list[Any]:
    parts = [hint, *typing.get_args(hint)]
    return [w for p in parts if typing.get_origin(p) is typing.Literal for w in typing.get_args(p)]


def kinds() -> dict[str, Any]:
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    return {str(kind.value): config for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()}


def starts() -> list[Any]:
    """LoRA's initialisations, those that PEFT's own type names and one that it does not."""
    from peft import LoraConfig

    named = literals(typing.get_type_hints(LoraConfig)["init_lora_weights"])
    return [True, False, "lora_ga", *(w.replace("[number of iters]", "4") for w in named)]


def cases() -> Iterator[tuple[str, Any]]:
    """(name, config) of all that is built and must be served."""
    from peft import LoraConfig
    from peft.tuners.lora import config as lora

    plain = {"r": 4, "lora_alpha": 8, "target_modules": NAMES}
    for start in starts():
        if start not in REFUSED_STARTS:
            yield f"lora-{start}", LoraConfig(**plain, init_lora_weights=start)
    for field, on in VARIANTS.items():
        if on is not None:
            value = getattr(lora, on)() if isinstance(on, str) else on
            yield f"lora-{field}", LoraConfig(**plain, **{field: value})
    more: dict[str, dict[str, Any]] = {
        "pissa-dora": {"use_dora": True, "init_lora_weights": "pissa"},
        "pissa-rslora": {"use_rslora": True, "init_lora_weights": "pissa"},
        "pissa-all": {"target_modules": "all-linear", "init_lora_weights": "pissa"},
        "olora-pattern": {"target_modules": r".*\.(q|v)_proj", "init_lora_weights": "olora"},
        "bias": {"bias": "all"},
        "saved": {"modules_to_save": ["merger"]},
        "saved-norms": {"modules_to_save": ["input_layernorm"]},
        "tokens": {"trainable_token_indices": [7, 8]},
        "parameters": {"target_modules": [], "target_parameters": ["q_proj.weight"]},
    }
    for name, knobs in more.items():
        yield f"lora-{name}", LoraConfig(**(plain | knobs))
    for kind, config in kinds().items():
        if kind in NOT_HERE or kind in SAVED_ONCE or kind == "LORA":
            continue
        known = {f.name for f in fields(config)}
        knobs = {"target_modules": NAMES} | MORE.get(kind, {})
        knobs = {k: v for k, v in knobs.items() if k in known}
        yield kind, config(**knobs)
        if "init_weights" in known:
            for start in literals(typing.get_type_hints(config)["init_weights"]):
                yield f"{kind}-{start}", config(**knobs, init_weights=start)


CASES = dict(cases())


def trained(base: Any, config: Any, folder: Path) -> tuple[Any, Path]:
    """PEFT's wrapper over a copy of the base after a training of a kind, and its folder."""
    from peft import get_peft_model

    torch.manual_seed(1)
    wrapper = get_peft_model(copy.deepcopy(base), copy.deepcopy(config)).eval()
    with torch.no_grad():
        for parameter in wrapper.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.02)
    wrapper.save_pretrained(str(folder))
    return wrapper, folder


def state(base: Any) -> dict[str, torch.Tensor]:
    tensors = (*base.named_parameters(), *base.named_buffers())
    return {name: tensor.detach().clone() for name, tensor in tensors}


def logits(loaded: LoadedModel, model: Any = None) -> torch.Tensor:
    batch = loaded.family.encode(loaded, [PROMPT])
    with torch.no_grad():
        return (model or loaded.model)(**batch.inputs).logits[0]


@dataclass(frozen=True)
class AsLoaded:
    """A base as it came from its files."""

    state: dict[str, torch.Tensor]
    modules: list[Any]
    logits: torch.Tensor


@pytest.fixture(scope="module")
def as_loaded(loaded: LoadedModel) -> AsLoaded:
    return AsLoaded(state(loaded.base), list(loaded.base.modules()), logits(loaded))


@pytest.fixture
def model(loaded: LoadedModel, as_loaded: AsLoaded) -> Iterator[LoadedModel]:
    """The base, which every test leaves as it was loaded, bit for bit."""
    yield loaded
    loaded.set_adapter(None)
    after = dict((*loaded.base.named_parameters(), *loaded.base.named_buffers()))
    assert after.keys() == as_loaded.state.keys()
    assert [n for n, t in as_loaded.state.items() if not torch.equal(t, after[n])] == []
    now = list(loaded.base.modules())
    assert [id(m) for m in now] == [id(m) for m in as_loaded.modules]
    assert torch.equal(logits(loaded), as_loaded.logits)


def test_every_kind_and_start_of_this_peft_is_tested_or_listed_with_its_reason():
    from peft import LoraConfig

    served = {kind for kind in kinds() if kind in CASES} | {"LORA"}
    assert served | set(NOT_HERE) | SAVED_ONCE == set(kinds())
    variants = {f.name for f in fields(LoraConfig) if f.metadata.get("is_lora_variant")}
    assert variants == set(VARIANTS)
    assert set(starts()) >= REFUSED_STARTS


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_it_answers_as_it_was_trained_and_leaves_the_base_as_it_was(model, case, tmp_path):
    wrapper, folder = trained(model.base, CASES[case], tmp_path / "adapter")
    torch.manual_seed(7)  # as in a process of another day
    model.set_adapter(str(folder))
    expected = logits(model, wrapper)
    assert torch.allclose(logits(model), expected, atol=1e-5)
    assert (expected - logits(model, model_off(model))).abs().max() > 1e-3
    model.set_adapter(str(folder))
    assert torch.allclose(logits(model), expected, atol=1e-5)  # on again, from memory


def model_off(model: LoadedModel) -> Any:
    model.set_adapter(None)
    return model.model


def configured(folder: Path, **changes: Any) -> Path:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return folder


LOFTQ = {"loftq_bits": 4, "loftq_iter": 1}


@pytest.mark.parametrize("start", sorted(REFUSED_STARTS))
def test_a_start_that_cannot_be_worked_out_again_is_refused_with_how_to_convert_it(
    model, start, tmp_path
):
    _, folder = trained(model.base, CASES["lora-True"], tmp_path / "a")
    with pytest.raises(ModelError, match="trained over") as caught:
        model.set_adapter(str(configured(folder, init_lora_weights=start, loftq_config=LOFTQ)))
    assert "path_initial_model_for_weight_conversion" in caught.value.hint


def test_a_start_that_acts_at_a_token_is_refused(model, tmp_path):
    _, folder = trained(model.base, CASES["lora-True"], tmp_path / "a")
    with pytest.raises(ModelError, match="begins to act at a token"):
        model.set_adapter(str(configured(folder, alora_invocation_tokens=[5])))


def test_a_converted_adapter_answers_over_the_plain_base(model, tmp_path):
    from peft import get_peft_model

    wrapper = get_peft_model(copy.deepcopy(model.base), copy.deepcopy(CASES["lora-pissa"])).eval()
    wrapper.save_pretrained(str(tmp_path / "start"))
    with torch.no_grad():
        for parameter in wrapper.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.02)
    converted = tmp_path / "converted"
    start = str(tmp_path / "start")
    wrapper.save_pretrained(str(converted), path_initial_model_for_weight_conversion=start)
    model.set_adapter(str(converted))
    assert model.adapters.active.overlays == []
    assert torch.allclose(logits(model), logits(model, wrapper), atol=1e-3)


def test_what_lies_over_the_base_is_counted_as_memory(model, tmp_path):
    _, plain = trained(model.base, CASES["lora-True"], tmp_path / "plain")
    _, rest = trained(model.base, CASES["lora-olora"], tmp_path / "rest")
    model.set_adapter(str(plain))
    small = model.adapters.active.memory_bytes
    model.set_adapter(str(rest))
    over = sum(data.numel() * data.element_size() for _, data in model.adapters.active.overlays)
    assert over > 0 and model.adapters.active.memory_bytes == small + over


def test_a_base_that_was_changed_answers_nothing_more(tiny_folder, tmp_path, monkeypatch):
    """A start of tomorrow's PEFT that writes where nobody expects it."""
    model = load_model(ModelSpec(str(tiny_folder), device="cpu"))
    _, folder = trained(model.base, CASES["lora-olora"], tmp_path / "a")
    monkeypatch.setattr(load, "rewrites", lambda config: False)
    with pytest.raises(BaseChanged) as caught:
        model.set_adapter(str(folder))
    assert "layers.{0-1}.self_attn" in caught.value.message and caught.value.hint
    assert model.base_stale


def test_one_changed_by_a_merge_that_was_not_undone_is_seen(tiny_folder, tmp_path):
    model = load_model(ModelSpec(str(tiny_folder), device="cpu"))
    _, folder = trained(model.base, CASES["lora-True"], tmp_path / "a")
    model.set_adapter(str(folder))
    model.model.merge_adapter()
    with pytest.raises(BaseChanged):
        model.set_adapter(None)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_adapter_that_is_no_number_is_refused_by_the_names_of_its_tensors(
    model, value, tmp_path
):
    _, folder = trained(model.base, CASES["lora-True"], tmp_path / "a")
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    next(t for k, t in tensors.items() if "layers.1.self_attn.v_proj.lora_B" in k)[3, 2] = value
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"layers\.1\.self_attn\.v_proj\.lora_B") as caught:
        model.set_adapter(str(folder))
    assert caught.value.kind == "non_finite" and "1 tensor" in caught.value.message


def test_a_model_that_is_no_number_is_refused_and_a_good_one_is_looked_at_once(
    tiny_folder, tmp_path, monkeypatch
):
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "nan"))
    file = folder / "model.safetensors"
    tensors = load_file(file)
    name = next(k for k in tensors if k.endswith("layers.1.mlp.up_proj.weight"))
    tensors[name].view(-1)[7] = float("nan")
    save_file(tensors, file, metadata={"format": "pt"})
    for _ in range(2):  # a refusal is not remembered as a pass
        with pytest.raises(ModelError, match=r"layers\.1\.mlp\.up_proj") as caught:
            load_model(ModelSpec(str(folder), device="cpu"))
        assert caught.value.kind == "non_finite"
    from workbench.models import finite

    load_model(ModelSpec(str(tiny_folder), device="cpu"))
    monkeypatch.setattr(finite, "nonfinite", lambda tensors: pytest.fail("looked at again"))
    load_model(ModelSpec(str(tiny_folder), device="cpu"))


def test_large_halves_are_numbers():
    from workbench.models.finite import nonfinite

    large = torch.full((100,), 60000.0, dtype=torch.float16)  # their sum is no half
    assert (
        nonfinite([("large", large), ("empty", torch.empty(0)), ("ids", torch.ones(3).long())])
        == []
    )
    assert nonfinite([("a", torch.tensor([1.0, float("-inf")])), ("large", large)]) == ["a"]


HOSTILE = r"(\w|\w\w|\w\w\w|[a-z_.])+[A-Z]"  # 2^n ways to fail, to `re` and to `regex`


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target_modules", HOSTILE),
        ("exclude_modules", HOSTILE),
        ("rank_pattern", {HOSTILE: 4}),
        ("alpha_pattern", {HOSTILE: 4}),
        ("modules_to_save", [HOSTILE]),
        ("layers_pattern", [HOSTILE]),
        ("target_modules", "(" * 30),
        ("target_modules", "(q_proj){99999999999}"),
        ("target_modules", ".*nothing_of_that_name"),
    ],
)
def test_a_pattern_without_end_is_refused_in_seconds(model, field, value, tmp_path, monkeypatch):
    from workbench.models.adapters import config

    monkeypatch.setattr(config, "PATTERN_S", 0.2)
    _, folder = trained(model.base, CASES["lora-True"], tmp_path / "a")
    with pytest.raises(ModelError) as caught:
        model.set_adapter(str(configured(folder, **{field: value})))
    assert field in caught.value.message and caught.value.hint


def test_patterns_of_good_will_mean_what_peft_takes_them_for(model, tmp_path):
    from peft import LoraConfig

    config = LoraConfig(
        r=4,
        target_modules=r".*language_model.*\.(q|k|v)_proj",
        exclude_modules=r".*layers\.1\..*k_proj",
        rank_pattern={r"layers\.[01]\.self_attn\.q_proj": 2, r".*v_pr.j": 6},
        alpha_pattern={r"layers\.1\..*": 16},
    )
    wrapper, folder = trained(model.base, config, tmp_path / "a")
    model.set_adapter(str(folder))
    assert torch.allclose(logits(model), logits(model, wrapper), atol=1e-5)
