"""Few-shot examples: balanced over the labels, drawn by seed or named, never the query itself.

Guarantee: the same source, `k`, seed and exclusions give the same samples in the same order, on
any machine. Samples that could not be read whole or have no label are never drawn. Which source
and which UIDs the flags mean is told by `workbench.prompts.shots`.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from workbench.errors import DataError, UsageError
from workbench.sample import Sample

if TYPE_CHECKING:
    from sessions.runs import Run

# How far to look before saying that a class cannot be found: bounds the reads on a streamed set.
_LOOK = 2_000


def pick_shots(
    source: Any,
    k: int,
    seed: int = 0,
    exclude_uid: str | Collection[str] = (),
    *,
    uids: Sequence[str] | None = None,
) -> list[Sample]:
    """`k` examples of each label, or `k` in all where the labels are not a closed set.

    The classes take turns (a b c a b c …), so that the last example of a prompt says nothing about
    the balance of the rest; which class comes first is drawn by the seed.

    Args:
        source: Where to draw from, usually the train split.
        k: At least 0.
        seed: Of the draw and of the order.
        exclude_uid: The query, or several UIDs that may not be drawn.
        uids: Draw from these alone (bookmarks, a run's right answers); all of the source else.

    Raises:
        UsageError: `k` is negative.
        DataError: A label has fewer than `k` examples within the reach of the search.
    """
    if k < 0:
        raise UsageError(f"--shots wants a whole number of at least 0, got {k}", kind="bad_knob")
    if k == 0:
        return []
    banned = {exclude_uid} if isinstance(exclude_uid, str) else set(exclude_uid)
    rng = random.Random(f"shots:{seed}")
    classes = [label for label in source.labels] if source.task != "question" else []
    want = {label: k for label in classes} or {"": k}
    found: dict[str, list[Sample]] = {label: [] for label in want}
    for sample in _candidates(source, rng, uids, k * len(want)):
        slot = (sample.label or "") if classes else ""
        if _usable(sample, banned) and slot in found and len(found[slot]) < k:
            found[slot].append(sample)
            if all(len(found[label]) == k for label in want):
                break
    short = {label: len(got) for label, got in found.items() if len(got) < k}
    if short:
        what = ", ".join(f"{label or 'any label'}: {n}" for label, n in short.items())
        name = f"{source.dataset}/{source.split}" if hasattr(source, "split") else str(source)
        raise DataError(
            f"{name} has too few examples for --shots {k} ({what})",
            hint="ask for fewer shots, or draw them from another split with --shots-from",
        )
    order = list(found)
    rng.shuffle(order)
    return [found[label][i] for i in range(k) for label in order]


def named_shots(source: Any, uids: Iterable[str]) -> list[Sample]:
    """The samples of these UIDs in order. Raises `UnknownName`, or `DataError` for a bad one."""
    out = []
    for uid in uids:
        sample = source.get(uid)
        if not _usable(sample, ()):
            raise DataError(f"{uid} cannot be an example: {sample.error or 'it has no label'}")
        out.append(sample)
    return out


def right_uids(run: Run) -> list[str]:
    """The UIDs that a run got right, in its order: a pool of examples known to be learnable."""
    return [
        str(line["uid"])
        for line in run.predictions()
        if not line.get("error") and line.get("label") is not None and line.get("correct")
    ]


def for_query(shots: Sequence[Sample], spare: Sequence[Sample], uid: str) -> list[Sample]:
    """`shots` without the query: where one of them is it, a spare of the same label steps in."""
    out: list[Sample] = []
    for shot in shots:
        if shot.uid != uid:
            out.append(shot)
            continue
        taken = {s.uid for s in shots}
        other = next((s for s in spare if s.uid not in taken and s.label == shot.label), None)
        out += [other] if other else []
    return out


def _usable(sample: Sample, banned: Collection[str]) -> bool:
    return sample.error is None and sample.label is not None and sample.uid not in banned


def _candidates(
    source: Any, rng: random.Random, uids: Sequence[str] | None, need: int
) -> Iterator[Sample]:
    reach = max(_LOOK, 50 * need)
    if uids is not None:
        order = sorted(uids)
        rng.shuffle(order)
        for uid in order[:reach]:
            yield source.get(uid)
        return
    n = source.length if source.length is not None else 1_000_000
    seen: set[int] = set()
    while len(seen) < min(n, reach):
        i = rng.randrange(n)
        if i not in seen:
            seen.add(i)
            yield source.at(i)
