"""One adapter, from its folder to layers over a base: fitting key for key, or refused.

Guarantee: every weight of the adapter's file has its place and its shape and every place its
weight, or the adapter is refused with the list and the base is as it was. The base's own weights
are not written: where an adapter brings some of them (`bias`, embeddings), or PEFT works others out
(`pissa`, `olora`: what is left of the base once the adapter's start is taken off), they are laid
over it and taken off again. Not for choosing which adapter is on: `workbench.models.adapters.kept`.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from workbench.models.adapters.bottleneck_config import KIND, BottleneckConfig, read_bottleneck
from workbench.models.adapters.config import read_config, refuse_over, rewrites
from workbench.models.finite import refuse_nonfinite
from workbench.models.fitting import refuse_misfit
from workbench.models.head import Head, read_head
from workbench.models.head_config import is_head_alone
from workbench.models.identity import stamp
from workbench.models.loading import explained

HEAD_ALONE = "HEAD"  # the kind of what holds a classification head and changes no layer
# Kinds that stand before the prompt, as vectors: see `workbench.models.adapters.virtual_tokens`.
VIRTUAL = ("PREFIX_TUNING", "PROMPT_TUNING")
NAME = "wb"  # must not occur in PEFT's own prefixes (`lora_`, ...)
# What PEFT leaves on the base; a base without an adapter has none of it.
_MARKS = ("peft_config", "_hf_peft_config_loaded")
_PREFIX = "base_model.model."


Overlay = tuple[torch.nn.Parameter, torch.Tensor]


@dataclass
class Swap:
    """A child of one of the base's modules that an adapter took the place of.

    Attributes:
        parent: The module that holds it.
        child: Its name there.
        original: What was there, `None` where nothing was.
        injected: What the adapter put there.
    """

    parent: Any
    child: str
    original: Any
    injected: Any


@dataclass
class LoadedAdapter:
    """An adapter in memory; `on` and `off` put it over the base and take it off, exactly.

    Attributes:
        path: Its folder.
        kind: PEFT's name of it: `LORA`, `IA3`, ...; `BOTTLENECK`.
        model: What to call while it is on.
        stamp: Of its files when they were read.
        memory_bytes: Of its own weights.
        head: The classification head that was trained with it, or that it is alone.
        before_off: What has to be undone first: a merge.
    """

    path: Path
    kind: str
    model: Any
    base: Any
    stamp: tuple = ()
    memory_bytes: int = 0
    head: Head | None = None
    swaps: list[Swap] = field(default_factory=list, repr=False)
    overlays: list[Overlay] = field(default_factory=list, repr=False)
    marks: dict[str, Any] = field(default_factory=dict, repr=False)
    before_off: Callable[[], None] | None = field(default=None, repr=False)
    _laid: bool = field(default=False, repr=False)

    @property
    def virtual_tokens(self) -> int:
        """How many it puts before every prompt."""
        return self.model.count if self.kind in VIRTUAL else 0

    def on(self) -> None:
        """Put it over a base that carries none."""
        for swap in self.swaps:
            swap.parent._modules[swap.child] = swap.injected
        self.lay(True)
        vars(self.base).update(self.marks)

    def off(self) -> None:
        """Take it off: every module and weight of the base is the very one that was there."""
        if self.before_off is not None:
            self.before_off()
        for swap in reversed(self.swaps):
            if swap.original is None:
                swap.parent._modules.pop(swap.child, None)
            else:
                swap.parent._modules[swap.child] = swap.original
        self.lay(False)
        for name in _MARKS:
            vars(self.base).pop(name, None)

    def lay(self, on: bool) -> None:
        """Lay the weights that it brings over the base's own, or take them off."""
        if on == self._laid:
            return
        for index, (parameter, data) in enumerate(self.overlays):
            self.overlays[index] = (parameter, parameter.data)
            parameter.data = data
        self._laid = on

    def underneath(self) -> dict[int, torch.Tensor]:
        """The base's own weights that others lie over now, by the id of their parameter."""
        return {id(parameter): data for parameter, data in self.overlays} if self._laid else {}

    def weigh(self, others: set[int]) -> None:
        """Count its own weights, given the ids of the base's."""
        modules = [swap.injected for swap in self.swaps] or [self.model]
        modules += [self.head] if self.head is not None else []
        own = {id(t): t for m in modules for t in (*m.parameters(), *m.buffers())}
        tensors = [t for key, t in own.items() if key not in others]
        tensors += [data for _, data in self.overlays]
        self.memory_bytes = sum(t.numel() * t.element_size() for t in tensors)


