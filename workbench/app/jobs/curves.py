"""A training's curves beside its log: loss, and what the evaluation says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.widget import Widget

from workbench.app.lists.palette import PALETTE
from workbench.app.lists.plot import Point, curve

# Drawn in this order where they are reported; others follow as they came. Figures of the
# machine, not of the model, are left out.
FIRST = ("loss", "eval_accuracy", "accuracy", "eval_loss", "learning_rate", "lr", "grad_norm")
NOT_DRAWN = ("epoch", "step", "seconds")
MIN_HEIGHT = 5


class Curves(Widget):
    """As many curves as there is height for, the most telling first."""

    DEFAULT_CSS = "Curves { height: 1fr; }"

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._curves: Mapping[str, Sequence[Point]] = {}

    @property
    def names(self) -> list[str]:
        """The curves that there are, the most telling first; one point is no curve."""
        drawn = [n for n, points in self._curves.items() if len(points) > 1 and n not in NOT_DRAWN]
        return [n for n in FIRST if n in drawn] + [n for n in drawn if n not in FIRST]

    def show(self, curves: Mapping[str, Sequence[Point]]) -> None:
        """Draw these."""
        self._curves = {name: list(points) for name, points in curves.items()}
        self.refresh()

    def render(self) -> Text:
        """One under the other."""
        palette, width = PALETTE, self.size.width
        names = self.names[: max(1, min(4, self.size.height // MIN_HEIGHT))]
        if not names:
            return Text("no figures yet", style=palette.dim)
        styles = (palette.accent, palette.good, palette.second, palette.warn)
        height = self.size.height // len(names)
        lines: list[Text] = []
        for name, style in zip(names, styles, strict=False):
            lines += curve(name, self._curves[name], width, height, palette, style)
        return Text("\n", no_wrap=True).join(lines)
