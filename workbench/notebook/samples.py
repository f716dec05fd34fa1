"""Samples, galleries and datasets that show themselves.

Guarantee: a `ShownSample` is a `Sample` and a `Dataset` a `Source`, so that every function of the
core takes them; pictures are decoded when they are shown, and a sample that cannot be read shows
why in its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, overload

from workbench import markup
from workbench.grounding.drawing import legend_html, overs_html
from workbench.grounding.gold import gold_of
from workbench.images.in_html import images_row
from workbench.notebook.display import Shown
from workbench.sample import Sample, Task
from workbench.text import clean, counted

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.grounding.answered import AnsweredRegions
    from workbench.grounding.region import Region

# More than this is a wall: the object holds the others.
MOST_CARDS = 60
_CARD = "width:172px"


@dataclass(frozen=True, repr=False)
class ShownSample(Shown, Sample):
    """A sample that shows its images and texts.

    Attributes:
        revision: Of its dataset, as the record of a prompt holds it; `None` where unknown.
        places: Boxes and points that a run's answer to it has, drawn over its images.
    """

    revision: str | None = None
    places: AnsweredRegions | None = None

    def _html(self) -> str:
        rows = [(role, markup.prose(text)) for role, text in self.texts.items()]
        if self.label is not None:
            rows.append(("label", markup.badge(self.label)))
        rows += [("reference", markup.prose(t)) for t in self.references if t != self.label]
        rows += [("explanation", markup.prose(text)) for text in self.explanations]
        if self.error:
            rows.append(("error", markup.badge("cannot be read", markup.BAD) + f" {self._why()}"))
        return (
            markup.heading(self.uid, markup.esc(self.task))
            + images_row(self.images, width=260, overs=self._overs())
            + markup.block(legend_html(self.places, self._gold()))
            + markup.facts(rows)
            + markup.folded("metadata", self._metadata())
        )

    def _gold(self) -> tuple[Region, ...]:
        """What is to be found, where the task is that."""
        told = self.places.gold if self.places is not None else ()
        return told or gold_of(self)

    def _overs(self) -> list[str]:
        return overs_html(self.places, self._gold(), self.images)

    def _why(self) -> str:
        return markup.esc(self.error, 600)

    def _metadata(self) -> str:
        if not self.metadata:
            return ""
        text = json.dumps(self.metadata, ensure_ascii=False, indent=1, default=str)
        return block_of_code(text)

    def card(self, width: int = 150) -> str:
        """As one of many: small images, the first text, the label; the inside of a frame."""
        words = next(iter(self.texts.values()), "")
        each = max(40, (width - 8 * max(len(self.images) - 1, 0)) // max(len(self.images), 1))
        return (
            images_row(self.images[:4], width=each, height=width, overs=self._overs())
            + markup.block(markup.esc(words, 140))
            + (markup.block(legend_html(self.places)) if self.places is not None else "")
            + (markup.badge(self.label) if self.label is not None else "")
            + (markup.badge("cannot be read", markup.BAD) if self.error else "")
            + markup.block(markup.muted(markup.esc(self.uid, 120)), "overflow-wrap:anywhere")
        )

    def _plain(self) -> str:
        parts = [self.uid, counted(len(self.images), "image")]
        parts += [f"{role}: {text[:80]}" for role, text in self.texts.items()]
        parts += [f"label: {self.label}"] if self.label is not None else []
        parts += [f"error: {self.error}"] if self.error else []
        return clean(" · ".join(parts), newlines=False)


def block_of_code(text: str) -> str:
    """Preformatted text, wrapped; at most a screenful of it."""
    style = "white-space:pre-wrap;overflow-wrap:anywhere;background:transparent;margin:.3em 0"
    return f'<pre style="{style}">{markup.esc(text)}</pre>'


def shown_sample(sample: Sample, revision: str | None = None) -> ShownSample:
    """The same sample, showing itself."""
    if isinstance(sample, ShownSample):
        return sample
    values = {f.name: getattr(sample, f.name) for f in fields(Sample)}
    return ShownSample(**values, revision=revision)


class Gallery(Shown, Sequence[ShownSample]):
    """Several samples, shown as cards; a list otherwise.

    Attributes:
        title: Above the cards.
    """

    def __init__(self, samples: Iterable[ShownSample], title: str = "") -> None:
        self._samples = tuple(samples)
        self.title = title

    @overload
    def __getitem__(self, index: int) -> ShownSample: ...
    @overload
    def __getitem__(self, index: slice) -> Gallery: ...
    def __getitem__(self, index: int | slice) -> ShownSample | Gallery:
        found = self._samples[index]
        return Gallery(found, self.title) if isinstance(found, tuple) else found

    def __len__(self) -> int:
        return len(self._samples)

    def _html(self) -> str:
        cards = (markup.card(one.card(), _CARD) for one in self._samples[:MOST_CARDS])
        more = len(self) - MOST_CARDS
        return (
            markup.heading(self.title or counted(len(self), "sample"))
            + markup.row(cards, ".5em")
            + (markup.block(markup.muted(f"and {more:,} more")) if more > 0 else "")
        )

    def _plain(self) -> str:
        return "\n".join(one._plain() for one in self._samples[:MOST_CARDS]) or "no samples"


class Dataset(Shown):
    """A split of a dataset: a `Source` whose samples show themselves.

    `data[3]` and `data["demo/test/000003"]` are samples, `data[:12]` a gallery; iterating reads
    as it goes, so an endless stream can be looked into.

    Attributes:
        source: What it stands on.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    # -- as a source -----------------------------------------------------------------------

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        return self.source.dataset

    @property
    def split(self) -> str:
        """The split, its brackets included."""
        return self.source.split

    @property
    def task(self) -> Task:
        """What is asked of its samples."""
        return self.source.task

    @property
    def revision(self) -> str:
        """Which state of the data it is."""
        return self.source.revision

    @property
    def labels(self) -> tuple[str, ...]:
        """The closed set of label words, empty where there is none."""
        return self.source.labels

    @property
    def length(self) -> int | None:
        """How many samples, `None` for an endless stream."""
        return self.source.length

    def iter(self, start: int = 0) -> Iterator[ShownSample]:
        """The samples from an ordinal on; a bad one comes with its `error`."""
        return (self._shown(sample) for sample in self.source.iter(start))

    def get(self, uid: str) -> ShownSample:
        """The sample of a UID. Raises `UnknownName`."""
        return self._shown(self.source.get(uid))

    def at(self, ordinal: int) -> ShownSample:
        """The sample at a place, from 0. Raises `UnknownName` where there is none."""
        return self._shown(self.source.at(ordinal))

    def ordinal(self, uid: str) -> int:
        """The place of a UID."""
        return self.source.ordinal(uid)

    def uid_at(self, ordinal: int) -> str:
        """The UID at a place."""
        return self.source.uid_at(ordinal)

    def to_datasets(self, limit: int = 0, *, streaming: bool = True) -> Any:
        """The split as a dataset of the `datasets` library: one's own code goes on.

        Args:
            limit: The first so many samples; 0 for all.
            streaming: Read samples as they are asked for; else all at once, for random access.

        Returns:
            A `datasets.IterableDataset`, or a `datasets.Dataset`, of `uid`, `images`, a column for
            each role of texts, `label`, `references`, `explanations` and `error`.
        """
        from workbench.data.to_datasets import to_datasets

        return to_datasets(self.source, limit=limit, streaming=streaming)

    # -- as Python has it ------------------------------------------------------------------

    def __len__(self) -> int:
        if self.length is None:
            raise TypeError(f"{self.dataset}/{self.split} is an endless stream: it has no length")
        return self.length

    def __bool__(self) -> bool:
        return self.length is None or self.length > 0

    def __iter__(self) -> Iterator[ShownSample]:
        return self.iter()

    @overload
    def __getitem__(self, place: int | str) -> ShownSample: ...
    @overload
    def __getitem__(self, place: slice) -> Gallery: ...
    def __getitem__(self, place: int | str | slice) -> ShownSample | Gallery:
        if isinstance(place, str):
            return self.get(place)
        if isinstance(place, slice):
            chosen = range(*place.indices(len(self)))
            return Gallery(self.at(i) for i in chosen)
        at = place + len(self) if place < 0 else place
        if at < 0 or (self.length is not None and at >= self.length):
            raise IndexError(f"{self.dataset}/{self.split} has {self.length} samples, not {place}")
        return self.at(at)

    def random(self, count: int, seed: int = 0) -> Gallery:
        """So many samples drawn by a seed: those that `wb gallery --random` shows."""
        from workbench.data.permutation import draw

        chosen = draw(self.length, count, seed)
        return Gallery((self.at(i) for i in chosen), f"{counted(count, 'sample')} by seed {seed}")

    def _shown(self, sample: Sample) -> ShownSample:
        return shown_sample(sample, self.source.revision)

    def _html(self) -> str:
        from itertools import islice

        first = list(islice(self.iter(), 4))
        length = "endless" if self.length is None else counted(self.length, "sample")
        rows = [
            ("samples", markup.esc(length)),
            ("task", markup.esc(self.task)),
            ("labels", " ".join(markup.badge(label) for label in self.labels[:20])),
            ("revision", markup.esc(self.revision, 80)),
        ]
        cards = (markup.card(one.card(), _CARD) for one in first)
        title = markup.heading(f"{self.dataset}/{self.split}")
        return title + markup.facts(rows) + markup.row(cards, ".5em")

    def _plain(self) -> str:
        length = "endless" if self.length is None else counted(self.length, "sample")
        return clean(f"{self.dataset}/{self.split} · {length} · {self.task}", newlines=False)
