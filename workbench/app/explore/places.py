"""Explore's boxes: where an answer says that something is, and where gold says it.

Guarantee: what is drawn belongs to the answer and the sample in view; gold, whose boxes may be
fractions of an image that must be opened for its size, is looked up in a lane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.explore.controller import Controller, Shared
from workbench.app.widgets.footer import key_of
from workbench.app.widgets.places import ShownPlaces

if TYPE_CHECKING:
    from workbench.app.tasks import CancelToken
    from workbench.grounding.region import Region
    from workbench.sample import Sample


class PlaceOverlay(Controller):
    """Boxes and points over the image, and the line that says which is which."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._gold: tuple[Region, ...] = ()

    def toggle(self) -> None:
        """Draw them, or not, from now on."""
        self.state.places = not self.state.places
        if not self.shown:
            will = "are drawn" if self.state.places else "stay away"
            self.bench.notify(f"no boxes or points here; from now on they {will}", timeout=3)
        self.draw()

    @property
    def shown(self) -> ShownPlaces:
        """Those of the answer in view, and gold."""
        answered = self.view.asked or self.view.recorded
        return ShownPlaces(answered.places if answered is not None else None, self._gold)

    def follow(self, sample: Sample) -> None:
        """Another sample is in view: its gold is looked up."""
        self._gold = ()
        self.draw()
        if sample.task != "grounding":
            self.bench.tasks.cancel("places")
            return

        def work(token: CancelToken) -> None:
            from workbench.grounding.gold import gold_of

            found = gold_of(sample)
            if not token.cancelled:
                self.bench.call_soon(self._take, sample.uid, found)

        self.bench.tasks.run("places", work)

    def _take(self, uid: str, gold: tuple[Region, ...]) -> None:
        if uid == self.view.uid:
            self._gold = gold
            self.draw()

    def draw(self) -> None:
        """Over the image, where it is wanted; the legend where no heat says what it is."""
        view, shown = self.view, self.shown
        drawn = shown if shown and self.state.places else None
        self.widgets.image.show_places(drawn)
        if not view.heat:
            key = key_of(self.widgets.image, "explore.places") if drawn is not None else ""
            self.widgets.heat_bar.say(drawn.legend(key) if drawn is not None else None)
