"""Which sample each row of a file of answers is of.

Guarantee: a row is taken for a sample only where it names it (by UID, by the dataset's own id, by
its pictures' names, these with its texts where several share them), or where, in a file that knows
places alone, its prompt holds a text of the sample at that place, or the gold answers of all rows
agree with those of the samples at theirs. Whatever else there is, is counted and told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sessions.uid import Uid
from workbench.evaluation.given import GivenAnswer, GivenFile
from workbench.sample import Sample

if TYPE_CHECKING:
    from workbench.data.source import Source

_TELLING = 8  # characters of a text that is in a prompt by no chance
_NAMED = 3  # rows of a kind that are named one by one


@dataclass(frozen=True)
class ImportCounts:
    """What became of the rows of a file.

    Attributes:
        rows: In all.
        matched: Taken for a sample.
        unmatched: Of no sample of the split.
        ambiguous: Of several samples, which nothing in the row tells apart.
        repeated: Of a sample that an earlier row was of.
        unreadable: Without an answer that could be read.
        differing: Taken, though their gold answer or a text is another one than the sample's.
        unanswered: Samples of the split that no row is of.
    """

    rows: int
    matched: int
    unmatched: int
    ambiguous: int
    repeated: int
    unreadable: int
    differing: int
    unanswered: int


@dataclass
class Matches:
    """Rows by what became of them."""

    pairs: list[tuple[Sample, GivenAnswer]]
    unmatched: list[GivenAnswer]
    ambiguous: list[GivenAnswer]
    repeated: list[GivenAnswer]
    unreadable: list[GivenAnswer]
    differing: list[GivenAnswer]

    def counts(self, samples: int) -> ImportCounts:
        """How many rows of each kind there are, of a split of so many samples."""
        return ImportCounts(
            rows=sum(map(len, (self.pairs, self.unmatched, self.ambiguous, self.repeated)))
            + len(self.unreadable),
            matched=len(self.pairs),
            unmatched=len(self.unmatched),
            ambiguous=len(self.ambiguous),
            repeated=len(self.repeated),
            unreadable=len(self.unreadable),
            differing=len(self.differing),
            unanswered=samples - len(self.pairs),
        )

    def notes(self, given: GivenFile) -> tuple[str, ...]:
        """The same in words, with the first rows of each kind."""
        words = {
            "are of no sample": self.unmatched,
            "are of several samples and were left out": self.ambiguous,
            "are of a sample that an earlier row is of and were left out": self.repeated,
            "have no answer that could be read": self.unreadable,
            "have another gold answer or text than their sample": self.differing,
        }
        return tuple(
            f"{len(rows)} of {len(given.rows)} rows {said}: {_names(rows)}"
            for said, rows in words.items()
            if rows
        )


def _names(rows: Sequence[GivenAnswer]) -> str:
    named = [f"row {row.place} ({_said(row)})" for row in rows[:_NAMED]]
    return ", ".join(named) + (", …" if len(rows) > _NAMED else "")


def _said(row: GivenAnswer) -> str:
    if row.ident or row.images:
        return (row.ident or ";".join(row.images))[:80]
    return "no id" if row.position is None else f"doc_id {row.position}"


def match(given: GivenFile, source: Source) -> Matches:
    """Each row with its sample."""
    index = _SampleIndex(source.iter())
    index.look_at(given.rows)
    found = Matches([], [], [], [], [], [])
    taken: set[str] = set()
    for row in given.rows:
        if row.answer is None and not row.error:
            found.unreadable.append(row)
            continue
        candidates = index.of(row)
        if not candidates:
            found.unmatched.append(row)
        elif len(candidates) > 1:
            found.ambiguous.append(row)
        elif candidates[0].uid in taken:
            found.repeated.append(row)
        else:
            (sample,) = candidates
            taken.add(sample.uid)
            found.pairs.append((sample, row))
            if _differs(sample, row):
                found.differing.append(row)
    return found


class _SampleIndex:
    """The samples of a split by all that a row may call them."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._by_uid: dict[str, Sample] = {}
        self._by_native: dict[str, list[Sample]] = defaultdict(list)
        self._by_path: dict[tuple[str, ...], list[Sample]] = defaultdict(list)
        self._by_name: dict[tuple[str, ...], list[Sample]] = defaultdict(list)
        self._in_order: list[Sample] = []
        self._targets = False
        for sample in samples:
            paths = tuple(str(ref.path or ref.name) for ref in sample.images)
            # All of a split are held: their pictures are not.
            self._add(replace(sample, images=()), paths)

    def _add(self, sample: Sample, paths: tuple[str, ...]) -> None:
        self._in_order.append(sample)
        native = Uid.parse(sample.uid).native
        self._by_uid[sample.uid] = sample
        self._by_native[native].append(sample)
        if native.isdecimal() and str(int(native)) != native:  # COCO's ids are whole numbers
            self._by_native[str(int(native))].append(sample)
        if paths and all(paths):
            self._by_path[paths].append(sample)
            self._by_name[_basenames(paths)].append(sample)

    def of(self, row: GivenAnswer) -> list[Sample]:
        """The samples that a row may be of."""
        if row.ident:
            known = self._by_uid.get(row.ident)
            found = [known] if known is not None else self._by_native.get(row.ident, [])
            if found:
                return _narrowed(found, row)
        if row.images:
            found = self._by_path.get(row.images) or self._by_name.get(_basenames(row.images), [])
            return _narrowed(found, row)
        sample = self._at(row)
        if sample is None:
            return []
        by = _agrees(sample, row)
        return [sample] if by == "prompt" or (by and self._targets) else []

    def look_at(self, rows: Iterable[GivenAnswer]) -> None:
        """See whether gold answers say that places are those of this split.

        With few labels one of another order agrees now and then by chance: where any row's does
        not, none is trusted.
        """
        self._targets = all(
            _agrees(sample, row) for row in rows if (sample := self._at(row)) is not None
        )

    def _at(self, row: GivenAnswer) -> Sample | None:
        """The sample at the place of a row that knows nothing else."""
        if row.ident or row.images or row.position is None:
            return None
        return self._in_order[row.position] if row.position < len(self._in_order) else None


