"""The panels of a screen: the one of a widget, and one of them alone on the screen.

A panel is what has a title in its border. Textual shows it alone (`Screen.maximized`); header and
footer stay.
"""

from __future__ import annotations

from typing import Any

from textual.screen import Screen
from textual.widget import Widget


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
    before = screen.maximized
    screen.maximized = None if panel is before else panel
    return screen.maximized is not before
