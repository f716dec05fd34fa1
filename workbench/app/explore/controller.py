"""What each controller of Explore is given: the app's services, the widgets, what is in view.

A controller has one concern, such as heat or bookmarks. It reads `view`, writes its own part of
it, and tells by `post` what others may want to know; it knows no other controller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.app.explore.rows import RunView
from workbench.reports.sample_filter import SampleFilter

if TYPE_CHECKING:
    from sessions.bookmarks import Bookmark
    from workbench.app.app import WbApp
    from workbench.app.explore.asked import Asked
    from workbench.app.explore.browser import Browser
    from workbench.app.explore.messages import Post
    from workbench.app.explore.saved_state import ExploreState
    from workbench.app.explore.widgets import ExploreWidgets
    from workbench.app.lists.sample_order import SampleOrder
    from workbench.data.source import Source
    from workbench.reports.prediction import Prediction
    from workbench.sample import Sample


@dataclass
class InView:
    """What is open and shown. A controller changes only what is its concern.

    Attributes:
        browser: The open source, as the list reads it.
        sample: The sample that is shown; its ordinal may still be that of the one before.
        ordinal: Of the sample under the cursor.
        run: The predictions beside the samples.
        bookmarks: Those of the split, by UID.
        filter: What narrows the list.
        order: What the list is sorted by; `None` for the order of the data.
        asked: What the answer in view answers; `None` without one.
        recorded: The line of the run that the answer in view is of; `None` where it is none's.
        asking: The UID that is being asked about; `None` while nothing is asked.
        heat: Whether heat lies over the image, or will.
        built: Whether the widgets that are mounted after the first frame are there.
    """

    browser: Browser | None = None
    sample: Sample | None = None
    ordinal: int | None = None
    run: RunView = field(default_factory=RunView)
    bookmarks: dict[str, Bookmark] = field(default_factory=dict)
    filter: SampleFilter = field(default_factory=SampleFilter)
    order: SampleOrder | None = None
    asked: Asked | None = None
    recorded: Prediction | None = None
    asking: str | None = None
    heat: bool = False
    built: bool = False

    @property
    def uid(self) -> str | None:
        """The UID of the sample in view."""
        return self.sample.uid if self.sample else None

    @property
    def source(self) -> Source | None:
        """The open source."""
        return self.browser.source if self.browser else None

    @property
    def split(self) -> str:
        """`dataset/split` of the open source, without the brackets of a part; else empty."""
        source = self.source
        return f"{source.dataset}/{source.split.partition('[')[0]}" if source else ""


@dataclass(frozen=True)
class Shared:
    """What all controllers of one screen are given."""

    bench: WbApp
    widgets: ExploreWidgets
    view: InView
    state: ExploreState
    post: Post


class Controller:
    """One concern of the screen."""

    def __init__(self, shared: Shared) -> None:
        self.bench, self.widgets = shared.bench, shared.widgets
        self.view, self.state, self.post = shared.view, shared.state, shared.post
