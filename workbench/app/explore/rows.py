"""A line of the sample list, and what an evaluation run says beside it.

Guarantee: rows are light: no image bytes, so that a hundred thousand of them can be remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rich.style import Style

from sessions.verdict import Verdict
from workbench.app.lists.palette import PALETTE
from workbench.reports.sample_filter import SampleFacts
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.bookmarks import Bookmark
    from workbench.reports.prediction import Prediction
    from workbench.reports.sample_filter import SampleFilter
    from workbench.sample import Sample

Mark = Verdict
# Shape as well as colour: red and green are the same to one man in twelve.
MARKS: dict[Mark, tuple[str, Style]] = {
    "right": ("✓", PALETTE.good),
    "wrong": ("✗", PALETTE.bad),
    "unparsed": ("?", PALETTE.warn),
    "failed": ("!", PALETTE.bad),
    "none": ("·", PALETTE.dim),
}
_BRIEF = ("sentence", "hypothesis", "question", "caption", "text")


@dataclass(frozen=True)
class SampleRow:
    """One sample in the list.

    Attributes:
        ordinal: Its place in the split, from 0.
        brief: The first words of its main text, for the list and the filter.
        characters: Of all its texts, `None` without any.
    """

    ordinal: int
    uid: str
    label: str | None = None
    brief: str = ""
    error: str | None = None
    characters: float | None = None

    @property
    def native(self) -> str:
        """The UID without dataset and split."""
        return self.uid.split("/", 2)[-1]


def row_of(ordinal: int, sample: Sample) -> SampleRow:
    """The row of a sample."""
    role = next((r for r in _BRIEF if r in sample.texts), next(iter(sample.texts), None))
    brief = clean(sample.texts[role], newlines=False) if role is not None else ""
    label = clean(sample.label, newlines=False) if sample.label is not None else None
    characters = float(sum(map(len, sample.texts.values()))) if sample.texts else None
    return SampleRow(ordinal, sample.uid, label, brief[:200], sample.error, characters)


@dataclass(frozen=True)
class RunView:
    """The predictions of one run, by UID.

    Attributes:
        template: By which template the run asked, empty where it does not say.
        lines: UID -> what its line says.
    """

    run_id: str = ""
    title: str = ""
    template: str = ""
    lines: Mapping[str, Prediction] = field(default_factory=dict)

    def mark(self, uid: str) -> Mark:
        """How the run did on a sample."""
        found = self.lines.get(uid)
        return found.verdict if found else "none"

    def label(self, uid: str) -> str | None:
        """What the run said, `None` where it said nothing that can be read."""
        found = self.lines.get(uid)
        return found.label if found else None


def view_of_run(
    run_id: str, title: str, predictions: Iterable[Mapping[str, Any]], template: str = ""
) -> RunView:
    """A run's lines as the list shows them; a line without a UID is passed over."""
    from workbench.reports.prediction import read_predictions

    bare: dict[str, float] = {}  # scores are not shown, and of a long run they take most room
    lines = {line.uid: replace(line, scores=bare) for line in read_predictions(predictions)}
    return RunView(run_id, title, template, lines)


def short_labels(labels: Sequence[str]) -> dict[str, str]:
    """One character per label of a closed set, where first letters tell them apart."""
    letters = {label: label[:1].upper() for label in labels if label}
    return letters if len(set(letters.values())) == len(labels) else {}


def fits_of(
    wanted: SampleFilter, run: RunView, marks: Mapping[str, Bookmark]
) -> Callable[[SampleRow], bool]:
    """Whether a row stays in the list, given the predictions and the bookmarks beside it."""

    def fits(row: SampleRow) -> bool:
        mark = marks.get(row.uid)
        return wanted.fits(
            SampleFacts(
                text=f"{row.uid} {row.brief} {row.label or ''}",
                label=row.label,
                said=run.label(row.uid),
                verdict=run.mark(row.uid),
                broken=row.error is not None,
                tags=mark.tags if mark else None,
            )
        )

    return fits
