"""A training's curves beside its log: loss, and what the evaluation says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.text import Text
from textual.widget import Widget

from workbench.app.lists.draw import number, plain
from workbench.app.lists.palette import PALETTE
from workbench.app.lists.plot import Point, curve

# Drawn in this order where they are reported; others follow as they came. Figures of the
# machine, not of the model, are left out.
FIRST = ("loss", "eval_accuracy", "accuracy", "eval_loss", "learning_rate", "lr", "grad_norm")
NOT_DRAWN = ("epoch", "step", "seconds")
MIN_HEIGHT = 5
MOST_SAID = 4  # figures of one point that are said


class Curves(Widget):
    """As many curves as there is height for, the most telling first."""

    DEFAULT_CSS = "Curves { height: 1fr; }"

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._curves: Mapping[str, Sequence[Point]] = {}

    @property
    def names(self) -> list[str]:
        """The curves that there are, the most telling first; one point is no curve."""
        return self._ordered(lambda points: len(points) > 1)

    def _ordered(self, those: Callable[[Sequence[Point]], bool]) -> list[str]:
        found = [n for n, points in self._curves.items() if those(points) and n not in NOT_DRAWN]
        return [n for n in FIRST if n in found] + [n for n in found if n not in FIRST]

    def show(self, curves: Mapping[str, Sequence[Point]]) -> None:
        """Draw these."""
        self._curves = {name: list(points) for name, points in curves.items()}
        self.refresh()

    def render(self) -> Text:
        """One under the other."""
        palette, width = PALETTE, self.size.width
        names = self.names
        said = self._said(self.size.height - (MIN_HEIGHT if names else 0))
        room = self.size.height - len(said)
        names = names[: max(1, min(4, room // MIN_HEIGHT))]
        if not names:
            nothing = [Text("no figures yet", style=palette.dim)]
            return Text("\n", no_wrap=True).join(said or nothing)
        styles = (palette.accent, palette.good, palette.second, palette.warn)
        height = room // len(names)
        lines: list[Text] = []
        for name, style in zip(names, styles, strict=False):
            lines += curve(name, self._curves[name], width, height, palette, style)
        return Text("\n", no_wrap=True).join([*lines, *said])

    def _said(self, room: int) -> list[Text]:
        """A line for each figure of one point, which is no curve; `room` lines at most."""
        lines = []
        for name in self._ordered(lambda points: len(points) == 1)[: max(0, min(room, MOST_SAID))]:
            at, value = self._curves[name][0]
            line = plain(f"{name}  ", PALETTE.dim).append(number(value), PALETTE.strong)
            lines.append(line.append(f"  at step {at:,.0f}, the only point", PALETTE.dim))
        return lines
