"""How much memory a model's weights take, from the headers of its files, before any is read.

Guarantee: torch-free but for asking a GPU what it has free; nothing but headers is read. Not for
what a prompt needs beside the weights (its cache of keys, the pictures' activations): an estimate
that fits may still run out in a large batch, one that does not fit never works.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.errors import ModelError
from workbench.models.locate import check_weights
from workbench.models.parts import is_quantized
from workbench.models.spec import ModelSpec

_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "BF16": 2, "F16": 2, "I16": 2, "U16": 2}
_DTYPES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0}
# Of one weight: nf4 and its doubly quantised scales per 64; int8 and a scale per row.
_QUANTIZED = {"4bit": 0.5 + 1 / 64, "8bit": 1.01}
_HEADER = 100 << 20  # the format's own bound
# What bitsandbytes leaves as it is: no linear layer, or the one that gives the logits.
_WHOLE = (
    *("embed", "wte", "wpe", "lm_head", "position", "class_token", "cls_token", "norm"),
    *("image_encoder", "image_projector"),  # as a two-stage model asks
)


def weights_bytes(
    path: Path, quantization: str = "none", dtype: str = "auto", parts: str = "language"
) -> int:
    """Bytes that the weights of a model's folder take once they are loaded.

    Args:
        path: A folder that `find_model` checked.
        quantization: `none`, `4bit` or `8bit`.
        dtype: `auto` is the checkpoint's own.
        parts: Which are quantised, one of `QUANTIZE_PARTS`.

    Raises:
        ModelError: A file is no safetensors.
    """
    total = 0.0
    for name, facts in _tensors(path):
        count, stored = math.prod(facts["shape"]), _BYTES.get(facts["dtype"], 1)
        size = _DTYPES.get(dtype, stored)
        linear = len(facts["shape"]) == 2 and not any(word in name.lower() for word in _WHOLE)
        if linear and is_quantized(name, parts):
            size = _QUANTIZED.get(quantization, size)
        total += count * size
    return round(total)


def _tensors(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in check_weights(path, "model"):
        try:
            with file.open("rb") as stream:
                (length,) = struct.unpack("<Q", stream.read(8))
                if length > _HEADER:
                    raise ValueError(f"a header of {length} bytes")
                header = json.loads(stream.read(length))
            yield from ((k, v) for k, v in header.items() if k != "__metadata__")
        except (OSError, ValueError, struct.error, AttributeError) as error:
            raise ModelError(
                f"the weights in {file} are damaged: {error}", hint="fetch or copy them again"
            ) from error


def tensor_bytes(path: Path) -> dict[str, int]:
    """Bytes of each tensor in a model's files, by its name there. Raises as `weights_bytes`."""
    return {
        name: facts["data_offsets"][1] - facts["data_offsets"][0] for name, facts in _tensors(path)
    }


def tensor_types(path: Path) -> dict[str, int]:
    """Weights by the type that they are stored in (`BF16`, ...). Raises as `weights_bytes`."""
    found: dict[str, int] = {}
    for _, facts in _tensors(path):
        found[facts["dtype"]] = found.get(facts["dtype"], 0) + math.prod(facts["shape"])
    return found


def gigabytes(count: float) -> str:
    """Bytes as a person says them: `4.4 GB`, `21 MB`, `300 kB`."""
    if 0 < count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def table(path: Path) -> dict[str, int]:
    """Bytes of the weights under each `--dtype`, `--quantization` and `--quantize-parts`."""
    return {
        "fp32": weights_bytes(path, dtype="fp32"),
        "bf16": weights_bytes(path, dtype="bf16"),
        "8bit": weights_bytes(path, "8bit", "bf16"),
        "4bit": weights_bytes(path, "4bit", "bf16"),
        "8bit, all parts": weights_bytes(path, "8bit", "bf16", "all"),
        "4bit, all parts": weights_bytes(path, "4bit", "bf16", "all"),
    }


def free_bytes(device: Any) -> int | None:
    """What a `torch.device` has free, `None` where nobody says."""
    if device.type == "cuda":
        import torch

        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def needed_bytes(path: Path, spec: ModelSpec, device: Any) -> int:
    """The bytes that the weights will take on a device of that type."""
    dtype = "fp32" if spec.dtype == "auto" and device.type == "cpu" else spec.dtype
    return weights_bytes(path, spec.quantization, dtype, spec.quantize_parts or "all")


def check_memory(path: Path, spec: ModelSpec, device: Any) -> int:
    """The bytes that the weights will take on `device`.

    Raises:
        ModelError: They do not fit; both numbers are said, and what would fit.
    """
    needed, free = needed_bytes(path, spec, device), free_bytes(device)
    if free is None or needed <= free:
        return needed
    ways = {"--dtype bf16": ("none", "bf16"), "--quantization 4bit": ("4bit", "bf16")}
    fitting = [way for way, knobs in ways.items() if weights_bytes(path, *knobs) <= free]
    if not fitting and weights_bytes(path, "4bit", "bf16", "all") <= free:
        fitting = ["--quantization 4bit --quantize-parts all"]
    raise ModelError(
        f"the weights in {path} take {needed / 1e9:.2g} GB on {device}, of which "
        f"{free / 1e9:.2g} GB are free",
        hint=f"try {' or '.join(fitting)}" if fitting else "take a smaller model, or free memory",
        kind="out_of_memory",
    )
