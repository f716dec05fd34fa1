"""Would a model, an adapter, start? What can be told at once, without loading or asking a hub.

The one check of the bench's forms, pickers, grid and replay, of `wb run-eval --detach` and of
`wb train --detach`.
Guarantee: torch-free, cheap, touches no network. `here` means that the files are whole and of a
family that is known, not that there is memory for them; what only a hub or a server can tell is
`not checked`, never `here`.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sessions.errors import WbError
from workbench.data.hub.environment import hub_cache
from workbench.models.catalog import AdapterInfo, base_of, describe_adapter, info_of, made_here
from workbench.models.locate import (
    DEMO,
    existing_path,
    local_folder,
    own_model,
    read_config,
)
from workbench.models.names import model_name
from workbench.models.remote_model import is_remote, read_remote

if TYPE_CHECKING:
    from workbench.models.spec import ModelSpec

State = Literal["here", "noted", "not checked", "cannot"]
_TRUE = ("1", "on", "yes", "true")


@dataclass(frozen=True)
class Standing:
    """Whether something that was named would start.

    Attributes:
        state: `here`, `noted` (here, with something to know before the start), `not checked` or
            `cannot`.
        said: What was found, a sentence without a full stop.
        hint: What to do about it, may be empty.
        about: The flag that names it.
    """

    state: State
    said: str = ""
    hint: str = ""
    about: str = ""

    @property
    def words(self) -> str:
        """What was found and what to do, in a line."""
        return f"{self.said} ({self.hint})" if self.hint else self.said


def model_standing(name: str, revision: str | None = None, about: str = "--model") -> Standing:
    """Of a model, as `--model` takes it. Never raises."""
    try:
        if is_remote(name):
            there = read_remote(name)
            return Standing(
                "not checked", f"{there.name} is at {there.host}, which was not asked", about=about
            )
        path = local_folder(name, revision)
        where = "on this machine"
        if path is None:
            path, where = cached_folder(name, revision), "in the hub's cache"
        if path is None:
            return _of_hub(name, about)
        info = info_of(name, where, path)
        if info.problem:
            return Standing("cannot", info.problem, "see: wb models list", about)
        kind = f"{info.model_type}, {info.bytes / 1e6:,.0f} MB"
        return Standing("here", f"{where}, {kind}", about=about)
    except WbError as error:
        return Standing("cannot", error.message, error.hint or "", about)
    except OSError as error:
        return Standing("cannot", f"model {name!r} cannot be read: {error}", about=about)


def adapter_standing(name: str, model: str, about: str = "--adapter") -> Standing:
    """Of an adapter over a model, as `--adapter` and `--model` take them. Never raises."""
    try:
        info = describe_adapter(name)
    except WbError as error:
        return Standing("cannot", error.message, error.hint or "", about)
    except OSError as error:
        return Standing("cannot", f"adapter {name!r} cannot be read: {error}", about=about)
    fits = fit_of(info, model)
    return Standing(fits.state, fits.said, fits.hint, about)


def specs_standings(specs: Iterable[ModelSpec]) -> list[Standing]:
    """Of models and their adapters, each told once, in their order. Never raises."""
    found: list[Standing] = []
    for spec in specs:
        found.append(model_standing(spec.model, spec.revision))
        if spec.adapter:
            found.append(adapter_standing(spec.adapter, spec.model))
    return list(dict.fromkeys(found))


def fit_of(adapter: AdapterInfo, model: str) -> Standing:
    """Whether an adapter was trained over a model. Never raises.

    By the name in its config first; one that was trained over another model of the same type may
    fit, which only its load tells.
    """
    if adapter.problem:
        return Standing("cannot", adapter.problem)
    if is_remote(model):
        return Standing("cannot", "a server's model takes no adapter from here", "use its own name")
    base = base_of(adapter)
    if not base:
        return Standing("not checked", "it names no model that it was trained over")
    if base == model or _folder(base) == _folder(model):
        return Standing("here", f"trained over {model_name(base)}")
    first, second = _type_of(base), _type_of(model)
    if first and second and first != second:
        return Standing(
            "cannot",
            f"trained over {model_name(base)} ({first}), and {model_name(model)} is {second}",
            f"give --model {base}",
        )
    return Standing(
        "not checked",
        f"{_over_another(base, model)}: whether it fits is seen when it loads",
    )


def other_base(adapter: str, model: str) -> str:
    """`trained over A, not B`, where an adapter names another model than the one it is put on.

    Empty where it names this one or none, or where no adapter is there. Never raises.
    """
    try:
        base = base_of(describe_adapter(adapter)) if adapter and not is_remote(model) else ""
    except (WbError, OSError):
        return ""  # whoever loads it says what is wrong with it
    same = not base or base == model or _folder(base) == _folder(model)
    return "" if same else _over_another(base, model)


def _over_another(base: str, model: str) -> str:
    first, second = model_name(base), model_name(model)
    first, second = (base, model) if first == second else (first, second)
    return f"trained over {first}, not {second}"


def cached_folder(name: str, revision: str | None = None) -> Path | None:
    """The whole snapshot of a hub's model that the hub's cache holds; nothing is asked."""
    repo = hub_cache() / f"models--{name.replace('/', '--')}"
    wanted = revision or "main"
    try:
        ref = repo / "refs" / wanted
        commit = ref.read_text("utf-8").strip() if ref.is_file() else wanted
        path = repo / "snapshots" / commit
        return path if path.is_dir() and not info_of(name, "", path).problem else None
    except (OSError, ValueError):
        return None


def hub_is_off() -> bool:
    """Whether models may not be asked for: as `huggingface_hub` reads its environment."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return any(os.environ.get(name, "").lower() in _TRUE for name in names)


def _of_hub(name: str, about: str) -> Standing:
    known = [DEMO, *(path.name for path in made_here())]
    near = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    if hub_is_off():
        return Standing(
            "cannot",
            f"there is no model {name!r} on this machine, and the hub is not asked while offline",
            f"{meant}give a folder, or unset HF_HUB_OFFLINE to fetch it",
            about,
        )
    return Standing(
        "not checked",
        f"{name} is not on this machine: it would be fetched from the hub, which was not asked",
        meant.strip(),
        about,
    )


def _folder(name: str) -> Path | None:
    """Where a model lies, followed to its end; `None` where it does not."""
    if is_remote(name):
        return None
    try:
        own = existing_path(name) or own_model(name) or cached_folder(name)
        return (local_folder(name) if name == DEMO else own or Path("/", name)).resolve()  # type: ignore[union-attr]
    except (OSError, WbError):
        return None


def _type_of(name: str) -> str:
    path = _folder(name)
    try:
        return str(read_config(path)["model_type"]) if path else ""
    except (WbError, OSError):
        return ""
