"""What a line of `predictions.jsonl` says: the one reader of commands, bench and notebook.

Guarantee: no heavy import; whatever a line of an older or damaged file lacks
is empty, save the UID. The verdict is that of `sessions.verdict`. Not for making figures: that is
`workbench.evaluation`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sessions.uid import by_number
from sessions.verdict import ERRORS, Verdict, is_judged, is_truncated, verdict
from workbench.grounding.answered import AnsweredRegions, recorded_regions

# What a comparison of two runs reads of a line.
_COMPARED = (
    *("uid", "label", "target", "error", "correct", "references"),
    *("images", "group", "set", "grounding"),
)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One line, understood.

    Attributes:
        target: The gold label, `None` where there is none.
        label: What was read from the answer, `None` where nothing was.
        verdict: As `sessions.verdict` has it.
        judged: Whether something says what is right, of a failed sample too.
        text: The raw answer.
        error: Why it failed, empty where it did not.
        seconds: How long it took, 0 where the line does not say.
        scores: Total log-likelihood of each label, the most likely first; empty without.
        tokens: Of the answer, `None` where the line does not say.
        truncated: Whether the answer was cut off at the limit of new tokens.
        places: Boxes and points of the answer with their gold, `None` where none were asked for.
    """

    uid: str
    target: str | None = None
    label: str | None = None
    verdict: Verdict = "none"
    judged: bool = False
    text: str = ""
    error: str = ""
    seconds: float = 0.0
    scores: Mapping[str, float] = field(default_factory=dict)
    tokens: int | None = None
    truncated: bool = False
    places: AnsweredRegions | None = None

    @property
    def placed(self) -> bool:
        """Whether its label is boxes or points, which are no classes."""
        return self.places is not None

    @property
    def overlap(self) -> str:
        """`IoU 0.71`, `in the box`; empty where no place was answered or none was asked for."""
        return self.places.overlap_words if self.places is not None else ""

    @property
    def said(self) -> str:
        """Why it failed, else what the model said."""
        return self.error or self.text

    @property
    def read_as(self) -> str:
        """What the answer counts as in a list: its label, `unparsed` or `failed`."""
        if self.verdict == "failed":
            return "failed"
        return "unparsed" if self.label is None else self.label

    @property
    def is_error(self) -> bool:
        """Whether it belongs among a run's errors: wrong, unparsed or failed."""
        return self.verdict in ERRORS


def read_prediction(line: Mapping[str, Any]) -> Prediction:
    """A line, understood. Raises `KeyError` without a UID."""
    seconds, tokens = line.get("latency_s"), line.get("tokens")
    return Prediction(
        uid=str(line["uid"]),
        target=_text(line.get("target")),
        label=_text(line.get("label")),
        verdict=verdict(line),
        judged=is_judged(line),
        text=str(line.get("text") or ""),
        error=error_words(line.get("error")),
        seconds=float(seconds) if isinstance(seconds, (int, float)) else 0.0,
        scores=_scores(line.get("scores")),
        tokens=tokens if isinstance(tokens, int) else None,
        truncated=is_truncated(line),
        places=recorded_regions(line.get("grounding"), len(line.get("images") or (0,))),
    )


def read_predictions(lines: Iterable[Mapping[str, Any]]) -> Iterator[Prediction]:
    """Lines, understood; one without a UID is passed over."""
    return (read_prediction(line) for line in lines if isinstance(line.get("uid"), str))


def in_order(lines: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Lines in the order of their UIDs: that of the file depends on batches, pauses and retries."""
    return sorted(lines, key=lambda line: by_number(str(line["uid"])))


def compared_lines(path: Path, words: int) -> Iterator[dict[str, Any]]:
    """A run's lines with no more than a comparison reads: two long runs fit in memory.

    Args:
        path: `predictions.jsonl`.
        words: Characters kept of each answer.
    """
    from sessions.atomic import read_lines

    for line in read_lines(path)[0] if path.exists() else ():
        out = {name: line[name] for name in _COMPARED if name in line}
        out["text"] = str(line.get("text") or "")[:words]
        yield out


def line_of(path: Path, uid: str) -> dict[str, Any] | None:
    """The newest line of a sample, whole; `None` where there is none.

    Args:
        path: `predictions.jsonl`.
        uid: Of the sample.
    """
    from sessions.json_line import parse_line

    forms = [json.dumps(uid, ensure_ascii=plain)[1:-1].encode() for plain in (False, True)]
    found = None
    if path.exists():
        with path.open("rb") as file:
            for raw in file:
                if any(form in raw for form in forms):
                    line = parse_line(raw)
                    found = line if line is not None and line.get("uid") == uid else found
    return found


def error_words(error: object) -> str:
    """What an error of a line says, in either form that a run may hold; empty for none."""
    if not error:
        return ""
    if isinstance(error, Mapping):
        inner = error.get("error", error)
        if isinstance(inner, Mapping):
            return str(inner.get("message") or inner.get("kind") or "failed")
        return str(inner)
    return str(error)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _scores(value: object) -> dict[str, float]:
    if not isinstance(value, Mapping):
        return {}
    pairs = [(str(k), float(v)) for k, v in value.items() if isinstance(v, (int, float))]
    return dict(sorted(pairs, key=lambda pair: -pair[1]))
