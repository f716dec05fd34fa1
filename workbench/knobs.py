"""One setting's type: how it is read from a file, a variable or a flag, and what it means.

Guarantee: a value that is not refused is of the setting's type. Not for looking settings up:
`workbench.config` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_YES = {"1": True, "true": True, "yes": True, "on": True}
_NO = {"0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Knob:
    """One setting.

    Attributes:
        default: `None` leaves it to the command.
        wants: What it takes, as in "wants …".
        help: What it does, one sentence.
        read: From what was written or typed; raises `ValueError("wants …, got …")`.
        choices: The words it takes, empty where others are possible.
    """

    default: Any
    wants: str
    help: str
    read: Callable[[Any], Any]
    choices: tuple[str, ...] = ()


def text(default: str | None, meaning: str) -> Knob:
    """A string that is not empty; an empty one means none where the default is none."""

    def read(raw: Any) -> str | None:
        if raw == "" and default is None:
            return None
        if not isinstance(raw, str) or not raw.strip():
            raise ValueError(f"wants a text, got {raw!r}")
        return raw

    return Knob(default, "a text", meaning, read)


def choice(default: str | None, words: tuple[str, ...], meaning: str) -> Knob:
    """One of some words."""
    wants = f"one of {', '.join(words)}"

    def read(raw: Any) -> str:
        if raw not in words:
            raise ValueError(f"wants {wants}; got {raw!r}")
        return raw

    return Knob(default, wants, meaning, read, words)


def number(default: float | None, low: float, high: float, meaning: str) -> Knob:
    """A number within bounds."""
    wants = f"a number from {low:g} to {high:g}"

    def read(raw: Any) -> float:
        value = _as(float, raw)
        if value is None or not low <= value <= high:
            raise ValueError(f"wants {wants}, got {raw!r}")
        return value

    return Knob(default, wants, meaning, read)


def whole(default: int | None, low: int, high: int, meaning: str) -> Knob:
    """A whole number within bounds."""
    wants = f"a whole number of at least {low}"

    def read(raw: Any) -> int:
        value = _as(int, raw)
        if value is None or not low <= value <= high:
            raise ValueError(f"wants {wants}, got {raw!r}")
        return value

    return Knob(default, wants, meaning, read)


def flag(default: bool | None, meaning: str) -> Knob:
    """Yes or no."""

    def read(raw: Any) -> bool:
        found = raw if isinstance(raw, bool) else (_YES | _NO).get(str(raw).lower())
        if found is None:
            raise ValueError(f"wants true or false, got {raw!r}")
        return found

    return Knob(default, "true or false", meaning, read)


def _as(kind: type, raw: Any) -> Any:
    # A float with a fraction is no whole number, and true is no 1.
    if isinstance(raw, bool) or (kind is int and isinstance(raw, float)):
        return None
    try:
        return kind(raw.replace("_", "") if isinstance(raw, str) else raw)
    except (TypeError, ValueError, OverflowError):
        return None
