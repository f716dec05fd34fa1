"""Adapters of every kind over one base: as PEFT computes them, kept together, taken off exactly."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.workbench.models.make_adapters import (
    build_adapter,
    build_bottleneck,
    build_prefix,
    build_prompt,
    configs,
)
from tests.workbench.models.make_families import FAMILIES
from tests.workbench.models.tiny import ask, mixed_conversations, picture
from workbench.errors import ModelError, PromptTooLong
from workbench.inference.batch import LiveBatch
from workbench.inference.decoding import Decoding
from workbench.inference.generate import Request, admit, generate, score_labels
from workbench.models.adapters import kept
from workbench.models.adapters.bottleneck import put_on, take_off, write_bottleneck
from workbench.models.adapters.bottleneck_config import BottleneckConfig
from workbench.models.base import LoadedModel, load_model
from workbench.models.spec import ModelSpec

pytestmark = pytest.mark.slow

PROMPT = ask("a red circle", picture(64, 48, 2))
KINDS = tuple(configs())


@pytest.fixture(scope="module")
def folders(loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("kinds")
    loaded.set_adapter(None)
    made = {k: build_adapter(loaded.base, c, root / k) for k, c in configs().items()}
    made["bottleneck"] = build_bottleneck(loaded.base, root / "bottleneck")
    made["prompt"] = build_prompt(loaded.base, root / "prompt")
    return made | {"prefix": build_prefix(loaded.base, root / "prefix")}


def logits(model: LoadedModel, prompt=PROMPT) -> torch.Tensor:
    batch = model.family.encode(model, [prompt])
    with torch.no_grad():
        return model.model(**batch.inputs).logits[0]


def bytes_of(base) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in base.named_parameters()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_answers_as_peft_itself_and_leaves_the_base_as_it_was(model, folders, kind):
    from peft import PeftModel

    bare, weights, modules = logits(model), bytes_of(model.base), list(model.base.named_modules())
    model.set_adapter(str(folders[kind]))
    ours = logits(model)
    assert model.adapters.active.memory_bytes > 0
    model.set_adapter(None)
    assert torch.equal(logits(model), bare)
    after = bytes_of(model.base)
    assert after.keys() == weights.keys()
    assert all(torch.equal(after[name], weights[name]) for name in weights)
    assert [m for _, m in model.base.named_modules()] == [m for _, m in modules]
    reference = PeftModel.from_pretrained(copy.deepcopy(model.base), str(folders[kind])).eval()
    batch = model.family.encode(model, [PROMPT])
    with torch.no_grad():
        theirs = reference(**batch.inputs).logits[0]
    assert (theirs - bare).abs().max() > 1e-3
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_several_kinds_are_kept_and_switched_without_reading_a_file_again(
    model, folders, monkeypatch
):
    chosen = ("lora", "ia3", "prefix", "prompt", "bottleneck", None, "bias")
    first = {}
    for kind in chosen:
        model.set_adapter(str(folders[kind]) if kind else None)
        first[kind] = (logits(model), model.identity)
    monkeypatch.setattr(kept, "load_adapter", lambda *a: pytest.fail("read again"))
    for kind in ("bias", None, "prefix", "lora", "bottleneck", "prompt", "ia3", "lora", None):
        model.set_adapter(str(folders[kind]) if kind else None)
        assert torch.equal(logits(model), first[kind][0])
        assert model.identity == first[kind][1]
    assert len({identity for _, identity in first.values()}) == len(chosen)
    assert len(model.adapters.kept) >= 5


def test_no_more_are_kept_than_the_bound_and_the_oldest_is_read_again(
    tiny_folder, folders, monkeypatch
):
    monkeypatch.setattr(kept, "MOST", 2)
    model = load_model(ModelSpec(str(tiny_folder), device="cpu"))
    seen = {}
    for kind in ("lora", "ia3", "dora", "lora"):
        model.set_adapter(str(folders[kind]))
        assert len(model.adapters.kept) <= 2
        seen.setdefault(kind, logits(model))
        assert torch.equal(logits(model), seen[kind])
    assert {a.path.name for a in model.adapters.kept} == {"dora", "lora"}


def test_a_kept_adapter_has_a_name_to_be_asked_for_by(tiny_folder, folders):
    model = load_model(ModelSpec(str(tiny_folder), device="cpu"))
    bare, before = logits(model), model.memory_bytes()
    model.keep_adapter(str(folders["lora"]), "nlvr")
    model.keep_adapter(str(folders["prefix"]), "short")
    assert torch.equal(logits(model), bare) and model.spec.adapter is None
    assert model.memory_bytes() == before + sum(a.memory_bytes for a in model.adapters.kept)
    model.set_adapter("nlvr")
    assert model.memory_bytes() == before + sum(a.memory_bytes for a in model.adapters.kept)
    by_name, identity = logits(model), model.identity
    model.set_adapter(str(folders["lora"]))
    assert torch.equal(logits(model), by_name) and model.identity == identity
    assert [(a["name"], a["kind"], a["active"]) for a in model.adapters.to_json()] == [
        ("short", "PREFIX_TUNING", False),
        ("nlvr", "LORA", True),
    ]


def test_one_that_does_not_fit_leaves_those_that_are_kept(model, folders, tmp_path):
    model.set_adapter(str(folders["ia3"]))
    before = logits(model)
    broken = copied(folders["lora"], tmp_path, lambda t: dict(list(t.items())[1:]))
    for _ in range(2):
        with pytest.raises(ModelError):
            model.set_adapter(str(broken))
        assert torch.equal(logits(model), before)
    with pytest.raises(ModelError):
        model.keep_adapter(str(broken), "broken")
    assert torch.equal(logits(model), before) and "broken" not in model.adapters.names


def copied(folder: Path, where: Path, change) -> Path:
    new = Path(shutil.copytree(folder, where / f"changed-{folder.name}"))
    file = new / "adapter_model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    return new


def misfit(model: LoadedModel, folder: Path) -> str:
    weights = bytes_of(model.base)
    with pytest.raises(ModelError) as caught:
        model.set_adapter(str(folder))
    assert caught.value.kind == "adapter_misfit"
    after = bytes_of(model.base)
    assert all(torch.equal(after[name], weights[name]) for name in weights)
    assert after.keys() == weights.keys()
    return caught.value.message


def test_a_missing_module_to_save_is_no_silent_partial_load(model, folders, tmp_path):
    kept_away = copied(
        folders["saved"], tmp_path, lambda t: {k: v for k, v in t.items() if "merger.mlp" not in k}
    )
    assert "merger.mlp.{0,2}.weight" in misfit(model, kept_away)


def test_a_missing_bias_is_no_silent_partial_load(model, folders, tmp_path):
    def drop(tensors):
        return {k: v for k, v in tensors.items() if "layers.1.self_attn.q_proj" not in k}

    message = misfit(model, copied(folders["bias"], tmp_path, drop))
    assert "layers.1.self_attn.q_proj.base_layer.bias" in message
    assert "layers.1.self_attn.q_proj.lora_A.weight" in message


def test_wrong_ranks_are_listed_with_both_shapes(model, folders, tmp_path):
    def halve(tensors):
        return {k: v[:2].contiguous() if "lora_A" in k else v for k, v in tensors.items()}

    message = misfit(model, copied(folders["lora"], tmp_path, halve))
    assert "layers.{0-1}.self_attn.q_proj.lora_A.weight" in message
    assert "[2, 128] for [4, 128]" in message


def test_weights_of_the_base_in_an_adapter_are_laid_over_it_and_taken_off(model, folders, tmp_path):
    """PEFT saves the embeddings beside a LoRA whose vocabulary grew, and loads them for good."""
    name = "base_model.model.model.language_model.embed_tokens.weight"
    bare = logits(model)
    model.set_adapter(str(folders["lora"]))
    plain = logits(model)
    same = model.base.get_input_embeddings().weight.detach().clone()
    equal = copied(folders["lora"], tmp_path / "equal", lambda t: t | {name: same})
    model.set_adapter(str(equal))
    assert torch.equal(logits(model), plain)
    other = copied(folders["lora"], tmp_path / "other", lambda t: t | {name: same * 1.5})
    model.set_adapter(str(other))
    assert (logits(model) - plain).abs().max() > 1e-2
    model.set_adapter(None)
    assert torch.equal(logits(model), bare)


def test_a_bottleneck_that_fits_in_part_is_refused_with_the_list(model, tmp_path):
    config = BottleneckConfig(layers=("model.language_model.layers.0.mlp.down_proj",))
    whole = tmp_path / "whole"
    whole.mkdir()
    bare, made = logits(model), put_on(model.base, config)
    write_bottleneck(made, whole)
    take_off(model.base, made)
    model.set_adapter(str(whole))
    assert torch.equal(logits(model), bare)  # a new one changes nothing
    cut = copied(whole, tmp_path, lambda t: {k: v for k, v in t.items() if "up.bias" not in k})
    assert "down_proj.up.bias" in misfit(model, cut)
    text = (whole / "adapter_config.json").read_text()
    (whole / "adapter_config.json").write_text(text.replace("layers.0", "layers.7"))
    assert "no linear layers called model.language_model.layers.7" in misfit(model, whole)
    (whole / "adapter_config.json").write_text(text.replace("relu", "rule"))
    assert "nonlinearity is rule" in misfit(model, whole)


def test_p_tuning_is_refused_with_the_reason(model, tmp_path):
    from peft import PromptEncoderConfig, get_peft_model

    config = PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    get_peft_model(copy.deepcopy(model.base), config).save_pretrained(str(tmp_path / "prompt"))
    with pytest.raises(ModelError, match="P_TUNING") as caught:
        model.set_adapter(str(tmp_path / "prompt"))
    assert caught.value.kind == "unsupported" and "before the text" in caught.value.message


def test_an_adapters_virtual_tokens_take_room_of_the_context(model, folders, monkeypatch):
    batch = model.family.encode(model, [PROMPT])
    monkeypatch.setattr(model, "context_length", batch.lengths[0] + 2)
    generate(model, [PROMPT], Decoding(max_new_tokens=1))
    for kind in ("prefix", "prompt"):
        model.set_adapter(str(folders[kind]))
        with pytest.raises(PromptTooLong, match="an adapter's 5 virtual ones"):
            generate(model, [PROMPT], Decoding(max_new_tokens=1))


def test_heat_lies_on_the_image_behind_trained_embeddings(model, folders):
    from workbench.explain.explain import explain

    model.set_adapter(str(folders["prompt"]))
    found = explain(model, PROMPT, "true", layer="token.layer0", method="gradcam")
    assert found.images[0].size == (64, 48) and found.images[0].grid.max() > 0


def test_a_prefix_has_the_logits_of_pefts_own_wrapper_on_text(model, folders):
    from peft import PeftModel

    fresh = copy.deepcopy(model.base)
    fresh.model.rope_deltas = None  # what an earlier forward left would be added
    reference = PeftModel.from_pretrained(fresh, str(folders["prefix"])).eval()
    batch = model.family.encode(model, [ask("no image at all")])
    with torch.no_grad():
        theirs = reference(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits[0]
    bare = logits(model, ask("no image at all"))
    model.set_adapter(str(folders["prefix"]))
    ours = logits(model, ask("no image at all"))
    assert (ours - bare).abs().max() > 0.1
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_a_prefix_has_the_logits_of_pefts_own_wrapper_on_images(tmp_path):
    """Of a family whose positions the model counts itself: PEFT cannot hand Qwen's on."""
    from peft import PeftModel

    model = load_model(ModelSpec(str(FAMILIES["llava"](tmp_path / "llava")), device="cpu"))
    folder = build_prefix(model.base, tmp_path / "prefix")
    reference = PeftModel.from_pretrained(copy.deepcopy(model.base), str(folder)).eval()
    batch = model.family.encode(model, [ask("one", picture(40, 40, 1))])
    given = {k: v for k, v in batch.inputs.items() if k != "position_ids"}
    with torch.no_grad():
        theirs = reference(**given).logits[0]
    model.set_adapter(str(folder))
    assert torch.allclose(logits(model, ask("one", picture(40, 40, 1))), theirs, atol=1e-5)


