"""Which samples of a run stand or fall together: those of one image, one sentence, one set.

Several questions about one image are not as many independent samples; an interval that takes them
for such is too narrow. Guarantee: standard library only; samples that share any image, or the
group or set that the data name, are in one cluster, transitively.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Clusters:
    """A partition of samples.

    Attributes:
        kind: What holds them together, the widest that occurs: `set`, `sentence` or `image`;
            empty where each sample stands alone.
        of: The number of each sample's cluster, from 0.
        count: How many clusters.
    """

    kind: str
    of: Sequence[int]
    count: int


# The field of a line -> what it is called, the widest first.
_FIELDS = (("set", "set"), ("group", "sentence"), ("images", "image"))


def clusters_of(lines: Iterable[Mapping[str, Any]]) -> Clusters:
    """The clusters of lines of `predictions.jsonl`, in their order."""
    parent: list[int] = []
    first: dict[tuple[str, str], int] = {}
    shared: set[str] = set()

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, line in enumerate(lines):
        parent.append(i)
        for field, _ in _FIELDS:
            value = line.get(field)
            for name in value if isinstance(value, (list, tuple)) else (value,):
                if not isinstance(name, str) or not name:
                    continue
                other = first.setdefault((field, name), i)
                if other != i:
                    shared.add(field)
                    parent[root(i)] = root(other)
    numbers: dict[int, int] = {}
    of = [numbers.setdefault(root(i), len(numbers)) for i in range(len(parent))]
    kind = next((kind for field, kind in _FIELDS if field in shared), "")
    return Clusters(kind, of, len(numbers))
