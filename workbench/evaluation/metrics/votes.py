"""Several answers to one sample: the majority's is its answer, the others stand beside it.

Self-consistency (Wang et al. 2022): the label that most answers say; an unparsed answer votes only
where all are; of labels with equal votes the one said first. `pass_at` is the unbiased estimator
of Chen et al. 2021 (Codex): the chance that of k answers drawn from n at least one is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import comb
from typing import Any

from sessions.clusters import clusters_of
from sessions.compare import proportion
from sessions.estimate import Estimate
from workbench.evaluation.metrics.vqa_text import normalize_answer
from workbench.evaluation.statistics import mean

Line = Mapping[str, Any]


def voted(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One line of the lines of one sample, each of another seed; a failed one has no vote."""
    told = [line for line in lines if not line.get("error")]
    if not told:
        return dict(lines[0])
    votes = Counter(key for line in told if (key := _key(line)) is not None)
    best = max(votes.values(), default=0)
    chosen = next((line for line in told if votes.get(_key(line) or "") == best), told[0])
    return {
        **chosen,
        "tokens": sum(line["tokens"] for line in told),
        "latency_s": round(sum(line["latency_s"] for line in told), 4),
        "share_s": round(sum(line["share_s"] for line in told), 5),
        "samples": [_said(line) for line in lines],
    }


def _key(line: Line) -> str | None:
    """What counts as the same answer: open ones by their normalised text."""
    label = line.get("label")
    return None if label is None else normalize_answer(str(label))


def _said(line: Line) -> dict[str, Any]:
    names = ("text", "label", "correct", "finish_reason", "error")
    return {name: line[name] for name in names if line.get(name) is not None or name == "label"}


def pass_at(k: int, n: int, right: int) -> float:
    """The chance that of k answers drawn from n, `right` of them right, one at least is."""
    return 1.0 - comb(n - right, k) / comb(n, k)


def vote_figures(lines: Sequence[Line]) -> dict[str, Estimate]:
    """Of runs with several answers to each sample; `{}` of others.

    `expected_accuracy`: the share of right answers, which is the accuracy to be expected of one.
    `pass_at_K` for K = 2, 4, … and all. `self_agreement`: the share of answers that say what the
    majority says. A sample that failed counts as wrong throughout, as in `accuracy`.
    """
    drawn = max((len(line.get("samples") or ()) for line in lines), default=0)
    known = [line for line in lines if line.get("target") is not None]
    if drawn < 2 or not known:
        return {}
    clusters = clusters_of(known)
    rights = [sum(bool(s.get("correct")) for s in line.get("samples") or ()) for line in known]
    sizes = [len(line.get("samples") or ()) or drawn for line in known]
    out = {
        "expected_accuracy": mean(
            [right / n for right, n in zip(rights, sizes, strict=True)], clusters
        )
    }
    for k in _steps(drawn):
        values = [pass_at(min(k, n), n, right) for right, n in zip(rights, sizes, strict=True)]
        # Of all answers it is a proportion, whose interval is never of no width.
        whole = all(value in (0.0, 1.0) for value in values)
        shares = [value == 1.0 for value in values]
        out[f"pass_at_{k}"] = proportion(shares, clusters) if whole else mean(values, clusters)
    told = [line for line in known if line.get("samples")]
    out["self_agreement"] = mean([_agreement(line) for line in told], clusters_of(told))
    return out


def _steps(drawn: int) -> list[int]:
    doubled = [2**i for i in range(1, drawn.bit_length()) if 2**i < drawn]
    return [*doubled, drawn]


def _agreement(line: Line) -> float:
    chosen = _key(line)
    said = [_key(one) for one in line["samples"]]
    return 0.0 if chosen is None else said.count(chosen) / len(said)