@pytest.mark.parametrize("kind", ["prefix", "prompt"])
def test_under_virtual_tokens_answers_do_not_depend_on_the_batch(model, folders, kind):
    model.set_adapter(str(folders[kind]))
    conversations = mixed_conversations()[:4]
    batch = model.family.encode(model, conversations, answers=["true"] * 4)
    with torch.no_grad():
        together = model.model(**batch.inputs).logits
    for row, conversation in enumerate(conversations):
        one = model.family.encode(model, [conversation], answers=["true"])
        with torch.no_grad():
            alone = model.model(**one.inputs).logits[0]
        (start, stop), (first, last) = batch.answer_spans[row], one.answer_spans[0]
        gap = (together[row, start - 1 : stop] - alone[first - 1 : last]).abs().max()
        assert gap < 1e-4 * alone.abs().max()
    knobs = Decoding(max_new_tokens=4)
    texts = [generate(model, [c], knobs)[0].text for c in conversations]
    assert [a.text for a in generate(model, conversations, knobs)] == texts
    scores = score_labels(model, conversations, ["true", "false"])
    for conversation, found in list(zip(conversations, scores, strict=True))[:2]:
        assert score_labels(model, [conversation], ["true", "false"])[0] == pytest.approx(
            found, rel=1e-4
        )


