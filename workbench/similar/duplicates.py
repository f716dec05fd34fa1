"""The duplicates of a dataset: inside a split, and between two of them, where they leak.

A sample that a model was trained on says little in a test. Guarantee: each sample is named once for
each split in which it has a duplicate, with the closest one there; a pair of splits is looked at
from the later one (`test` against `train`), and inside a split from the later sample. So the list
is no longer than the samples are, however often a picture recurs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from workbench.errors import Cancelled
from workbench.similar import pictures, texts
from workbench.similar.neighbours import counts
from workbench.similar.scan import Compared, Scan

if TYPE_CHECKING:
    import numpy as np

    from workbench.similar.things import Things

Kind = Literal[
    "same file", "same pixels", "near picture", "near features", "same text", "near text"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
WHAT = ("pictures", "texts")


@dataclass(frozen=True)
class Duplicate:
    """One sample and the one that it is a duplicate of.

    Attributes:
        similarity: 1 for what is the same.
        same: What is the same, or nearly: `both`, `image alone`, `text alone`; `image` or `text`
            where there is nothing else, or it was not compared.
        leak: They are of two splits.
    """

    uid: str
    split: str
    other: str
    other_split: str
    kind: Kind
    similarity: float
    label: str | None
    other_label: str | None
    same: str = ""

    @property
    def leak(self) -> bool:
        """Whether they are of two splits."""
        return self.split != self.other_split

    def to_json(self) -> dict[str, Any]:
        """A flat object; similarity to six digits."""
        return asdict(self) | {"similarity": round(self.similarity, 6), "leak": self.leak}


@dataclass(frozen=True)
class Duplicates:
    """What was found.

    Attributes:
        pairs: Across splits first, then by kind, the most alike first.
        scanned: `Scan.to_json()`: what was compared.
        texts_recur: Texts were left out: questions recur.
        texts_left: Samples whose text was left out, since many different pictures share it.
    """

    dataset: str
    pairs: tuple[Duplicate, ...]
    scanned: dict[str, Any]
    what: tuple[str, ...]
    texts_recur: bool = False
    texts_left: int = 0

    def counts(self) -> list[tuple[str, str, dict[Kind, int]]]:
        """For each two splits, how many samples of the first have a duplicate in the second."""
        found: dict[tuple[str, str], Counter[Kind]] = {}
        for pair in self.pairs:
            found.setdefault((pair.split, pair.other_split), Counter())[pair.kind] += 1
        return [(split, other, dict(kinds)) for (split, other), kinds in found.items()]

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "what": list(self.what),
            "texts_recur": self.texts_recur,
            "texts_left": self.texts_left,
            "near": {"pixels": pictures.NEAR, "text": texts.NEAR},
            **self.scanned,
            "counts": [
                {"split": split, "other": other, **{k: n for k, n in kinds.items()}}
                for split, other, kinds in self.counts()
            ],
            "pairs": [pair.to_json() for pair in self.pairs],
        }


def duplicates(
    scan: Scan,
    what: Sequence[str] = WHAT,
    *,
    features_near: float | None = None,
    cancelled: Callable[[], bool] | None = None,
    on_progress: Callable[[int, int | None, str], None] | None = None,
) -> Duplicates:
    """Look for duplicates among the samples of a scan.

    Args:
        scan: What was read.
        what: `pictures`, `texts` or both; `neighbours.counts` says when a text is a duplicate.
        features_near: Pictures whose features have at least this cosine count as nearly the same
            too; the scan has features then.
        cancelled: Asked every few hundred pictures or texts.
        on_progress: Told how many were compared, of how many, and what.

    Raises:
        Cancelled: `cancelled` said so.
    """
    found: dict[tuple[int, str], Duplicate] = {}
    recur = bool(scan.samples) and all(s.texts_recur for s in scan.samples)
    search = _DuplicateSearch(scan, found, cancelled, on_progress)
    if "pictures" in what:
        search.same(scan.pictures, "same pixels")
        search.near(scan.pictures, scan.pixel_rows, "near picture", pictures.NEAR)
        if features_near is not None:
            search.near(scan.pictures, scan.feature_rows, "near features", features_near)
    if "texts" in what and not recur:
        search.same(scan.texts, "same text")
        search.near(scan.texts, scan.text_rows, "near text", texts.NEAR)
    order = {kind: number for number, kind in enumerate(KINDS)}
    pairs = sorted(found.values(), key=lambda p: (not p.leak, order[p.kind], -p.similarity))
    asked = "texts" in what
    left = 0
    if asked and not recur:
        left = sum(s.text_key in scan.recurring for s in scan.samples)
    return Duplicates(
        scan.dataset, tuple(pairs), scan.to_json(), tuple(what), recur and asked, left
    )


def _same(of: str, one: Compared, two: Compared) -> str:
    """What two samples share, where the kind of what makes them duplicates is `of`."""
    if of == "text":
        return "text alone" if one.pictures and two.pictures else "text"
    if one.text_key and one.text_key == two.text_key:
        return "both"
    return "image alone" if one.text_key and two.text_key else "image"


class _DuplicateSearch:
    """What is filled as one kind after the other is looked for, the surest first."""

    def __init__(
        self,
        scan: Scan,
        found: dict[tuple[int, str], Duplicate],
        cancelled: Callable[[], bool] | None,
        on_progress: Callable[[int, int | None, str], None] | None,
    ) -> None:
        self._scan, self._found = scan, found
        self._cancelled, self._on_progress = cancelled, on_progress
        names = dict.fromkeys(sample.split for sample in scan.samples)
        self._rank = {name: number for number, name in enumerate(names)}

    def same(self, things: Things, kind: Kind) -> None:
        """Each sample that has a thing which an earlier one has."""
        for place, own in enumerate(things.of):
            for thing in own:
                for other in self._firsts(things.holders[thing], place):
                    self._add(place, other, self._surest(kind, place, other), 1.0)

    def near(self, things: Things, rows: Any, kind: Kind, least: float) -> None:
        """Each sample whose thing is nearly that of an earlier one."""
        import numpy as np

        if not things.keys:
            return
        groups = []
        for split in self._rank:
            inside: np.ndarray = np.zeros(len(things.keys), bool)
            for place, own in enumerate(things.of):
                if self._scan.samples[place].split == split:
                    inside[list(own)] = True
            groups.append(inside)
        what = "comparing texts" if kind == "near text" else "comparing pictures"
        for best in things.nearest(rows, groups, least, lambda n, of: self._going(n, of, what)):
            for thing, (other, value) in best.items():
                for place in things.holders[thing]:
                    for earlier in self._firsts(things.holders[other], place):
                        self._add(place, earlier, kind, min(1.0, value))

    def _firsts(self, holders: Sequence[int], place: int) -> list[int]:
        """The first holder of each split that is looked at from this sample's."""
        own = self._rank[self._scan.samples[place].split]
        firsts: dict[int, int] = {}
        for holder in holders:
            rank = self._rank[self._scan.samples[holder].split]
            if rank < own or (rank == own and holder < place):
                firsts.setdefault(rank, holder)
        return list(firsts.values())

    def _surest(self, kind: Kind, place: int, other: int) -> Kind:
        if kind != "same pixels":
            return kind
        mine, theirs = (
            {p.sha256 for p in self._scan.samples[n].pictures if p} for n in (place, other)
        )
        return "same file" if mine & theirs else "same pixels"

    def _add(self, place: int, other: int, kind: Kind, value: float) -> None:
        one, two = self._scan.samples[place], self._scan.samples[other]
        how, _, of = kind.partition(" ")
        if of == "text" and not counts(self._scan, "", how, one, two):
            return
        key = (place, two.split)
        before = self._found.get(key)
        # What is surer was looked for first; of one kind the most alike counts.
        if before is not None and (
            KINDS.index(before.kind) < KINDS.index(kind)
            or (before.kind == kind and before.similarity >= value)
        ):
            return
        self._found[key] = Duplicate(
            one.uid,
            one.split,
            two.uid,
            two.split,
            kind,
            value,
            one.label,
            two.label,
            _same(of, one, two),
        )

    def _going(self, done: int, total: int, what: str) -> None:
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("the search for duplicates was cancelled")
        if self._on_progress is not None:
            self._on_progress(done, total, what)
