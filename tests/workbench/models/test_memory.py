"""What the weights take is known from their headers, and said before it is too much."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.workbench.models.tiny import build_qwen2_vl
from workbench.errors import ModelError
from workbench.models import memory
from workbench.models.base import LoadedModel, load_model
from workbench.models.catalog import describe_anything
from workbench.models.spec import ModelSpec


@pytest.mark.parametrize(
    ("quantization", "dtype"), [("none", "bf16"), ("4bit", "fp32"), ("8bit", "bf16")]
)
def test_the_estimate_is_near_what_the_loaded_model_holds(tiny_folder, quantization, dtype):
    spec = ModelSpec(str(tiny_folder), device="cpu", quantization=quantization, dtype=dtype)
    for parts in ("language", "all") if quantization != "none" else (None,):
        held = load_model(replace(spec, quantize_parts=parts)).memory_bytes()
        needed = memory.weights_bytes(tiny_folder, quantization, dtype, parts or "all")
        assert needed == pytest.approx(held, rel=0.05)


def test_a_full_precision_model_is_counted_to_the_byte_but_for_buffers(
    tiny: LoadedModel, tiny_folder
):
    parameters = sum(p.numel() * p.element_size() for p in tiny.base.parameters())
    assert memory.weights_bytes(tiny_folder) == parameters
    assert memory.weights_bytes(tiny_folder, dtype="bf16") == parameters // 2


def test_too_large_a_model_is_refused_before_it_is_read_with_what_would_fit(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, no_weights
):
    needed = memory.weights_bytes(tiny_folder)
    monkeypatch.setattr(memory, "free_bytes", lambda device: needed // 2 + 1000)
    with pytest.raises(ModelError) as caught:
        load_model(ModelSpec(str(tiny_folder), device="cpu"))
    assert caught.value.kind == "out_of_memory"
    assert "GB are free" in caught.value.message
    assert caught.value.hint == "try --dtype bf16 or --quantization 4bit"
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1000)
    with pytest.raises(ModelError) as caught:
        load_model(ModelSpec(str(tiny_folder), device="cpu"))
    assert "smaller model" in str(caught.value.hint)


def test_a_machine_that_does_not_say_what_is_free_is_tried(tiny_folder, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: None)
    assert memory.check_memory(tiny_folder, ModelSpec(), torch.device("cpu")) > 0


def test_what_is_free_here_is_a_number():
    free = memory.free_bytes(torch.device("cpu"))
    assert free is None or free > 1 << 20


def test_a_header_that_is_none_is_called_damaged(tmp_path):
    folder = build_qwen2_vl(tmp_path / "m")
    (folder / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(ModelError, match="damaged"):
        memory.weights_bytes(folder)


def test_a_model_is_described_with_the_memory_it_takes(tiny_folder):
    takes = describe_anything(str(tiny_folder))["memory"]
    assert takes["fp32"] == 2 * takes["bf16"] > takes["8bit"] > takes["4bit"] > 0
    assert takes["4bit"] > takes["4bit, all parts"] < takes["8bit, all parts"] < takes["8bit"]
