"""A screen for a place that cannot be shown yet."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from workbench.app.widgets.footer import BenchFooter
from workbench.app.widgets.header import BenchHeader


class PlaceholderScreen(Screen[None]):
    """Says which place is missing."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def compose(self) -> ComposeResult:
        """The header, one sentence and the footer."""
        yield BenchHeader()
        yield Static(f"{self.place} is not built yet; 1 goes back to Explore", markup=False)
        yield BenchFooter()
