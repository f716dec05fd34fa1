"""Style sheets that are parsed once, and a new screen that leaves the others as they are.

For each screen that is seen for the first time Textual parses all sheets again and gives every
widget of every screen its styles again, up to three times. Guarantee: the same styles, as long as
the sheet of a screen is about that screen alone (`test_kept_sheets` holds all of them to that). A
sheet is parsed again where the variables of the theme changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

_SHEETS = 1024  # more than there are: in a smaller cache, reading all in turn finds none of them


class KeptSheets(Stylesheet):
    """A stylesheet that remembers the rules of every sheet."""

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(_SHEETS)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take the variables of a theme; the same ones change nothing."""
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Bring the rules up to date; raises as `parse` does, and then leaves them as they were."""
        self.parse()


def style_by_itself(app: App[Any], screen: Screen[Any]) -> None:
    """Read the sheets of a screen that is about to be shown for the first time.

    Its widgets are styled when they are mounted: by these sheets and the theme of now.
    """
    for path in screen.css_path:
        if not app.stylesheet.has_source(str(path), ""):
            app.stylesheet.read(path)
    screen._css_update_count = app._css_update_count
