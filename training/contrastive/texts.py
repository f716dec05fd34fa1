"""Features of texts by the frozen text encoder: computed once, kept on disk, found again.

Guarantee: what is found is of the same texts by the same encoder (its weights and tokenizer by
their hash, the precision, how states are pooled); the encoder is loaded only where something is
missing. Texts are kept in shards, each whole or not there: a killed computation loses one shard.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.errors import ModelError
from workbench.progress import Reporter

_VERSION = 1  # of how features are made
_SHARD = 2048


@dataclass(frozen=True)
class TextEncoder:
    """A frozen language model as a text encoder.

    Attributes:
        name: A folder or hub id of a Phi.
        revision: Of a hub id.
        dtype, quantization, device: As in `ModelSpec`.
        batch_size: Texts at once.
        tokens: A text is cut off there.
    """

    name: str
    revision: str = ""
    dtype: str = "auto"
    quantization: str = "none"
    device: str = "auto"
    batch_size: int = 64
    tokens: int = 64

    @property
    def path(self) -> Path:
        """Its folder. Raises as `find_model`, and `ModelError` where it is no Phi."""
        from workbench.models.locate import find_model, read_config

        path = find_model(self.name, self.revision or None)
        if (found := read_config(path)["model_type"]) != "phi":
            raise ModelError(
                f"'text_encoder' {self.name} is of model_type {found!r}; it wants a Phi",
                hint="give a folder, or an id such as microsoft/phi-2",
                kind="wrong_architecture",
            )
        return path

    @property
    def size(self) -> int:
        """Width of its features."""
        from workbench.models.locate import read_config

        return int(read_config(self.path)["hidden_size"])

    @property
    def identity(self) -> str:
        """Hash of all that its features depend on, but for the device."""
        from workbench.models.identity import model_identity
        from workbench.models.loading import pick_dtype
        from workbench.models.placement import candidates

        dtype = str(pick_dtype(self.dtype, candidates(self.device)[0], self.path))
        files = model_identity(self.path, None, self.quantization, dtype)
        parts = [_VERSION, files, self.tokens]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def text_features(texts: Sequence[str], encoder: TextEncoder, tell: Reporter) -> Tensor:
    """Features of texts, from the disk where they are.

    Args:
        texts: In any order, each once.
        encoder: Whose features.
        tell: Told how many texts are done.

    Returns:
        (M, hidden) float32 unit vectors, in the order of `texts`.

    Raises:
        ModelError: The encoder cannot be loaded.
        RecordError: The disk is full.
    """
    from safetensors.torch import load_file, save

    from sessions.atomic import atomic_write
    from sessions.paths import cache_dir

    folder = cache_dir() / "text-features" / encoder.identity[:24]
    found: list[Tensor] = []
    language: _Language | None = None
    for start in range(0, len(texts), _SHARD):
        shard = list(texts[start : start + _SHARD])
        name = hashlib.sha256(json.dumps(shard).encode()).hexdigest()[:24]
        file = folder / f"{name}.safetensors"
        features = _read(file, load_file, len(shard))
        if features is None:
            if language is None:
                tell.before(start, len(texts), f"loading {encoder.name}", force=True)
                language = _Language(encoder)
            features = language.features(shard, lambda n, at=start: tell(at + n, len(texts), _SAID))
            folder.mkdir(parents=True, exist_ok=True)
            atomic_write(file, save({"features": features}))
        found.append(features)
    return torch.cat(found) if found else torch.zeros(0, encoder.size)


_SAID = "encoding texts"


def _read(file: Path, load: Any, count: int) -> Tensor | None:
    """A shard's features; `None` where it is not there, damaged or of another count."""
    if not file.is_file():
        return None
    try:
        features = load(file)["features"]
    except Exception:  # whatever a damaged file raises: it is made again
        return None
    return features if len(features) == count and bool(features.isfinite().all()) else None


class _Language:
    """The language model while it is needed."""

    def __init__(self, encoder: TextEncoder) -> None:
        from dataclasses import replace

        from transformers import AutoTokenizer, PhiForCausalLM

        from workbench.models.loading import explained, load_weights, quiet
        from workbench.models.placement import plan
        from workbench.models.spec import ModelSpec
        from workbench.serving.release_gpu import release_gpu

        path = encoder.path
        spec = ModelSpec(
            encoder.name,
            dtype=encoder.dtype,
            quantization=encoder.quantization,
            device=encoder.device,
            revision=encoder.revision or None,
        )
        release_gpu(spec)
        placement = plan(path, spec)
        placed = replace(spec, device=placement.words)
        with quiet():
            with explained(path):
                self._words: Any = AutoTokenizer.from_pretrained(
                    path, local_files_only=True, trust_remote_code=False
                )
            model: Any = load_weights(PhiForCausalLM, placed, path, placement.main)
        if self._words.pad_token is None:  # padding is masked: any token would do
            self._words.pad_token = self._words.eos_token
        self._model, self._encoder = model.eval().model, encoder
        self._device = next(model.parameters()).device

    def features(self, texts: Sequence[str], told: Any) -> Tensor:
        """(M, hidden) on the CPU; texts of like length are read together, which pads little."""
        from workbench.models.two_stage.text_features import mean_states

        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out: Tensor | None = None
        size = self._encoder.batch_size
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            batch = self._words(
                [texts[i] for i in rows],
                padding=True,
                truncation=True,
                max_length=self._encoder.tokens,
                return_tensors="pt",
            ).to(self._device)
            made = mean_states(self._model, batch["input_ids"], batch["attention_mask"]).cpu()
            if not bool(made.isfinite().all()):
                raise ModelError(
                    f"{self._encoder.name} gives features that are not finite",
                    hint="try text_dtype: bf16 or fp32",
                    kind="nonfinite",
                )
            out = made.new_zeros(len(texts), made.shape[1]) if out is None else out
            out[rows] = made
            told(start + len(rows))
        assert out is not None
        return out
