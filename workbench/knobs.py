"""One setting's type: how it is read from a file, a variable or a flag, and what it means.

Guarantee: a value that is not refused is of the setting's type. `RANGES` is the one place that says
what each knob of a request may be, for commands, bench, notebook, settings and server alike. Not
for looking settings up: `workbench.config` does.
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


@dataclass(frozen=True)
class Range:
    """The numbers that a knob takes.

    Attributes:
        low: The least, which it takes unless `above`.
        high: The most, which it takes unless `below`.
        whole: Whole numbers alone.
        zero: 0 is taken too, though `low` is more.
    """

    low: float
    high: float
    whole: bool = False
    above: bool = False
    below: bool = False
    zero: bool = False

    @property
    def wants(self) -> str:
        """As in "wants …"."""
        number = "a whole number" if self.whole else "a number"
        low, high = (_shown(value) for value in (self.low, self.high))
        start = f"above {low}, " if self.above else f"from {low} to "
        end = f"below {high}" if self.below else f"at most {high}" if self.above else high
        return f"{number} {start}{end}" + (", or 0" if self.zero else "")

    def holds(self, value: Any) -> bool:
        """Whether a value is one of them: of the right type, finite and within."""
        kinds = (int,) if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            return False
        if self.zero and value == 0:
            return True
        over = value > self.low if self.above else value >= self.low
        return over and (value < self.high if self.below else value <= self.high)


RANGES: dict[str, Range] = {
    # Below a ten-thousandth scores divided by it are infinite in half of the formats.
    "temperature": Range(0.0001, 100, zero=True),
    "top_p": Range(0, 1, above=True),
    "top_k": Range(0, 10_000_000, whole=True),
    "min_p": Range(0, 1, below=True),
    "repetition_penalty": Range(0.01, 100),
    "num_beams": Range(1, 64, whole=True),  # each has a KV cache of its own
    "max_new_tokens": Range(1, 1_000_000, whole=True),
    "seed": Range(0, 2**63 - 1, whole=True),
    "top_logprobs": Range(0, 20, whole=True),
    "n": Range(1, 16, whole=True),
    # Of heatmaps.
    "steps": Range(1, 1000, whole=True),
    "smooth": Range(0, 1000, whole=True),
    "noise": Range(0, 10),
    "batch_size": Range(1, 1024, whole=True),
    "window": Range(1, 100_000, whole=True),
    "stride": Range(1, 100_000, whole=True),
}
MOST_STOPS, LONGEST_STOP = 16, 500  # each is looked for after each token
MOST_LABELS, LONGEST_LABEL = 256, 500


def _shown(value: float) -> str:
    return "2^63 - 1" if value == 2**63 - 1 else f"{value:,}" if value >= 10_000 else f"{value:g}"


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
