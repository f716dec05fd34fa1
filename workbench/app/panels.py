"""The panels of a screen: the one of a widget, and one of them alone on the screen.

A panel is what has a title in its border. Textual shows it alone (`Screen.maximized`); header and
footer stay.

Guarantee: of a panel that is alone the focus lies in it, or on it, so that no key goes to a list
behind it; a focus that goes elsewhere brings the others back.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from textual.screen import Screen
from textual.widget import Widget

_KEPT: WeakSet[Screen[Any]] = WeakSet()  # screens whose focus is kept in what fills them


def panel_of(widget: Widget | None) -> Widget | None:
    """The panel that a widget lies in, or is."""
    for node in widget.ancestors_with_self if widget is not None else ():
        if isinstance(node, Screen):
            return None
        if isinstance(node, Widget) and node.border_title:
            return node
    return None


def panels(screen: Screen[Any]) -> list[Widget]:
    """Those in sight."""
    return [w for w in screen.query(Widget) if w.border_title and w.is_on_screen and w.region]


def largest(screen: Screen[Any]) -> Widget | None:
    """The largest in sight: what is meant where nothing has the focus."""
    return max(panels(screen), key=lambda panel: panel.region.area, default=None)


def fill_screen(screen: Screen[Any], panel: Widget | None) -> bool:
    """Show a panel alone; `None`, or the one that is alone already, brings the others back.

    Returns:
        Whether anything changed.
    """
    if screen not in _KEPT:
        _KEPT.add(screen)
        _FocusAlone(screen)  # lives as long as the screen that it watches
    before = screen.maximized
    screen.maximized = None if panel is before else panel
    return screen.maximized is not before


class _FocusAlone:
    """Keeps the focus of a screen in the panel that is alone, and brings it back."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen
        self._before: Widget | None = None  # what had the focus before
        self._lent: Widget | None = None  # a panel that takes the focus only while it is alone
        screen.watch(screen, "maximized", self._filled, init=False)
        screen.watch(screen, "focused", self._moved, init=False)

    def _filled(self, panel: Widget | None) -> None:
        screen, focused = self._screen, self._screen.focused
        if panel is None:
            inside = focused is None or focused is self._lent
            self._take_back()
            if inside and self._before is not None and self._before.is_mounted:
                screen.set_focus(self._before)
            self._before = None
        elif focused is None or panel not in focused.ancestors_with_self:
            self._take_back()
            self._before = self._before or focused
            within = (w for w in panel.walk_children(Widget) if w.focusable and w.display)
            target = next(within, None)
            if target is None:
                target = self._lent = panel
                panel.can_focus = True
            screen.set_focus(target)

    def _moved(self, focused: Widget | None) -> None:
        alone = self._screen.maximized
        if alone is not None and focused is not None and alone not in focused.ancestors_with_self:
            self._screen.maximized = None

    def _take_back(self) -> None:
        lent, self._lent = self._lent, None
        if lent is not None:
            lent.can_focus = False
