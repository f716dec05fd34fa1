"""The widgets of the Explore screen, by name.

Those that are mounted after the first frame are found by the name of their class: importing them
here would make the first frame wait for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from workbench.app.explore.sample_list import SampleList
from workbench.app.widgets.image_view import ImageView

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.widgets import Input

    from workbench.app.explore.answer import AnswerPanel
    from workbench.app.explore.heat_bar import HeatBar
    from workbench.app.explore.history import History
    from workbench.app.explore.jump_bar import JumpBar
    from workbench.app.explore.prompt_panel import PromptPanel
    from workbench.app.explore.texts import SampleTexts


class ExploreWidgets:
    """What the controllers draw on."""

    def __init__(self, screen: Screen[None]) -> None:
        self.screen = screen

    @property
    def samples(self) -> SampleList:
        """The list."""
        return self.screen.query_one(SampleList)

    @property
    def image(self) -> ImageView:
        """The picture."""
        return self.screen.query_one(ImageView)

    @property
    def texts(self) -> SampleTexts:
        """The texts below the picture."""
        return cast("SampleTexts", self.screen.query_one("SampleTexts"))

    @property
    def heat_bar(self) -> HeatBar:
        """The line between them."""
        return cast("HeatBar", self.screen.query_one("HeatBar"))

    @property
    def panel(self) -> PromptPanel:
        """The prompt."""
        return cast("PromptPanel", self.screen.query_one("PromptPanel"))

    @property
    def answer(self) -> AnswerPanel:
        """The answer."""
        return cast("AnswerPanel", self.screen.query_one("AnswerPanel"))

    @property
    def history(self) -> History:
        """Earlier answers."""
        return cast("History", self.screen.query_one("History"))

    @property
    def filter(self) -> Input:
        """The field over the list."""
        return cast("Input", self.screen.query_one("#filter"))

    @property
    def jump(self) -> JumpBar:
        """The field for a row or a UID."""
        return cast("JumpBar", self.screen.query_one("JumpBar"))

    @property
    def list_is_folded(self) -> bool:
        """Whether the list is folded away."""
        alone = self.screen.maximized
        others = alone is not None and self.samples not in alone.walk_children()
        return others or self.screen.has_class("-narrow") or self.screen.has_class("-zoom")
