"""What the controllers of Explore tell one another, by way of the screen.

Each is a plain value that is handled before `post` returns. Textual's own messages stand in line
behind the keys; what a key does here is done before the next key is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from workbench.data.source import Source
    from workbench.models.spec import ModelSpec
    from workbench.prompts.template import Template
    from workbench.sample import Sample


class ExploreMessage:
    """What is told."""


@dataclass(frozen=True)
class SourceWanted(ExploreMessage):
    """Open `dataset/split` and stand on its first sample."""

    spec: str


@dataclass(frozen=True)
class UidWanted(ExploreMessage):
    """Stand on a UID, wherever it is."""

    uid: str


@dataclass(frozen=True)
class OrdinalWanted(ExploreMessage):
    """Stand on an ordinal of the open source, also where a filter hides it."""

    ordinal: int


@dataclass(frozen=True)
class RunWanted(ExploreMessage):
    """Show the predictions of this run beside the samples."""

    run_id: str


@dataclass(frozen=True)
class RunAnswerWanted(ExploreMessage):
    """Put into view what the run beside the list recorded of the sample."""


@dataclass(frozen=True)
class TextWanted(ExploreMessage):
    """Ask in these words of the user's own from now on; `system` is empty for no system turn."""

    text: str
    system: str


@dataclass(frozen=True)
class TemplateWanted(ExploreMessage):
    """Ask by this template from now on; `None`: in free text."""

    template: Template | None


@dataclass(frozen=True)
class SourceOpened(ExploreMessage):
    """A source is open, nothing of it is in view yet.

    Attributes:
        at: The ordinal to stand on.
        run_id: Whose predictions stand beside the samples; `None`: the newest run's.
    """

    source: Source
    at: int
    run_id: str | None


@dataclass(frozen=True)
class SampleShown(ExploreMessage):
    """Another sample is in view."""

    sample: Sample


@dataclass(frozen=True)
class PlaceChanged(ExploreMessage):
    """Another ordinal, another filter or more matches: the line under the list says it."""


@dataclass(frozen=True)
class OrderChanged(ExploreMessage):
    """The list is sorted by something else."""


@dataclass(frozen=True)
class SampleMarksChanged(ExploreMessage):
    """What the list marks samples by changed: the chosen run, or the bookmarks."""


@dataclass(frozen=True)
class ModelChanged(ExploreMessage):
    """Another model is asked than `before`."""

    before: ModelSpec


@dataclass(frozen=True)
class AnswerBegan(ExploreMessage):
    """The answer before goes.

    Attributes:
        asked: A question was asked; otherwise an answer that is on record comes into view.
    """

    asked: bool = False


@dataclass(frozen=True)
class AnswerReady(ExploreMessage):
    """An answer stands in view."""


@dataclass(frozen=True)
class AnswerMissing(ExploreMessage):
    """No answer came, or not all of it; what waited for it waits no more."""


@dataclass(frozen=True)
class HeatTakenOff(ExploreMessage):
    """No heat lies over the image any more: the line under it is free."""


@dataclass(frozen=True)
class AnswerRecorded(ExploreMessage):
    """Answers were put on record."""

    records: tuple[PromptRecord, ...]


Post = Callable[[ExploreMessage], None]
