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


@dataclass(frozen=True)
class SourceWanted:
    """Open `dataset/split` and stand on its first sample."""

    spec: str


@dataclass(frozen=True)
class UidWanted:
    """Stand on a UID, wherever it is."""

    uid: str


@dataclass(frozen=True)
class OrdinalWanted:
    """Stand on an ordinal of the open source, also where a filter hides it."""

    ordinal: int


@dataclass(frozen=True)
class RunWanted:
    """Show the predictions of this run beside the samples."""

    run_id: str


@dataclass(frozen=True)
class TemplateWanted:
    """Ask by this template from now on; `None`: in free text."""

    template: Template | None


@dataclass(frozen=True)
class SourceOpened:
    """A source is open, nothing of it is in view yet.

    Attributes:
        at: The ordinal to stand on.
        run_id: Whose predictions stand beside the samples; `None`: the newest run's.
    """

    source: Source
    at: int
    run_id: str | None


@dataclass(frozen=True)
class SampleShown:
    """Another sample is in view."""

    sample: Sample


@dataclass(frozen=True)
class PlaceChanged:
    """Another ordinal, another filter or more matches: the line under the list says it."""


@dataclass(frozen=True)
class BesideChanged:
    """The run beside the samples or their bookmarks are others."""


@dataclass(frozen=True)
class ModelChanged:
    """Another model is asked than `before`."""

    before: ModelSpec


@dataclass(frozen=True)
class AnswerBegan:
    """The answer before goes.

    Attributes:
        asked: A question was asked; otherwise an answer that is on record comes into view.
    """

    asked: bool = False


@dataclass(frozen=True)
class AnswerReady:
    """An answer stands in view."""


@dataclass(frozen=True)
class AnswerMissing:
    """No answer came, or not all of it; what waited for it waits no more."""


@dataclass(frozen=True)
class Recorded:
    """Answers were put on record."""

    records: tuple[PromptRecord, ...]


ExploreMessage = (
    SourceWanted
    | UidWanted
    | OrdinalWanted
    | RunWanted
    | TemplateWanted
    | SourceOpened
    | SampleShown
    | PlaceChanged
    | BesideChanged
    | ModelChanged
    | AnswerBegan
    | AnswerReady
    | AnswerMissing
    | Recorded
)
Post = Callable[[ExploreMessage], None]