def _basenames(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(PurePosixPath(path.replace("\\", "/")).name for path in paths)


def _narrowed(samples: Sequence[Sample], row: GivenAnswer) -> list[Sample]:
    """Of several samples those whose texts are the row's, where it has any."""
    if len(samples) < 2:
        return list(samples)
    return [
        sample
        for sample in samples
        if all(row.texts[role] == text for role, text in sample.texts.items() if role in row.texts)
    ]


def _agrees(sample: Sample, row: GivenAnswer) -> str:
    """By what a row that knows a place alone is of the sample there: `prompt`, `target`, or ``."""
    texts = (text.strip() for text in sample.texts.values())
    if any(len(text) >= _TELLING and text in row.prompt for text in texts):
        return "prompt"
    golds = {gold.strip().lower() for gold in (sample.label or "", *sample.references) if gold}
    return "target" if row.target is not None and row.target.strip().lower() in golds else ""


def _differs(sample: Sample, row: GivenAnswer) -> bool:
    golds = {gold for gold in (sample.label, *sample.references) if gold is not None}
    if row.target is not None and golds and row.target not in golds:
        return True
    return any(row.texts[role] != text for role, text in sample.texts.items() if role in row.texts)


def example_of(source: Source) -> str:
    """A UID of the split, and its pictures' names, as a hint of what rows may name."""
    sample = next(source.iter(), None)
    if sample is None:
        return "the split has none"
    names = [str(ref.path or ref.name) for ref in sample.images]
    images = ";".join(_basenames(names))
    return f"such as {sample.uid}" + (f" or {images}" if images else "")
