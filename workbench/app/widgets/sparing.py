"""Drawing what changed and nothing else: a step through a list touches few of a screen's widgets.

Textual draws every widget inside the smallest rectangle around all that changed: where a line on
the left and one on the right changed, all there are. On a full screen that takes longer than all
else that a key costs. Guarantee: the same cells reach the terminal. Not for an app that Textual
changed under us: where the part that is replaced is not found, Textual's own draws.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.reactive import Reactive
from textual.scrollbar import ScrollBar

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.widget import Widget


def draw_sparingly(screen: Screen[Any]) -> None:
    """Have a screen that was just made draw only the widgets on which something changed."""
    if type(getattr(screen, "_compositor", None)) is Compositor:
        screen._compositor = SparingCompositor()


class SparingCompositor(Compositor):
    """Skips the widgets that no changed region touches, and the lines of others that none does.

    What lies behind a widget is not drawn either: each widget fills all of its own cells.
    """

    def __init__(self) -> None:
        super().__init__()
        self._changed: tuple[Region, ...] | None = None

    @property
    def visible_widgets(self) -> dict[Widget, tuple[Region, Region]]:
        """All that are seen; while parts are drawn, those that they touch, in as many lines."""
        found, changed = super().visible_widgets, self._changed
        if changed is None:
            return found
        touched: dict[Widget, tuple[Region, Region]] = {}
        left = list(changed)
        for widget, (region, clip) in found.items():  # from front to back
            seen = region.intersection(clip)
            parts = [part for part in left if seen.overlaps(part)]
            if parts:
                lines = Region.from_union(parts)
                rows = Region(clip.x, lines.y, clip.width, lines.height)
                touched[widget] = (region, clip.intersection(rows))
                left = [part for part in left if not seen.contains_region(part)]
        return touched

    def render_partial_update(self) -> ChopsUpdate | None:
        """Draw what changed."""
        _ = self.cuts  # they are remembered, and are to be those of all widgets
        self._changed = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._changed = None


class SteadyBar(ScrollBar):
    """A vertical scroll bar that is drawn anew only if its thumb looks different.

    In a long list the thumb moves by an eighth of a cell in several steps.
    """

    position: Reactive[float] = Reactive(0, repaint=False)

    def watch_position(self, before: float, now: float) -> None:
        """Draw the lines in which the thumb changed."""
        old, new = self._thumb(before), self._thumb(now)
        if old != new:
            top, bottom = min(old[0], new[0]) // 8, max(old[1], new[1]) // 8 + 1
            self.refresh(Region(0, top, self.size.width, bottom - top))

    def _thumb(self, position: float) -> tuple[int, int]:
        """(start, end) in eighths of a cell, as `ScrollBarRender` draws it."""
        size, seen, whole = self.size.height, self.window_size, self.window_virtual_size
        if not size or not seen or seen >= whole:
            return (0, 0)
        thumb = max(1, seen / (whole / size))
        start = int((size - thumb) * (position / (whole - seen)) * 8)
        return start, start + math.ceil(thumb * 8)


def steady_bar(widget: Widget) -> ScrollBar:
    """The vertical scroll bar of a widget, made where it has none yet."""
    bar = widget._vertical_scrollbar
    if bar is None:
        bar = SteadyBar(vertical=True, name="vertical", thickness=widget.scrollbar_size_vertical)
        bar.display = False
        widget._vertical_scrollbar = bar
        widget.app._start_widget(widget, bar)
    return bar
