"""What can be chosen: models, and the adapters of runs, each with a sentence; checkpoints folded.

Guarantee: torch-free, reads configs and sizes only, touches no network. For worker threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sessions.errors import WbError
from workbench.models.catalog import AdapterInfo, base_of, list_adapters, list_models
from workbench.models.names import model_name
from workbench.models.spec import ModelSpec
from workbench.models.standing import fit_of


@dataclass(frozen=True)
class Offer:
    """One thing that can be chosen.

    Attributes:
        spec: The model, and the adapter over it.
        about: A sentence about it.
        problem: Why it would not start, empty where nothing is known against it.
        under: Of a training its checkpoints, newest first.
    """

    spec: ModelSpec
    about: str
    problem: str = ""
    under: tuple[Offer, ...] = ()


def model_offers() -> list[Offer]:
    """The models at hand: the demo's, those made here, those in the hub's cache."""
    return [
        Offer(
            ModelSpec(model=model.name),
            f"{model.where} · {model.model_type} · {model.bytes / 1e6:,.0f} MB",
            model.problem,
        )
        for model in list_models()
    ]


def adapter_offers(model: str, *, own_base: bool = False) -> list[Offer]:
    """The adapters of runs, a training each, the newest first.

    Args:
        model: Whom they are to fit; whose model an adapter is offered over that names no base.
        own_base: Offer each over the base that it names, not over `model`.
    """
    return [_group(group, model, own_base) for group in _by_run(list_adapters())]


def _group(group: Sequence[AdapterInfo], model: str, own_base: bool) -> Offer:
    """The adapter that a training ended with, or its newest checkpoint; the others under it."""
    offers = [_offer(info, model, own_base) for info in group]
    main = next((n for n, info in enumerate(group) if not _is_checkpoint(info)), len(group) - 1)
    under = [offer for n, offer in enumerate(offers) if n != main]
    return replace(offers[main], under=tuple(reversed(under)))


def _offer(info: AdapterInfo, model: str, own_base: bool) -> Offer:
    base = (base_of(info) if own_base else "") or model
    fit = fit_of(info, base)
    named = base_of(info)
    about = f"{info.kind} over {model_name(named) if named else 'a base that it does not name'}"
    if info.head:
        about += f" · classes {', '.join(info.head[:4])}" + (", …" if len(info.head) > 4 else "")
    if fit.state == "not checked" and named:
        about += f" · not checked whether it fits {model_name(base)}"
    problem = info.problem or (fit.said if fit.state == "cannot" else "")
    return Offer(
        ModelSpec(model=base, adapter=info.name), f"{about} · {info.bytes / 1e6:.1f} MB", problem
    )


def _by_run(adapters: Sequence[AdapterInfo]) -> list[list[AdapterInfo]]:
    """Those of each run, oldest first; the run of the newest adapter first."""
    groups: dict[str, list[AdapterInfo]] = {}
    for info in adapters:  # oldest first
        key = _run_of(info)
        groups[key] = [*groups.pop(key, []), info]
    return list(reversed(groups.values()))


def _run_of(info: AdapterInfo) -> str:
    """The folder of the run that left an adapter."""
    from sessions.paths import runs_dir

    path = Path(info.name)
    try:
        return path.relative_to(runs_dir(create=False)).parts[0]
    except (ValueError, IndexError, WbError):
        return str(path.parent)


def _is_checkpoint(info: AdapterInfo) -> bool:
    return any(part.startswith("checkpoint-") for part in Path(info.name).parts)


def typed_adapter(spec: ModelSpec) -> str:
    """An adapter as a line says it: the id of the run that left it where that says all."""
    from sessions.paths import runs_dir

    path = Path(spec.adapter or "")
    try:
        parts = path.relative_to(runs_dir(create=False)).parts
    except (ValueError, WbError):
        return spec.adapter or ""
    return parts[0] if len(parts) == 2 and parts[1] == "adapter" else str(path)
