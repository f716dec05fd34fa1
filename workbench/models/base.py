"""Load a model once and hold it: `load_model` and `LoadedModel`.

Guarantee: a folder is loaded whole or not at all (missing weights, keys that do not fit an adapter
and pickles are refused by name), no code from it is run, and swapping adapters never reloads the
base. Not for generating: `workbench.inference.generate` does that for every family alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from workbench.errors import ModelError
from workbench.models.identity import OnRead, model_identity, stamp
from workbench.models.locate import find_adapter, find_model, read_config
from workbench.models.spec import ModelSpec

if TYPE_CHECKING:
    from workbench.models.adapters.kept import Adapters
    from workbench.models.families.decoder import DecoderFamily
    from workbench.models.head import Head
    from workbench.models.load_progress import LoadProgress

Progress = Callable[[str, float], None]


@dataclass
class LoadedModel:
    """A model in memory with all that belongs to it.

    Attributes:
        spec: What was asked for; its adapter follows `set_adapter`.
        path: The model's folder.
        base: The model without an adapter's wrapper (an active adapter lives inside it).
        identity: Hash of weights, processor, adapter, quantisation and dtype.
        context_length: Most tokens in a sequence, `None` where the config does not say.
        load_s: Seconds that loading took.
        max_batch_tokens: Rows times columns of the largest batch that is still tried, once one
            ran out of memory.
        own_head: The classification head that lies in the model's own folder, or that trains.
        image_token_counts: How many tokens a picture of (width, height) takes, where it was asked.
    """

    spec: ModelSpec
    path: Path
    family: DecoderFamily
    base: Any
    processor: Any
    device: torch.device
    context_length: int | None
    identity: str = ""
    load_s: float = 0.0
    max_batch_tokens: int | None = None
    own_head: Head | None = None
    image_token_counts: dict[tuple[int, int], int] = field(default_factory=dict, repr=False)
    _stamp: tuple = field(default=(), repr=False)
    _pieces: dict[int, str] = field(default_factory=dict, repr=False)

    @cached_property
    def adapters(self) -> Adapters:
        """The adapters that are kept over the base."""
        from workbench.models.adapters.kept import Adapters

        return Adapters(self.base, self.device)

    @property
    def model(self) -> Any:
        """What to call: the base, or the active adapter's wrapper around it."""
        active = self.adapters.active
        return self.base if active is None else active.model

    @property
    def head(self) -> Head | None:
        """The classification head of the active adapter; without one the model's own.

        A head goes with the weights that it was trained over: an adapter without a head has none.
        """
        active = self.adapters.active
        return self.own_head if active is None else active.head

    @property
    def virtual_tokens(self) -> int:
        """How many an adapter puts before every prompt."""
        active = self.adapters.active
        return active.virtual_tokens if active is not None else 0

    @cached_property
    def tokenizer(self) -> Any:
        """The processor's tokenizer."""
        return getattr(self.processor, "tokenizer", self.processor)

    @cached_property
    def end_ids(self) -> tuple[int, ...]:
        """Tokens that end a turn."""
        ids = getattr(self.base.generation_config, "eos_token_id", None)
        ids = [ids] if isinstance(ids, int) else list(ids or ())
        if self.tokenizer.eos_token_id is not None:
            ids.append(self.tokenizer.eos_token_id)
        return tuple(dict.fromkeys(ids))

    @cached_property
    def pad_id(self) -> int:
        """What fills the left of a row; masked, so any id would do."""
        pad = self.tokenizer.pad_token_id
        return pad if pad is not None else (self.end_ids[0] if self.end_ids else 0)

    @property
    def dtype(self) -> str:
        """`float32`, `bfloat16`, ..."""
        return str(self.base.dtype).removeprefix("torch.")

    def piece(self, token_id: int) -> str:
        """One token's text, a leading space kept, special tokens spelled out."""
        if token_id not in self._pieces:
            text = self.tokenizer.decode([token_id], skip_special_tokens=False)
            raw = self.tokenizer.convert_ids_to_tokens(token_id)
            if isinstance(raw, str) and raw.startswith("\u2581") and not text.startswith(" "):
                text = " " + text  # SentencePiece drops the space of a lone first token
            self._pieces[token_id] = text
        return self._pieces[token_id]

    def set_adapter(self, adapter: str | None) -> None:
        """Put another adapter over the base, or none; the base stays in memory as it is.

        Args:
            adapter: A folder, a run's id, or a name given to `keep_adapter`.

        Raises:
            ModelError: It does not fit, is a pickle, or is no adapter; the one before stays.
        """
        if adapter == self.spec.adapter and not self.stale:
            return
        path = self._adapter_folder(adapter) if adapter else None
        self.adapters.use(path)
        self.spec = replace(self.spec, adapter=adapter)
        self._identify(path)

    def keep_adapter(self, adapter: str, name: str = "") -> None:
        """Read an adapter into memory, so that it is at hand when it is asked for.

        Args:
            adapter: A folder or a run's id.
            name: What it can be asked for by as well.

        Raises:
            ModelError: As `set_adapter`; nothing changes then.
        """
        self.adapters.keep(find_adapter(adapter), name)

    def _adapter_folder(self, adapter: str) -> Path:
        return self.adapters.names.get(adapter) or find_adapter(adapter)

    def _identify(self, adapter: Path | None, on_read: OnRead | None = None) -> None:
        self.identity = model_identity(
            self.path, adapter, self.spec.quantization, self.dtype, self.spec.extra_options, on_read
        )

    @property
    def stale(self) -> bool:
        """Whether a file on disk is another one than was loaded: trained anew, say."""
        active = self.adapters.active
        return self.base_stale or (active is not None and stamp(active.path) != active.stamp)

    @property
    def base_stale(self) -> bool:
        """Whether the base must be read anew: one of its files is another, or its weights are.

        Adapters are read anew alone.
        """
        return self.adapters.base_changed or stamp(self.path) != self._stamp

    @property
    def devices(self) -> tuple[torch.device, ...]:
        """Those that hold it; prompts go in at `device`."""
        from workbench.models.placement import devices_of

        return devices_of(self.base, self.device)

    def memory_bytes(self) -> int:
        """Bytes of parameters and buffers, and of the adapters that are kept."""
        active = self.adapters.active
        tensors = [*self.base.parameters(), *self.base.buffers()]
        held = sum(t.numel() * t.element_size() for t in tensors)
        # Layers that an adapter put into the base were counted with it.
        inside = active.memory_bytes if active is not None and active.swaps else 0
        own = self.own_head.parameters() if self.own_head is not None else ()
        held += sum(t.numel() * t.element_size() for t in own)
        return held - inside + self.adapters.memory_bytes()


