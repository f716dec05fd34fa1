"""Whether a checkpoint's keys are those of the model, and the list of those that are not.

Guarantee: torch-free; every key that does not fit is in the message, numbers folded into ranges
so that a model of many layers still fits a screen. A silent partial load gives plausible wrong
answers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from workbench.errors import ModelError

Shape = tuple[int, ...]
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)|(?<=\.)\d+$|^\d+(?=\.)")
_MOST = 40  # patterns, not keys
# Buffers that older versions of transformers saved and that every model works out for itself.
_WORKED_OUT = re.compile(
    r"(^|\.)(position_ids|inv_freq|masked_bias|num_batches_tracked)$|\.attn\.bias$"
)


def needless(key: str) -> bool:
    """Whether a key that a model has no place for says nothing: a mask, a table of positions."""
    return _WORKED_OUT.search(key) is not None


def fold(keys: Iterable[str]) -> str:
    """All keys, those that differ in numbers alone as one: `layers.{0-27}.q_proj.weight`."""
    groups: dict[str, list[tuple[int, ...]]] = {}
    for key in sorted(set(keys)):
        numbers = tuple(map(int, _NUMBER.findall(key)))
        groups.setdefault(_NUMBER.sub("\0", key), []).append(numbers)
    shown = [part for pattern, found in groups.items() for part in _folded(pattern, found)]
    more = len(shown) - _MOST
    return ", ".join(shown[:_MOST]) + (f", and {more} more" if more > 0 else "")


def _folded(pattern: str, found: Sequence[tuple[int, ...]]) -> list[str]:
    columns = [sorted(set(column)) for column in zip(*found, strict=True)]
    # Only a whole grid of numbers can be said as ranges: otherwise they would name absent keys.
    if math.prod(map(len, columns)) == len(found):
        return [_filled(pattern, [_ranges(column) for column in columns])]
    return [_filled(pattern, list(map(str, numbers))) for numbers in found]


def _filled(pattern: str, words: Sequence[str]) -> str:
    parts = pattern.split("\0")
    return "".join(a + b for a, b in zip(parts, [*words, ""], strict=True))


def _ranges(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return str(numbers[0])
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return "{" + ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs) + "}"


def refuse_misfit(
    what: str,
    *,
    missing: Iterable[str] = (),
    unexpected: Iterable[str] = (),
    shapes: Mapping[str, tuple[Shape, Shape]] | None = None,
    hint: str,
    kind: str,
) -> None:
    """Refuse weights that fit in part.

    Args:
        what: Whose they are: how the message begins.
        missing: Keys that the model has and the files lack.
        unexpected: Keys that the files have and the model lacks.
        shapes: Key -> (shape in the files, shape in the model) where both differ.
        hint: What to do.
        kind: Of the error.

    Raises:
        ModelError: With every key, where there is one.
    """
    missing, unexpected = sorted(set(missing)), sorted(set(unexpected))
    faults = []
    if unexpected:
        faults.append(f"{_count(unexpected)} without a place in it: {fold(unexpected)}")
    if missing:
        faults.append(f"{_count(missing)} missing: {fold(missing)}")
    if shapes:
        by_shapes: dict[tuple[Shape, Shape], list[str]] = {}
        for key, pair in shapes.items():
            by_shapes.setdefault(pair, []).append(key)
        said = "; ".join(
            f"{fold(keys)}: {list(have)} for {list(want)}"
            for (have, want), keys in by_shapes.items()
        )
        faults.append(f"{_count(list(shapes))} have another shape: {said}")
    if faults:
        raise ModelError(
            f"{what} does not fit the model: {'; '.join(faults)}", hint=hint, kind=kind
        )


def _count(keys: Sequence[str]) -> str:
    return f"{len(keys)} weight{'s' if len(keys) > 1 else ''}"
