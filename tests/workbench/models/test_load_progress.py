"""How far a load is, that it can be given up, and that nothing is loaded in part."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from workbench.errors import Cancelled, ModelError
from workbench.models import identity
from workbench.models.base import load_model
from workbench.models.fitting import fold
from workbench.models.memory import tensor_bytes
from workbench.models.spec import ModelSpec


@pytest.fixture
def copy(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def reports(folder: Path, **more) -> list[tuple[str, float]]:
    seen = []
    load_model(ModelSpec(str(folder), device="cpu"), lambda s, x: seen.append((s, x)), **more)
    return seen


def test_the_bytes_read_are_told_up_to_all_of_them_and_never_backwards(copy):
    seen = reports(copy)
    total = sum(tensor_bytes(copy).values())
    read = [stage for stage, _ in seen if stage.startswith("weights: ")]
    assert len(read) > 20
    assert " kB of " in read[0] and f" of {total / 1e6:.0f} MB" in read[0]
    assert read[-1].startswith(f"weights: {total / 1e6:.0f} MB of {total / 1e6:.0f} MB")
    assert [share for _, share in seen] == sorted(share for _, share in seen)


def test_the_memory_needed_and_free_is_told_before_anything_is_read(tiny_folder, monkeypatch):
    monkeypatch.setattr("workbench.models.load_progress.free_bytes", lambda device: 7_500_000_000)
    stages = [stage for stage, _ in reports(tiny_folder)]
    at = next(i for i, stage in enumerate(stages) if stage.startswith("memory: "))
    assert re.fullmatch(r"memory: \d+ MB, 7\.5 GB free on cpu", stages[at])
    assert not any(stage.startswith("weights") for stage in stages[:at])
    assert all("7.5 GB free" in stage for stage in stages if stage.startswith("weights"))


def test_hashing_a_file_that_is_new_is_told_and_a_known_one_costs_nothing(copy, monkeypatch):
    monkeypatch.setattr(identity, "_CHUNK", 1 << 16)
    (copy / "README.txt").write_text("another file, another time")
    first = [s for s, _ in reports(copy) if s.startswith("hash: model.safetensors")]
    assert len(first) > 5
    assert not [s for s, _ in reports(copy) if s.startswith("hash")]


@pytest.mark.parametrize("stage", ["memory", "weights: 1", "weights: 3", "hash"])
def test_a_load_can_be_given_up_at_any_stage(copy, stage):
    seen: list[str] = []
    with pytest.raises(Cancelled):
        load_model(
            ModelSpec(str(copy), device="cpu"),
            lambda said, share: seen.append(said),
            lambda: bool(seen) and seen[-1].startswith(stage),
        )
    assert seen[-1].startswith(stage)  # nothing was told, hence done, after it
    assert reports(copy)[-1] == ("ready", 1.0)  # and the next load is whole


def spoil(folder: Path, change) -> ModelError:
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    with pytest.raises(ModelError) as caught:
        load_model(ModelSpec(str(folder), device="cpu"))
    assert caught.value.kind == "wrong_architecture"
    return caught.value


def test_weights_that_the_model_has_no_place_for_are_refused_by_name(copy):
    def add(tensors):
        one = tensors["model.layers.0.self_attn.q_proj.weight"]
        return tensors | {f"model.layers.{i}.extra.weight": one.clone() for i in (0, 1)}

    assert "layers.{0-1}.extra.weight" in spoil(copy, add).message


def test_every_missing_weight_is_in_the_list(copy):
    error = spoil(copy, lambda t: {k: v for k, v in t.items() if "mlp" not in k})
    for name in ("gate_proj", "up_proj", "down_proj"):
        assert f"layers.{{0-1}}.mlp.{name}.weight" in error.message


def test_other_shapes_are_listed_with_both(copy):
    error = spoil(
        copy,
        lambda t: {k: v[:64].contiguous() if "q_proj.weight" in k else v for k, v in t.items()},
    )
    assert "layers.{0-1}.self_attn.q_proj.weight: [64, 128] for [128, 128]" in error.message


def test_tables_that_a_model_works_out_for_itself_do_not_matter(copy):
    file = copy / "model.safetensors"
    tensors = load_file(file)
    one = tensors["model.layers.0.self_attn.q_proj.weight"].clone()
    extra = {"model.layers.0.self_attn.rotary_emb.inv_freq": one}
    save_file(tensors | extra, file, metadata={"format": "pt"})
    assert reports(copy)[-1] == ("ready", 1.0)


def test_keys_are_folded_into_ranges_that_name_no_absent_key():
    keys = [f"layers.{i}.{p}.weight" for i in (0, 1, 2, 5) for p in ("q", "v")]
    assert fold(keys) == "layers.{0-2,5}.q.weight, layers.{0-2,5}.v.weight"
    assert fold(["a.0.b.1", "a.1.b.0"]) == "a.0.b.1, a.1.b.0"
    assert fold(["a.0.b.0", "a.0.b.1", "a.1.b.0", "a.1.b.1"]) == "a.{0-1}.b.{0-1}"
    assert fold(["q2_proj.w", "q3_proj.w"]) == "q2_proj.w, q3_proj.w"
    assert fold([f"name{c}" for c in "abcdefghijklmnopqrstuvwxyz" * 2]).count(",") == 25
    assert fold([f"k{i}x.w" for i in range(50)]).endswith("and 10 more")
