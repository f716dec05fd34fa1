"""The keys that a user may change: their ids, what they do, and which keys are free for them.

Guarantee: reads the bindings that the bench's own classes have, so that no list of them can grow
old. Not for the start of the bench: all of its modules are imported to be asked.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, format_key, key_to_character
from textual.screen import ModalScreen

import workbench.app
from workbench.app.key_order import spelled
from workbench.errors import UsageError

# What lies in every place: a key of theirs would hide one of the place's own.
_EVERYWHERE = ("list",)
_PLACES = ("explore", "runs", "jobs", "sessions")
_NAMED = {key.value for key in Keys} | set(KEY_NAME_REPLACEMENTS.values())
_MODIFIERS = {"ctrl", "shift", "alt", "meta", "super", "hyper"}


@dataclass(frozen=True)
class BoundKey:
    """A binding with an id.

    Attributes:
        id: As `keymap.ID` names it.
        keys: Those that it has by default, such as `("p",)`.
        does: What it does, in a word or two.
        modal: It works in a dialog, where the keys of the bench do not.
    """

    id: str
    keys: tuple[str, ...]
    does: str
    modal: bool = False

    @property
    def place(self) -> str:
        """Where it works: the part of the id before the dot."""
        return self.id.partition(".")[0]


def bound_keys() -> dict[str, BoundKey]:
    """All bindings that have an id, in the order of their places."""
    for module in pkgutil.walk_packages(workbench.app.__path__, "workbench.app."):
        importlib.import_module(module.name)
    found: dict[str, BoundKey] = {}
    for cls in _classes(DOMNode):
        for binding in cls.__dict__.get("BINDINGS", ()):
            if not isinstance(binding, Binding) or not binding.id:
                continue
            keys = tuple(spelled(binding.key))
            old = found.get(binding.id)
            if old is not None:
                keys = old.keys + tuple(key for key in keys if key not in old.keys)
            does, modal = binding.tooltip or binding.description, issubclass(cls, ModalScreen)
            found[binding.id] = old or BoundKey(binding.id, keys, does, modal)
            found[binding.id] = replace(found[binding.id], keys=keys)
    order = ("app", *_PLACES, *_EVERYWHERE)
    rank = {place: number for number, place in enumerate(order)}
    return dict(sorted(found.items(), key=lambda item: (rank.get(item[1].place, 99), item[0])))


def problems_of(keymap: Mapping[str, str], bound: Mapping[str, BoundKey]) -> list[str]:
    """Everything that is wrong with keys of one's own.

    Args:
        keymap: Id to keys, comma-separated.
        bound: What `bound_keys` gave.
    """
    return [problem for name in keymap for problem in _problems(name, keymap, bound)]


def check_binding(name: str, keys: str, keymap: Mapping[str, str]) -> None:
    """Refuse a key of one's own that could not work, or that would hide another.

    Args:
        name: The binding's id.
        keys: Comma-separated.
        keymap: The other keys of one's own.

    Raises:
        UsageError: Unknown id, no such key, or a key that something else has.
    """
    problems = list(_problems(name, {**keymap, name: keys}, bound_keys()))
    if problems:
        raise UsageError("; ".join(problems), hint="see: wb config keys", kind="bad_setting")


def _problems(name: str, keymap: Mapping[str, str], bound: Mapping[str, BoundKey]) -> Iterator[str]:
    if name not in bound:
        near = [known for known in bound if known.endswith(f".{name}")]
        near = near or difflib.get_close_matches(name, bound, n=1, cutoff=0.4)
        yield f"unknown binding keymap.{name}" + (
            f", did you mean keymap.{near[0]}?" if near else ""
        )
        return
    for key in spelled(keymap[name]):
        if not _is_key(key):
            yield f"keymap.{name}: {key!r} is no key, such as p, f2 or ctrl+o"
        elif (other := _holder(key, name, keymap, bound)) is not None:
            yield f"keymap.{name}: {format_key(key)} is taken by {other}"


def _holder(
    key: str, name: str, keymap: Mapping[str, str], bound: Mapping[str, BoundKey]
) -> str | None:
    """What has a key already where `name` works."""
    if key == App.COMMAND_PALETTE_BINDING:
        return "the palette"
    mine = bound[name]
    if key in mine.keys:
        return None
    for other in bound.values():
        if other.id == name or not _meet(mine, other):
            continue
        theirs = spelled(keymap[other.id]) if other.id in keymap else list(other.keys)
        if key in theirs:
            return f"{other.id} ({other.does})"
    return None


def _meet(one: BoundKey, other: BoundKey) -> bool:
    """Whether two bindings can be asked for by one key at one time."""
    places = {one.place, other.place}
    if len(places) == 1:
        return True
    if "app" in places:
        return not (one.modal or other.modal)
    return bool(places & set(_EVERYWHERE)) and bool(places & set(_PLACES))


def _is_key(key: str) -> bool:
    *modifiers, last = key.split("+")
    if not set(modifiers) <= _MODIFIERS or not last:
        return False
    return len(last) == 1 or last in _NAMED or key_to_character(last) is not None


def _classes(cls: type) -> Iterator[type]:
    seen: set[type] = set()
    todo = [cls]
    while todo:
        for sub in todo.pop().__subclasses__():
            if sub not in seen:
                seen.add(sub)
                todo.append(sub)
                if sub.__module__.startswith("workbench.app."):
                    yield sub
