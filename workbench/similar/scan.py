"""The samples that are compared: read once, of each what tells whether another is like it.

Guarantee: holds no picture, and no more than `limit` samples of a split; how many were read of how
many is part of the result. A sample or a picture that cannot be read is counted and ends nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from sessions.uid import Uid
from workbench.errors import Cancelled, UnknownName
from workbench.similar.pictures import ComparedPicture, standardised
from workbench.similar.texts import RECURS, text_key, tf_idf
from workbench.similar.things import Things

if TYPE_CHECKING:
    import numpy as np

    from workbench.data.base import Source
    from workbench.sample import Sample
    from workbench.similar.features import FeatureBook
    from workbench.similar.pictures import PictureBook

LIMIT = 10_000
"""Samples of a split that are read where nobody says another number."""
EVERY_S = 0.1
Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True)
class Compared:
    """One sample, as far as it is compared.

    Attributes:
        split: Its split, without the brackets of a part.
        text: Its texts, one after the other.
        text_key: The same for all samples of the same texts; empty without any.
        texts_recur: A text that is the same makes it no duplicate: a question recurs.
        images: How many it has, looked at or not.
        pictures: `None` for one that cannot be read; empty where pictures were not looked at.
    """

    uid: str
    split: str
    label: str | None
    text: str
    text_key: bytes
    texts_recur: bool = False
    images: int = 0
    pictures: tuple[ComparedPicture | None, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class ScannedSplit:
    """How much of a split was read.

    Attributes:
        split: As it was asked for: `train`, `train[:500]`.
        read: Samples.
        length: Samples that it has; `None` for an endless one.
        unread_pictures: Pictures that cannot be read, or that the model cannot read.
    """

    split: str
    read: int
    length: int | None
    unread_pictures: int = 0

    @property
    def whole(self) -> bool:
        """Whether all of it was read."""
        return self.length is not None and self.read >= self.length

    def words(self) -> str:
        """`train: the first 10,000 of 20,000`."""
        if self.whole:
            return f"{self.split}: all {self.read:,}"
        of = "an endless stream" if self.length is None else f"{self.length:,}"
        return f"{self.split}: the first {self.read:,} of {of}"


@dataclass
class Scan:
    """Samples of one dataset that can be compared with one another.

    Attributes:
        dataset: Its name.
        splits: What was read.
        left_out: Splits that were not, since they have no end.
        samples: All of them, split by split.
        features: The model's, where it was asked.
    """

    dataset: str
    splits: tuple[ScannedSplit, ...]
    samples: tuple[Compared, ...]
    features: FeatureBook | None = field(default=None, repr=False)
    left_out: tuple[str, ...] = ()

    @cached_property
    def by_uid(self) -> dict[str, int]:
        """UID -> its place among the samples."""
        return {sample.uid: place for place, sample in enumerate(self.samples)}

    @property
    def scanned_words(self) -> str:
        """`train: the first 10,000 of 20,000; test: all 1,000; stream: left out`."""
        words = [split.words() for split in self.splits]
        return "; ".join([*words, *(f"{name}: left out, it has no end" for name in self.left_out)])

    def to_json(self) -> dict[str, Any]:
        """What was compared, for `--json`."""
        return {
            "dataset": self.dataset,
            "scanned": [asdict(split) | {"whole": split.whole} for split in self.splits],
            "left_out": list(self.left_out),
            "model": self.features.identity if self.features else None,
        }

    @cached_property
    def texts(self) -> Things:
        """The different texts, and which sample has which."""
        return Things([[s.text_key] if s.text_key else [] for s in self.samples])

    @cached_property
    def recurring(self) -> frozenset[bytes]:
        """The keys of texts that stand beside at least `RECURS` different pictures.

        Pictures that were not looked at, or cannot be read, count as different ones.
        """
        beside: dict[bytes, set[object]] = {}
        for sample in self.samples:
            if sample.text_key and sample.images:
                seen = tuple(p.pixels for p in sample.pictures if p)
                whole = len(seen) == sample.images
                beside.setdefault(sample.text_key, set()).add(seen if whole else sample.uid)
        return frozenset(key for key, shown in beside.items() if len(shown) >= RECURS)

    @cached_property
    def text_rows(self):  # noqa: ANN201 - scipy's csr_matrix
        """A row of `tf_idf` for each different text."""
        return tf_idf([self.samples[place].text for place in self.texts.first])

    @cached_property
    def pictures(self) -> Things:
        """The different pictures by their pixels."""
        return Things([[p.pixels for p in s.pictures if p] for s in self.samples])

    @cached_property
    def pixel_rows(self) -> np.ndarray:
        """(pictures, 768): a row of `standardised` for each different picture."""
        small = {p.pixels: p.small for s in self.samples for p in s.pictures if p}
        return standardised([small[key] for key in self.pictures.keys])

    @cached_property
    def feature_rows(self) -> np.ndarray:
        """(pictures, D) float32 of length 1, NaN for one without features."""
        import numpy as np

        found = self.features.vectors if self.features else {}
        named = {p.pixels: p.sha256 for s in self.samples for p in s.pictures if p}
        width = len(next(iter(found.values()), ()))
        blank = np.full(width, np.nan, np.float16)
        rows = [found.get(named[key], blank) for key in self.pictures.keys]
        made = np.stack(rows).astype(np.float32) if rows else np.zeros((0, width), np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)  # float16 has rounded


def open_splits(
    dataset: str, splits: Sequence[str] = (), own: str = ""
) -> tuple[list[Source], list[str]]:
    """The splits that are compared.

    Args:
        dataset: Its name.
        splits: Splits, or parts of them such as `train[:500]`. Where none is named: all of them
            but endless streams.
        own: A split that is compared in any case.

    Returns:
        The opened splits, and the names of those that were left out.

    Raises:
        UnknownName: There is no such dataset or split.
        DataError: The data cannot be read.
    """
    from workbench.data.registry import find_dataset
    from workbench.data.source import open_source

    if splits:
        return [open_source(dataset, name) for name in dict.fromkeys(splits)], []
    names = list(find_dataset(dataset).info().splits)
    if not names:
        raise UnknownName(f"{dataset} has no splits", hint="see: wb data info")
    every = [open_source(dataset, name) for name in names]
    chosen = [each for each in every if each.length is not None or each.split == own]
    chosen = chosen or every
    return chosen, [each.split for each in every if each not in chosen]


def scan(
    sources: Sequence[Source],
    *,
    limit: int = LIMIT,
    also: Sample | None = None,
    pictures: PictureBook | None = None,
    features: FeatureBook | None = None,
    cancelled: Callable[[], bool] | None = None,
    on_progress: Progress | None = None,
) -> Scan:
    """Read samples.

    Args:
        sources: Splits of one dataset.
        limit: At most so many samples of each, the first ones.
        also: A sample that is compared even if it is of none of these, or beyond the limit.
        pictures: Looks at pictures; `None` compares texts alone.
        features: Has the model look at them too.
        cancelled: Asked before each sample.
        on_progress: Told samples read, samples to read (`None` where endless), and of what.

    Raises:
        Cancelled: `cancelled` said so.
        WbError: A source, or the engine, cannot be read or asked.
    """
    reading = _ScanUnderWay(limit, pictures, features, cancelled, on_progress)
    try:
        for source in sources:
            reading.read(source)
        if also is not None and all(sample.uid != also.uid for sample in reading.found):
            reading.found.append(_compared(also, pictures, features))
        if features is not None:
            features.finish()
    finally:
        if pictures is not None:
            pictures.close()  # what was seen until then need not be seen again
    return Scan(sources[0].dataset, tuple(reading.splits), tuple(reading.found), features)


@dataclass
class _ScanUnderWay:
    """A scan under way."""

    limit: int
    pictures: PictureBook | None
    features: FeatureBook | None
    cancelled: Callable[[], bool] | None
    on_progress: Progress | None
    found: list[Compared] = field(default_factory=list)
    splits: list[ScannedSplit] = field(default_factory=list)

    def read(self, source: Source) -> None:
        """The first samples of a split."""
        name = f"comparing {source.dataset}/{source.split}"
        total = self.limit if source.length is None else min(self.limit, source.length)
        told, read, unread = time.monotonic(), 0, 0
        for sample in islice(source.iter(), self.limit):
            if self.cancelled is not None and self.cancelled():
                raise Cancelled("the comparison of samples was cancelled")
            self.found.append(_compared(sample, self.pictures, self.features))
            read += 1
            unread += self.found[-1].pictures.count(None)
            if self.on_progress is not None and time.monotonic() - told >= EVERY_S:
                told = time.monotonic()
                self.on_progress(read, total, name)
        if self.on_progress is not None:
            self.on_progress(read, read, name)
        self.splits.append(ScannedSplit(source.split, read, source.length, unread))


def _compared(sample: Sample, book: PictureBook | None, features: FeatureBook | None) -> Compared:
    seen: list[ComparedPicture | None] = []
    if book is not None:
        looks = book.look(sample.images)
        had = [look for look in looks if isinstance(look, tuple)]
        seen = [look[0] if isinstance(look, tuple) else None for look in looks]
        if features is not None:
            features.want((picture.sha256, data) for picture, data in had)
    text = "\n".join(text for text in sample.texts.values() if text)
    return Compared(
        uid=sample.uid,
        split=Uid.parse(sample.uid).split,
        label=sample.label,
        text=text,
        text_key=text_key(sample.texts),
        texts_recur=sample.task == "question",
        images=len(sample.images),
        pictures=tuple(seen),
        error=sample.error,
    )