def load_adapter(base: Any, path: Path, device: torch.device) -> LoadedAdapter:
    """Read the adapter in `path`; it is on when this returns.

    Args:
        base: The model, without an adapter on it.
        path: A folder that `find_adapter` checked.
        device: Where the file is read to; layers lie where those under them do.

    Raises:
        ModelError: A kind that is not supported, no fitting modules, keys or shapes that do not
            fit. The base is then as it was.
    """
    head = read_head(path, base, device)
    if head is not None and is_head_alone(path):
        alone = LoadedAdapter(path, HEAD_ALONE, base, base, stamp(path), head=head)
        alone.weigh({id(weight) for weight in (*base.parameters(), *base.buffers())})
        return alone
    if (bottleneck := read_bottleneck(path)) is not None:
        return _load_bottleneck(base, path, bottleneck, head)
    config = read_config(path, base)
    refuse_over(path, config, bool(getattr(base, "is_quantized", False)))
    if config.is_prompt_learning:
        return _load_virtual(base, path, config, device, head)
    children = _children(base)
    weights = dict(base.named_parameters())
    kind = str(config.peft_type.value)
    adapter = LoadedAdapter(path, kind, None, base, stamp(path), head=head)
    try:
        with explained(path), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it would warn of is checked below, and refused
            adapter.model = _inject(base, path, config, device, weights, adapter)
    except Exception:
        _note(adapter, children)
        adapter.off()
        thaw(base)
        raise
    _note(adapter, children)
    adapter.weigh({id(weight) for weight in weights.values()})
    thaw(base)
    adapter.model.eval()
    return adapter


def _load_bottleneck(
    base: Any, path: Path, config: BottleneckConfig, head: Head | None
) -> LoadedAdapter:
    from workbench.models.adapters.bottleneck import read_onto

    ids = {id(weight) for weight in base.parameters()}
    children = _children(base)
    adapter = LoadedAdapter(path, KIND, base, base, stamp(path), head=head)
    read_onto(base, path, config)
    _note(adapter, children)
    adapter.weigh(ids)
    return adapter


def _children(base: Any) -> list[tuple[Any, dict[str, Any]]]:
    """Every module of the base with its children, to see by what an adapter put in."""
    return [(module, dict(module._modules)) for module in base.modules()]


def _note(adapter: LoadedAdapter, before: list[tuple[Any, dict[str, Any]]]) -> None:
    for parent, children in before:
        for name, now in parent._modules.items():
            if now is not children.get(name):
                adapter.swaps.append(Swap(parent, name, children.get(name), now))
    adapter.marks = {n: vars(adapter.base)[n] for n in _MARKS if n in vars(adapter.base)}


def _inject(
    base: Any,
    path: Path,
    config: Any,
    device: torch.device,
    weights: Mapping[str, torch.nn.Parameter],
    adapter: LoadedAdapter,
) -> Any:
    from peft import PeftModel
    from peft.utils.save_and_load import load_peft_weights, set_peft_model_state_dict

    renamed = getattr(base, "_checkpoint_conversion_mapping", None) or {}
    tensors = load_peft_weights(str(path), device=str(device), key_mapping=renamed)
    refuse_nonfinite(f"the adapter {path}", tensors.items(), "train it again, at a lower rate")
    with _own_weights_kept(base, config, adapter):
        wrapper = PeftModel(base, config, adapter_name=NAME)
    own = _own_keys(wrapper)
    brought = {k: weights.get(_base_name(k)) for k in sorted(set(tensors) - own.wrapped)}
    for key, weight in brought.items():
        if weight is not None and weight.shape == tensors[key].shape:
            data = tensors.pop(key).to(weight)
            adapter.overlays = [(p, d) for p, d in adapter.overlays if p is not weight]
            if not torch.equal(data, weight.data):
                adapter.overlays.append((weight, data))
            own.shapes.pop(key, None)
    _refuse(path, own.shapes, _converted(wrapper, config, tensors, own.shapes))
    result = set_peft_model_state_dict(wrapper, dict(tensors), adapter_name=NAME)
    _refuse_rest(path, config, result)
    adapter.lay(True)
    wrapper.set_adapter(NAME)
    return wrapper