@pytest.mark.parametrize("kind", ["prefix", "prompt"])
def test_under_virtual_tokens_steps_have_the_logits_of_one_forward(model, folders, kind):
    """And no row joins, whose padding would be before them."""
    model.set_adapter(str(folders[kind]))
    live = LiveBatch(model)
    rows = admit(live, [Request(c, Decoding(max_new_tokens=4)) for c in mixed_conversations()[:3]])
    assert not live.open
    steps = []
    while live.rows:
        steps.append(live._state.logits.clone())
        live.pick()
        live.advance()
    from workbench.explain.prepare import encode

    for row, conversation in enumerate(mixed_conversations()[:3]):
        ids = [token.id for token in rows[row].tokens]
        inputs, _ = encode(model, [conversation], ids)
        with torch.no_grad():
            whole = model.model(**inputs).logits[0, -len(ids) - 1 :]
        for step, found in enumerate(steps[: len(ids)]):
            assert (found[row] - whole[step]).abs().max() < 1e-4 * whole.abs().max()


def test_a_prefix_of_another_shape_is_refused_and_so_is_a_generate_that_would_leave_it_out(
    model, folders, tmp_path
):
    model.set_adapter(str(folders["prefix"]))
    with pytest.raises(ModelError, match="leaves out the virtual tokens of prefix_tuning"):
        model.model.generate(**model.family.encode(model, [PROMPT]).inputs)
    short = copied(
        folders["prefix"], tmp_path, lambda t: {k: v[:, :64].contiguous() for k, v in t.items()}
    )
    assert "prompt_embeddings: [5, 64] for [5, 256]" in misfit(model, short)
