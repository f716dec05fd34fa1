"""A figure of a run as everyone reads and writes it: a value with its interval, or why not.

Guarantee: standard library only; nothing is not zero. A figure of no samples has the value `None`
and a reason; in words it is "–", in JSON `null`. What older versions wrote is read the same way,
a zero of no samples included. Not for computing figures: see `sessions.intervals` and
`workbench.evaluation`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NONE = "–"
"""What stands where a figure is not defined."""
MAIN = (
    *("accuracy", "vqa_accuracy", "exact_match", "f1", "auroc", "bleu4", "rouge_l"),
    "recall_1",
    *("eval_accuracy", "eval_loss", "loss"),
)
"""What a run is judged by: the first that it has."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% interval.

    Attributes:
        value: The figure itself, `None` where it is not defined.
        low: Lower end, `None` where there is no interval.
        high: Upper end.
        n: Samples that it is of.
        p_value: Of a test against no difference, where it is one.
        reason: Why the value, or the interval, is missing.
        cluster: What samples are grouped by in the interval: `image`, `sentence`, `set`; empty
            where they stand alone.
        clusters: How many groups.
        definition: Which of several definitions it follows, where its name does not say.
        left_out: Labels that it leaves out, of a mean over labels.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    p_value: float | None = None
    reason: str = ""
    cluster: str = ""
    clusters: int = 0
    definition: str = ""
    left_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """`{"value", "low", "high", "n"}`, `null` where missing, and what else there is."""
        out: dict[str, Any] = {name: getattr(self, name) for name in ("value", "low", "high", "n")}
        if self.p_value is not None:
            out["p_value"] = self.p_value
        if self.cluster:
            out |= {"cluster": self.cluster, "clusters": self.clusters}
        if self.left_out:
            out["left_out"] = list(self.left_out)
        return out | {
            name: getattr(self, name) for name in ("reason", "definition") if getattr(self, name)
        }

    def words(self, digits: int = 4, sign: str = "") -> str:
        """The value, or "–"."""
        return NONE if self.value is None else f"{self.value:{sign}.{digits}f}"

    def interval(self, digits: int = 3, sign: str = "") -> str:
        """`[low, high]`, empty where there is none."""
        if self.low is None or self.high is None:
            return ""
        return f"[{self.low:{sign}.{digits}f}, {self.high:{sign}.{digits}f}]"

    @property
    def note(self) -> str:
        """What stands beside it: the clusters of its interval, what is left out, why it is not."""
        kinds = plural("cluster", self.clusters)  # a cluster may hold several pictures
        clusters = f"{self.clusters:,} {kinds} by {self.cluster}" if self.cluster else ""
        without = f"without {', '.join(self.left_out)}" if self.left_out else ""
        return ", ".join(word for word in (clusters, without, self.reason) if word)


def main_figure(figures: Mapping[str, Estimate]) -> tuple[str, Estimate] | None:
    """The figure that a run is judged by, `None` where it has none at all."""
    name = next((name for name in MAIN if name in figures), next(iter(figures), None))
    return None if name is None else (name, figures[name])


def plural(word: str, count: int) -> str:
    """`image` or `images`."""
    return word if count == 1 else f"{word}s"


def undefined(reason: str = "no samples", n: int = 0) -> Estimate:
    """A figure that there is not, and why."""
    return Estimate(None, n=n, reason=reason)


def read_estimate(entry: object) -> Estimate | None:
    """A figure from JSON: an object with a `value`, or a bare number; `None` for neither."""
    if not isinstance(entry, Mapping):
        value = _number(entry)
        return None if value is None else Estimate(value)
    if "value" not in entry:
        return None
    value, n = _number(entry["value"]), _number(entry.get("n"))
    if value is None and entry["value"] is not None:
        return None
    reason = str(entry.get("reason") or "")
    if value is None or n == 0:  # older versions wrote a zero of no samples
        return undefined(reason or "no samples", int(n or 0))
    left_out = entry.get("left_out")
    return Estimate(
        value,
        _number(entry.get("low")),
        _number(entry.get("high")),
        int(n or 0),
        _number(entry.get("p_value")),
        reason,
        str(entry.get("cluster") or ""),
        int(_number(entry.get("clusters")) or 0),
        str(entry.get("definition") or ""),
        tuple(map(str, left_out)) if isinstance(left_out, list) else (),
    )


def read_estimates(metrics: object) -> dict[str, Estimate]:
    """The figures of a `metrics.json` by name, in its order; what is no figure is left out.

    Args:
        metrics: The whole document (its `metrics` are taken), or a flat one of a training.
    """
    if not isinstance(metrics, Mapping):
        return {}
    inner = metrics.get("metrics", metrics)
    if not isinstance(inner, Mapping):
        return {}
    found = {str(name): read_estimate(entry) for name, entry in inner.items() if name != "v"}
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None