@contextlib.contextmanager
def _own_weights_kept(base: Any, config: Any, adapter: LoadedAdapter) -> Iterator[None]:
    """Let PEFT change weights of the base inside; afterwards the change is an overlay, not laid.

    What PEFT may write into where it stands is a copy: as much memory again as the weights that
    an initialisation changes, which are kept beside the base as long as the adapter is.
    """
    kept = [(parameter, parameter.data) for parameter in base.parameters()]
    for parameter in _rewritten(base, config):
        parameter.data = parameter.data.clone()
    try:
        yield
    finally:
        for parameter, data in kept:
            now = parameter.data
            if now.data_ptr() != data.data_ptr() or now.dtype != data.dtype:
                parameter.data = data
                if now.shape != data.shape or not torch.equal(now, data):
                    adapter.overlays.append((parameter, now))


def _rewritten(base: Any, config: Any) -> list[torch.nn.Parameter]:
    """The parameters that PEFT may write into; all where it is PEFT that picks the modules."""
    from peft.tuners.tuners_utils import check_target_module_exists

    if not rewrites(config):
        return []
    wanted = config.target_modules
    picked = not wanted or wanted == "all-linear"
    modules = [
        m for n, m in base.named_modules() if picked or check_target_module_exists(config, n)
    ]
    found = {id(p): p for module in modules for p in module.parameters(recurse=False)}
    return list(found.values())


@dataclass(frozen=True)
class _Own:
    """What a wrapper saves: shapes by key, and the keys of modules that it holds a copy of."""

    shapes: dict[str, tuple[int, ...]]
    wrapped: frozenset[str]


def _base_name(key: str) -> str:
    """What the base calls a weight of its own that an adapter's file brings."""
    return key.removeprefix(_PREFIX).replace(".base_layer.", ".")


def _own_keys(wrapper: Any) -> _Own:
    from peft.utils.other import AuxiliaryTrainingWrapper
    from peft.utils.save_and_load import get_peft_model_state_dict

    state = get_peft_model_state_dict(wrapper, adapter_name=NAME, save_embedding_layers=False)
    copies = [n for n, m in wrapper.named_modules() if isinstance(m, AuxiliaryTrainingWrapper)]
    wrapped = frozenset(k for k in state if any(k.startswith(f"{name}.") for name in copies))
    return _Own({key: tuple(value.shape) for key, value in state.items()}, wrapped)


def _converted(
    wrapper: Any, config: Any, tensors: dict[str, Any], expected: Mapping[str, Any]
) -> dict[str, Any]:
    """The file's tensors under the names that this version of transformers gives its modules."""
    if set(tensors) == set(expected):
        return tensors
    try:
        from peft.utils.transformers_weight_conversion import (
            convert_peft_adapter_state_dict_for_transformers as convert,
        )

        renamed = convert(
            model=wrapper,
            peft_config=config,
            adapter_state_dict=dict(tensors),
            adapter_name=NAME,
        )
    except Exception:  # whatever it stumbles over is told as the misfit that it is
        return tensors
    return renamed if set(renamed) == set(expected) else tensors


def _refuse(path: Path, expected: Mapping[str, tuple], tensors: Mapping[str, Any]) -> None:
    shapes = {
        key: (tuple(tensors[key].shape), shape)
        for key, shape in expected.items()
        if key in tensors and tuple(tensors[key].shape) != shape
    }
    refuse_misfit(
        f"the adapter {path}",
        missing=set(expected) - set(tensors),
        unexpected=set(tensors) - set(expected),
        shapes=shapes,
        hint="is it from another base model? see base_model_name_or_path in its "
        "adapter_config.json",
        kind="adapter_misfit",
    )


def _refuse_rest(path: Path, config: Any, result: Any) -> None:
    """What PEFT itself found amiss, after its own renaming."""
    from peft.mapping import PEFT_TYPE_TO_PREFIX_MAPPING

    prefix = PEFT_TYPE_TO_PREFIX_MAPPING.get(config.peft_type, "")
    missing = [k for k in result.missing_keys if prefix and prefix in k and f".{NAME}" in k]
    _refuse(path, dict.fromkeys(missing, ()), dict.fromkeys(result.unexpected_keys))


def _load_virtual(
    base: Any, path: Path, config: Any, device: torch.device, head: Head | None
) -> LoadedAdapter:
    from workbench.models.adapters.read_virtual import read_virtual

    model = read_virtual(base, path, config, device)
    adapter = LoadedAdapter(path, model.kind, model, base, stamp(path), head=head)
    adapter.weigh(set())
    return adapter


def thaw(base: Any) -> None:
    """Let gradients flow again: PEFT freezes the base, and heatmaps want them."""
    for parameter in base.parameters():
        if parameter.is_floating_point():
            parameter.requires_grad_(True)
