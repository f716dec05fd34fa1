"""What the parts of the Explore screen share: its widgets by name, and what is open in it.

Widgets that are mounted after the first frame are found by the name of their class: importing
them here would make the first frame wait for them.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from workbench.app.explore.rows import RunView
from workbench.app.explore.sample_list import SampleList
from workbench.app.explore.saved_state import ExploreState, restored
from workbench.app.widgets.image_view import ImageView

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.app.app import WbApp
    from workbench.app.explore.answer import AnswerPanel
    from workbench.app.explore.browser import Browser
    from workbench.app.explore.heat_bar import HeatBar
    from workbench.app.explore.history import History
    from workbench.app.explore.prompt_panel import PromptPanel
    from workbench.app.explore.texts import Texts
    from workbench.sample import Sample


class ExploreBase(Screen[None]):
    """The screen's widgets and state, by name; its parts add what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.browser: Browser | None = None
        self.sample: Sample | None = None
        self.ordinal: int | None = None
        self.run_view = RunView()
        self._built = False

    @property
    def bench(self) -> WbApp:
        """The app, by its own type."""
        return cast("WbApp", self.app)

    @cached_property
    def state(self) -> ExploreState:
        """What is found again next time."""
        return restored(ExploreState, self.bench.state.place("explore"))

    @property
    def uid(self) -> str | None:
        """The UID of the sample in view."""
        return self.sample.uid if self.sample else None

    def once_shown(self, do: Callable[[], None]) -> None:
        """Do something about the sample under the cursor; see `SampleReader`."""
        do()

    @property
    def samples(self) -> SampleList:
        """The list."""
        return self.query_one(SampleList)

    @property
    def image(self) -> ImageView:
        """The picture."""
        return self.query_one(ImageView)

    @property
    def texts(self) -> Texts:
        """The texts below the picture."""
        return cast("Texts", self.query_one("Texts"))

    @property
    def heat_bar(self) -> HeatBar:
        """The line between them."""
        return cast("HeatBar", self.query_one("HeatBar"))

    @property
    def panel(self) -> PromptPanel:
        """The prompt."""
        return cast("PromptPanel", self.query_one("PromptPanel"))

    @property
    def answer(self) -> AnswerPanel:
        """The answer."""
        return cast("AnswerPanel", self.query_one("AnswerPanel"))

    @property
    def history(self) -> History:
        """Earlier answers."""
        return cast("History", self.query_one("History"))

    @property
    def built(self) -> bool:
        """Whether what is mounted after the first frame is there."""
        return self._built
