"""An adapter written into the weights: the same answers, taken back exactly, a folder whole."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch

from tests.workbench.models.make_adapters import build_adapter, build_prefix, configs
from tests.workbench.models.tiny import ask, picture
from workbench.errors import Cancelled, ModelError, UsageError
from workbench.models.adapters import merging
from workbench.models.adapters.merging import merge, merge_to_folder
from workbench.models.base import LoadedModel, load_model
from workbench.models.spec import ModelSpec

PROMPT = ask("a red circle", picture(64, 48, 2))


@pytest.fixture(scope="module")
def folders(loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root, wanted = tmp_path_factory.mktemp("kinds"), configs()
    made = {k: build_adapter(loaded.base, wanted[k], root / k) for k in ("lora", "ia3", "saved")}
    return made | {"prefix": build_prefix(loaded.base, root / "prefix")}


def logits(model: LoadedModel) -> torch.Tensor:
    batch = model.family.encode(model, [PROMPT])
    with torch.no_grad():
        return model.model(**batch.inputs).logits[0]


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool((a - b).abs().max() < 1e-4 * b.abs().max())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder for what is written."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


@pytest.mark.parametrize("kind", ["lora", "ia3", "saved"])
def test_a_merge_in_memory_answers_as_the_adapter_and_is_taken_back_bit_for_bit(
    model, folders, kind
):
    bare = logits(model)
    model.set_adapter(str(folders[kind]))
    under = logits(model)
    weights = {n: p.detach().clone() for n, p in model.base.named_parameters()}
    merged = merge(model)
    changed = [n for n, p in model.base.named_parameters() if not torch.equal(p, weights[n])]
    assert any("v_proj" in name for name in changed)
    assert close(logits(model), under)
    merged.undo()
    assert torch.equal(logits(model), under)
    after = dict(model.base.named_parameters())
    assert all(torch.equal(after[name], weights[name]) for name in weights)
    merge(model)
    model.set_adapter(None)  # another turn takes a merge back by itself
    assert torch.equal(logits(model), bare)
    model.set_adapter(str(folders[kind]))
    assert torch.equal(logits(model), under)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lora", "ia3", "saved"])
def test_a_merged_folder_is_a_plain_model_that_answers_as_the_two(
    model, folders, tiny_folder, tmp_path, kind
):
    out = tmp_path / "merged"
    note = merge_to_folder(str(tiny_folder), str(folders[kind]), out)
    new = load_model(ModelSpec(str(out), device="cpu"))
    model.set_adapter(str(folders[kind]))
    assert close(logits(new), logits(model))
    assert note["difference"] < 1e-4 and note["identity"] == new.identity
    assert note == json.loads((out / "wb_merge.json").read_text()) and note["v"] == 1
    assert note["with_adapter_identity"] == model.identity
    model.set_adapter(None)
    assert note["base_identity"] == model.identity != new.identity
    assert not [name for name in vars(new.base) if "peft" in name]
    assert not list(tmp_path.glob(".merged*"))
    assert len({file.stat().st_mode for file in out.iterdir() if file.name != "wb_merge.json"}) == 1
    for name in ("tokenizer.json", "chat_template.jinja", "processor_config.json"):
        assert (out / name).read_bytes() == (tiny_folder / name).read_bytes()


def test_embeddings_that_were_tied_and_are_no_longer_are_kept_apart(model, tiny_folder, tmp_path):
    from peft import LoraConfig

    config = LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["lm_head"])
    folder = build_adapter(model.base, config, tmp_path / "head")
    out = tmp_path / "merged"
    merge_to_folder(str(tiny_folder), str(folder), out)
    new = load_model(ModelSpec(str(out), device="cpu"))
    model.set_adapter(str(folder))
    assert close(logits(new), logits(model))
    assert new.base.get_input_embeddings().weight is not new.base.get_output_embeddings().weight


@pytest.mark.slow
def test_a_model_in_half_precision_stays_so(folders, tiny_folder, tmp_path):
    half = tmp_path / "half"
    merge_to_folder(str(tiny_folder), str(folders["lora"]), half, dtype="bf16")
    note = merge_to_folder(str(half), str(folders["lora"]), tmp_path / "again")
    assert note["dtype"] == "bf16"
    spec = ModelSpec(str(tmp_path / "again"), device="cpu", dtype="bf16")
    assert load_model(spec).identity == note["identity"]


def test_what_cannot_be_merged_is_refused_with_the_reason(model, folders, tiny_folder, place):
    with pytest.raises(ModelError, match="no adapter"):
        merge(model)
    with pytest.raises(ModelError, match="beside the weights"):
        merge_to_folder(str(tiny_folder), str(folders["prefix"]), place / "m")
    quantised = load_model(ModelSpec(str(tiny_folder), device="cpu", quantization="4bit"))
    quantised.set_adapter(str(folders["lora"]))
    with pytest.raises(ModelError, match="4bit"):
        merge(quantised)
    assert not list(place.iterdir())


def test_a_folder_that_is_there_is_left_alone(folders, tiny_folder, place):
    (place / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        merge_to_folder(str(tiny_folder), str(folders["lora"]), place)
    assert [p.name for p in place.iterdir()] == ["note.txt"]


def test_a_merge_that_does_not_answer_as_the_two_leaves_nothing(
    folders, tiny_folder, place, monkeypatch
):
    write = merging._write

    def spoil(loaded, folder):
        with torch.no_grad():
            next(iter(loaded.base.parameters())).mul_(1.5)
        write(loaded, folder)

    monkeypatch.setattr(merging, "_write", spoil)
    with pytest.raises(ModelError) as caught:
        merge_to_folder(str(tiny_folder), str(folders["lora"]), place / "m")
    assert caught.value.kind == "merge_differs"
    assert not list(place.iterdir())


def test_a_merge_can_be_given_up_and_leaves_nothing(folders, tiny_folder, place):
    seen: list[float] = []
    with pytest.raises(Cancelled):
        merge_to_folder(
            str(tiny_folder),
            str(folders["lora"]),
            place / "m",
            on_progress=lambda stage, share: seen.append(share),
            cancelled=lambda: bool(seen) and seen[-1] > 0.7,
        )
    assert not list(place.iterdir()) and seen == sorted(seen)


def test_it_is_the_merge_that_peft_makes(model, folders, tiny_folder, tmp_path):
    from peft import PeftModel
    from safetensors.torch import load_file

    merge_to_folder(str(tiny_folder), str(folders["lora"]), tmp_path / "m")
    theirs = PeftModel.from_pretrained(copy.deepcopy(model.base), str(folders["lora"]))
    theirs.merge_and_unload().save_pretrained(str(tmp_path / "theirs"))
    ours = load_file(tmp_path / "m" / "model.safetensors")
    expected = load_file(tmp_path / "theirs" / "model.safetensors")
    assert ours.keys() == expected.keys()
    assert all(torch.equal(ours[key], expected[key]) for key in ours)
