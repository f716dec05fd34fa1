"""Every decoding knob in one frozen, validated object; imports nothing heavy.

The words are those of the flags that a user types; an unknown or contradictory knob is refused,
never ignored. What each may be stands in `workbench.knobs.RANGES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from workbench.errors import UsageError
from workbench.knobs import LONGEST_LABEL, LONGEST_STOP, MOST_LABELS, MOST_STOPS, RANGES


def check_labels(labels: Any) -> tuple[str, ...]:
    """Words whose likelihood is asked for. Raises `UsageError` where they are none, or too many."""
    words = isinstance(labels, (list, tuple)) and all(isinstance(word, str) for word in labels)
    if not words or len(labels) > MOST_LABELS or any(len(w) > LONGEST_LABEL for w in labels):
        raise UsageError(
            f"labels wants at most {MOST_LABELS} words of at most {LONGEST_LABEL} characters",
            kind="bad_knob",
        )
    return tuple(labels)


@dataclass(frozen=True)
class Decoding:
    """How an answer is drawn from a model.

    Attributes:
        temperature: 0 is greedy; above 0 samples.
        top_p: Nucleus mass in (0, 1]; 1 switches it off.
        top_k: Keep the k most probable; 0 switches it off.
        min_p: Keep tokens of at least this share of the best one's probability; 0 is off.
        repetition_penalty: 1 is off (Keskar et al. 2019, as in `transformers`).
        num_beams: 1 is off; beams cannot be streamed token by token nor sampled.
        max_new_tokens: At least 1.
        stop: The answer ends before the first of these strings.
        seed: Same seed, prompt and model: same answer.
        top_logprobs: How many alternatives of each token to report (0 to 20).
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    num_beams: int = 1
    max_new_tokens: int = 64
    stop: tuple[str, ...] = ()
    seed: int = 0
    top_logprobs: int = 5

    def __post_init__(self) -> None:
        # Types first: what is no number cannot be compared.
        problems = self._misfits() or [text for bad, text in self._checks() if bad]
        if problems:
            raise UsageError("; ".join(problems), kind="bad_knob", hint="see: wb prompt --help")

    def _flag(self, name: str, wants: str) -> str:
        return f"--{name.replace('_', '-')} wants {wants}, got {repr(getattr(self, name))[:80]}"

    def _misfits(self) -> list[str]:
        """Knobs out of their range or of the wrong type: they would fail others in a batch."""
        found = [
            self._flag(f.name, RANGES[f.name].wants)
            for f in fields(self)
            if f.name in RANGES and not RANGES[f.name].holds(getattr(self, f.name))
        ]
        if not isinstance(self.stop, tuple) or not all(isinstance(s, str) for s in self.stop):
            found.append(self._flag("stop", "strings"))
        return found

    def _checks(self) -> list[tuple[bool, str]]:
        return [
            (
                self.num_beams > 1 and self.temperature > 0,
                f"--num-beams {self.num_beams} searches and --temperature {self.temperature} "
                "samples: choose one",
            ),
            (any(not s for s in self.stop), "--stop wants strings that are not empty"),
            (
                len(self.stop) > MOST_STOPS,
                f"--stop wants at most {MOST_STOPS} strings, got {len(self.stop)}",
            ),
            (
                any(len(s) > LONGEST_STOP for s in self.stop),
                f"--stop wants strings of at most {LONGEST_STOP} characters",
            ),
        ]

    @property
    def idle(self) -> dict[str, str]:
        """Knobs that were turned and do nothing, and words for each: greedy decoding draws not."""
        if self.temperature > 0:
            return {}
        turned = {
            name: f"--{name.replace('_', '-')} {getattr(self, name):g}"
            for name in ("top_p", "top_k", "min_p")
            if getattr(self, name) != getattr(type(self), name)
        }
        return {name: f"{flag} does nothing at temperature 0" for name, flag in turned.items()}

    def to_json(self) -> dict[str, Any]:
        """A plain dict, `stop` as a list."""
        return asdict(self) | {"stop": list(self.stop)}

    @classmethod
    def from_json(cls, knobs: Mapping[str, Any]) -> Decoding:
        """The reverse of `to_json`. Raises `UsageError` naming every unknown knob."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(knobs) - known)
        if unknown:
            raise UsageError(
                f"unknown decoding settings: {', '.join(unknown)}",
                hint=f"the settings are {', '.join(sorted(known))}",
                kind="bad_knob",
            )
        kwargs = dict(knobs)
        if "stop" in kwargs:
            stop = kwargs["stop"] or ()
            listed = isinstance(stop, (list, tuple))
            kwargs["stop"] = tuple(stop) if listed else (stop,)
        return cls(**kwargs)
