"""What an answer depends on, as a hash: the key under which it is kept and found again.

A key is made of two parts. The *scope* is what all answers of a loaded model have in common: its
weights, adapter, processor, dtype and quantisation (the model's identity), attention kernels,
devices, torch's switches of precision, the versions of the packages that compute, and the source
of what turns a prompt into tokens, pixels and an answer. The other part is the question: every
turn as it was rendered, the bytes of every picture, every decoding knob with its seed, the label
words that are scored.

Guarantee: whatever of these is another one, the key is another one: in doubt a model is asked
again. What does not change an answer by the promise of `workbench.inference` (batch size, threads,
shared beginnings of prompts) is not in it. How an answer is read and judged is not in it either:
that is done anew each time.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.environment import PACKAGES, package_versions
from sessions.version import wb_version
from workbench.inference.decoding import Decoding
from workbench.sample import Conversation, ImageRef

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel

_VERSION = 2  # 2: answers have the frames of their coordinates
# What computes an answer from rendered turns. The renderer is not among it: what it made is in the
# key itself.
_COMPUTES = ("models", "inference", "images", "grounding")
# Beside the packages that every record names: kernels and tokenizers that some models want.
_FURTHER = ("flash-attn", "triton", "sentencepiece", "tiktoken", "timm")


def scope_of(loaded: LoadedModel) -> dict[str, Any]:
    """What all answers of a model that is loaded have in common, JSON-able."""
    return {
        "v": _VERSION,
        "identity": loaded.identity,
        "model": loaded.spec.model,
        "adapter": loaded.spec.adapter,
        "dtype": loaded.dtype,
        "attention": [loaded.spec.attention, getattr(_config(loaded), "_attn_implementation", "")],
        "virtual_tokens": loaded.virtual_tokens,
        "devices": [_device(device) for device in loaded.devices],
        "switches": _switches(),
        "python": platform.python_version(),
        "packages": package_versions((*PACKAGES.split(), *_FURTHER)),
        "wb": wb_version(),
        "code": _digest([_code(), _plugged(type(loaded.family))]),
    }


def scope_digest(scope: dict[str, Any]) -> str:
    """Hex sha256 of a scope. Where the model's files lie does not matter: its bytes do."""
    return _digest({k: v for k, v in scope.items() if k not in ("model", "adapter")})


def answer_key(
    scope: str,
    conversation: Conversation,
    decoding: Decoding,
    words: Sequence[str],
    image_id: Callable[[ImageRef], str],
) -> str | None:
    """The key of one answer, `None` where it cannot be told what a picture holds.

    Args:
        scope: As `scope_digest` gives it.
        conversation: The rendered turns.
        decoding: Every knob, the seed among them.
        words: The labels that are scored, in their order.
        image_id: The hash of a picture's bytes, as `workbench.data.image_ids` gives it.
    """
    turns: list[Any] = []
    for message in conversation:
        parts: list[Any] = []
        for part in message.parts:
            if isinstance(part, str):
                parts.append(["text", part])
                continue
            name = image_id(part)
            if not name or name.startswith("url:"):
                return None
            parts.append(["image", name])
        turns.append([message.role, parts])
    return _digest(
        {"scope": scope, "turns": turns, "decoding": decoding.to_json(), "labels": list(words)}
    )


def _digest(value: Any) -> str:
    # ASCII: half a surrogate pair has no UTF-8, and must not be lost.
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("ascii")).hexdigest()


def _config(loaded: LoadedModel) -> Any:
    return getattr(loaded.base, "config", None)


def _device(device: Any) -> str:
    import torch

    if device.type == "cuda":
        facts = torch.cuda.get_device_properties(device)
        return f"cuda {facts.name} {facts.major}.{facts.minor} {torch.version.cuda}"
    if device.type == "cpu":
        return f"cpu {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return f"{device.type} {platform.machine()}"


def _switches() -> dict[str, str]:
    """Torch's global switches that change what a product of matrices is."""
    import torch

    reads: dict[str, Callable[[], Any]] = {
        "matmul": torch.get_float32_matmul_precision,
        "tf32": lambda: torch.backends.cuda.matmul.allow_tf32,
        "cudnn_tf32": lambda: torch.backends.cudnn.allow_tf32,
        "fp16_reduced": lambda: torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction,
        "bf16_reduced": lambda: torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
        "deterministic": torch.are_deterministic_algorithms_enabled,
        "flash": torch.backends.cuda.flash_sdp_enabled,
        "efficient": torch.backends.cuda.mem_efficient_sdp_enabled,
        "math": torch.backends.cuda.math_sdp_enabled,
        "mkldnn": lambda: torch.backends.mkldnn.enabled,
        "override": lambda: os.environ.get("NVIDIA_TF32_OVERRIDE", ""),
    }
    found = {}
    for name, read in reads.items():
        found[name] = "unreadable"
        with suppress(Exception):  # a switch that this version of torch lacks
            found[name] = str(read())
    return found


@cache
def _code() -> str:
    """Digest of the source of `wb` that computes answers."""
    root = Path(__file__).parents[1]
    return _source(path for name in _COMPUTES for path in (root / name).rglob("*.py"))


def _plugged(family: type) -> str:
    """Digest of the source of a plug-in's family, empty for one of `wb`."""
    module = family.__module__
    if module.partition(".")[0] == "workbench":
        return ""
    top = sys.modules.get(module.partition(".")[0])
    folders = list(getattr(top, "__path__", ()))
    if folders:
        return _source(path for folder in folders for path in Path(folder).rglob("*.py"))
    return _source([Path(inspect.getfile(family))])


def _source(paths: Iterator[Path] | Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
