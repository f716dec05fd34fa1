"""Frames that are counted, and made only where a terminal takes them.

An app without a terminal makes each frame all the same, only to drop it. Here it is counted, and
the screen is drawn when a test reads it; of the frame, only what makes its lines itself is drawn.
`pty_bench.py` and `hostile_bench.py` have real frames.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from textual._compositor import Compositor, visible_screen_stack
from textual._context import active_app
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.widget import Widget

_counted: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
_parsed: dict[Any, list[RuleSet]] = {}
_make, _parse = Compositor.render_update, Stylesheet._parse_rules


def count_frame(self: Compositor, *given: Any, **named: Any) -> Any:
    """In the place of `Compositor.render_update`."""
    app = active_app.get()
    _counted[app] = _counted.get(app, 0) + 1
    if not app.is_headless:
        return _make(self, *given, **named)
    visible_screen_stack.set(named.get("screen_stack") or [])
    self._dirty_regions.clear()
    for widget, (region, clip) in self.visible_widgets.items():
        if draws_lines(type(widget)) and (seen := region.intersection(clip)).area:
            widget.render_lines(seen.translate(-region.offset))
    return None


@cache
def draws_lines(kind: type[Widget]) -> bool:
    """Whether widgets of a kind make their lines themselves: those may learn their size by it."""
    return (kind.render_lines, kind.render_line) != (Widget.render_lines, Widget.render_line)


def parse_once(self: Stylesheet, *given: Any, **named: Any) -> list[RuleSet]:
    """In the place of `Stylesheet._parse_rules`: each app parses all sheets, which are the same."""
    key = (given, *sorted(named.items()), frozenset(self._variables.items()))
    if key not in _parsed:
        _parsed[key] = _parse(self, *given, **named)
    return _parsed[key]


class Still:
    """Whether a screen stays as it is from one look to the next.

    Attributes:
        drawn: The text of the screen when it last changed.
    """

    def __init__(self, app: Any, text: Callable[[], str]) -> None:
        self._app, self._text = app, text
        self._count: int | None = None
        self.drawn: str | None = None

    def __call__(self) -> bool:
        """Look; at the second look it is drawn too, since drawing may start work."""
        count = _counted.get(self._app, 0)
        first, same, self._count = self._count is None, count == self._count, count
        if first or (same and self.drawn is not None and self._app in _counted):
            return not first
        now = self._text()  # a frame may show what the one before showed
        same, self.drawn = now == self.drawn, now
        return same