def load_model(
    spec: ModelSpec,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> LoadedModel:
    """Find, check and load a model, with its adapter where one is asked for.

    Args:
        spec: What to load.
        on_progress: Called with what is being done (`find`, `memory …`, `weights …`, `hash …`,
            `adapter`, `ready`; bytes beside it where any are read) and the share done, 0 to 1.
        cancelled: Asked before every tensor and every few megabytes.

    Raises:
        UnknownName: No such model or adapter.
        ModelError: It cannot be loaded; the message names the file, the keys or the reason.
        Cancelled: `cancelled` said so; nothing is kept in memory.
    """
    from workbench.models.load_progress import LoadProgress

    started = time.perf_counter()
    report = LoadProgress(on_progress, cancelled)
    report("find", 0.0)
    path, family = check_spec(spec)
    loaded = _load_base(spec, path, family, report)
    loaded._identify(None, report.hashing)
    _refuse_nonfinite(loaded)
    if spec.adapter:
        report("adapter", 0.97)
        loaded.set_adapter(spec.adapter)
    loaded.load_s = time.perf_counter() - started
    report("ready", 1.0)
    return loaded


def check_spec(spec: ModelSpec) -> tuple[Path, DecoderFamily]:
    """Where a model lies and what serves it; all that can be refused before memory is looked at.

    Raises:
        UnknownName: No such model or adapter.
        ModelError: It is none, no device of that name, or knobs and kernels that it cannot have.
    """
    from workbench.models.families.registry import family_for
    from workbench.models.loading import check_attention
    from workbench.models.placement import candidates

    path = find_model(spec.model, spec.revision)
    if spec.adapter:
        find_adapter(spec.adapter)  # a wrong name is told before the long load, not after
    family = family_for(read_config(path))
    _refuse_knobs(spec, family)
    check_attention(spec, candidates(spec.device)[0])
    return path, family


def _load_base(
    spec: ModelSpec, path: Path, family: DecoderFamily, report: LoadProgress
) -> LoadedModel:
    from workbench.models.head import read_head
    from workbench.models.loading import context_length, quiet
    from workbench.models.placement import input_device, plan

    placement = plan(path, spec)
    report.memory(placement.needed, placement.devices)
    before = stamp(path)  # what changes while it is read is seen by the next request
    with quiet(), report.reading(path):
        placed = replace(spec, device=placement.words)
        model, processor = family.load(placed, path, placement.main)
    if not hasattr(model, "generation_config"):
        raise ModelError(f"{type(model).__name__} in {path} does not generate text")
    loaded = LoadedModel(
        spec=spec.base,
        path=path,
        family=family,
        base=model.eval(),
        processor=processor,
        device=input_device(model, placement.main),
        context_length=context_length(model.config),
    )
    loaded._stamp = before
    loaded.own_head = read_head(path, loaded.base, loaded.device)
    _ = loaded.adapters  # which notes what the weights are, before anything is laid over them
    return loaded


def _refuse_nonfinite(loaded: LoadedModel) -> None:
    """Refuse weights that are not numbers; what passed once is remembered by its identity."""
    from workbench.models.finite import Remembered, refuse_nonfinite

    remembered = Remembered()
    if loaded.identity in remembered:
        return
    refuse_nonfinite(
        f"the model {loaded.path} ({loaded.dtype})",
        loaded.base.named_parameters(),
        "take another checkpoint; --dtype fp16 holds no large values: try bf16 or fp32",
    )
    remembered.add(loaded.identity)


def _refuse_knobs(spec: ModelSpec, family: DecoderFamily) -> None:
    why = family.limits.get("quantized vision")
    if why and spec.quantize_parts == "vision":
        raise ModelError(
            f"--quantize-parts vision means nothing to {family.name}: {why}",
            hint="leave it out: the language model is quantised",
            kind="unsupported",
        )
    why = family.limits.get("image pixels")
    if why and (spec.image_min_pixels is not None or spec.image_max_pixels is not None):
        raise ModelError(
            f"--min-pixels and --max-pixels mean nothing to {family.name}: {why}",
            hint="leave them out; to see more of an image, crop it",
            kind="unsupported",
        )
