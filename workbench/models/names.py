"""What a model and an adapter are called where a person reads: the one rule of every list.

`demo +shapes·09qb2j`: an adapter is called by the training that left it, by the name in its config
and the end of its run's id, wherever it is named by path, by run or by id. A checkpoint of it has
its step behind: `shapes·09qb2j@50`. An adapter that no run left is called by its folder.

Guarantee: torch-free and never raises; nothing is read but a run's small `config.json`, once.
Not for what a record keeps or a command takes: those are whole paths.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sessions.errors import WbError
from sessions.ids import short_id

if TYPE_CHECKING:
    from workbench.models.spec import ModelSpec

_RUN = re.compile(r"[0-9a-hjkmnp-tv-z]{26}")
_STEP = re.compile(r"checkpoint-(\d+)")
_MOST = 24  # characters of a training's own name
_INNER = ("adapter", "encoder")  # folders inside of a run's, named alike in all of them


def model_name(model: str) -> str:
    """`Qwen2-VL-2B-Instruct`, `qwen@lab:8000`: without folders or organisation."""
    from workbench.models.remote_model import is_remote

    if is_remote(model):
        place, _, name = model.partition("#")
        return f"{name.split('/')[-1]}@{place.split('//')[-1].split('/')[0]}"
    return model.rstrip("/").rsplit("/", 1)[-1]


def adapter_name(adapter: str) -> str:
    """What an adapter is called, without a sign before it; empty for none."""
    parts = [part for part in adapter.split("/") if part]
    if not parts:
        return ""
    found = next((n for n in range(len(parts) - 1, -1, -1) if _RUN.fullmatch(parts[n])), None)
    step = next((f"@{m[1]}" for part in reversed(parts) if (m := _STEP.fullmatch(part))), "")
    if found is not None:
        ident = parts[found]
        folder = adapter.split(ident)[0] + ident if len(parts) > 1 else ""
        return trained_name(_given_name(ident, folder), ident) + step
    inner = [part for part in parts if part not in _INNER and not _STEP.fullmatch(part)]
    return (inner or parts)[-1] + step


def trained_name(name: str, run: str) -> str:
    """What is called that a training left.

    Args:
        name: Its config's own; may be empty.
        run: The run's id.
    """
    cut = name if len(name) <= _MOST else name[: _MOST - 1] + "…"
    return f"{cut}·{short_id(run)}" if cut else short_id(run)


def spec_name(spec: ModelSpec) -> str:
    """`demo 4bit +shapes·09qb2j`: a model as it is asked, what differs from the usual with it."""
    from workbench.models.spec import flag_of

    parts = [model_name(spec.model)]
    if spec.quantization != "none":
        parts.append(spec.quantization)
    knobs = dict(spec.extra_options)
    if spec.quantize_parts in (None, "language"):
        knobs.pop("quantize_parts", None)
    else:
        knobs["quantize_parts"] = spec.quantize_parts
    parts += [f"{flag_of(name)[2:]} {value}" for name, value in knobs.items()]
    return " ".join([*parts, *([f"+{adapter_name(spec.adapter)}"] if spec.adapter else [])])


def short_names(model: str, adapter: str) -> str:
    """`demo +shapes·09qb2j`: a model and its adapter, as a record names them."""
    name = adapter_name(adapter)
    return f"{model_name(model) or '–'} +{name}" if name else model_name(model) or "–"


def _given_name(ident: str, folder: str) -> str:
    """The `name` of the config that a run trained by; empty where it cannot be told."""
    from sessions.paths import runs_dir

    try:
        return _name_in(Path(folder) if folder else runs_dir(create=False) / ident)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, WbError):
        return ""  # not kept: the run may be there the next time


@lru_cache(maxsize=512)
def _name_in(folder: Path) -> str:
    from sessions.atomic import read_json

    name = (read_json(folder / "config.json") or {})["config"].get("name")
    return name if isinstance(name, str) else ""
