"""The theme's colours for what is drawn by hand, by meaning.

Not for: backgrounds and borders of widgets, which the style sheets give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.style import Style

if TYPE_CHECKING:
    from textual.app import App


@dataclass(frozen=True)
class Palette:
    """Styles by meaning; a named terminal colour of the theme becomes the default colour.

    Attributes:
        good, bad, warn: Right, wrong, and what wants a look.
        accent, second: The first and the second of two things that stand side by side.
        dim: What yields to the rest.
        strong: What is read first.
    """

    good: Style = Style(color="green")
    bad: Style = Style(color="red")
    warn: Style = Style(color="yellow")
    accent: Style = Style(color="blue")
    second: Style = Style(color="magenta")
    dim: Style = Style(dim=True)
    strong: Style = Style(bold=True)

    @classmethod
    def of(cls, app: App[Any]) -> Palette:
        """The palette of the theme that `app` wears now; cheap enough for every row."""
        if app.theme not in _KNOWN:
            _KNOWN[app.theme] = cls._read(app.theme_variables)
        return _KNOWN[app.theme]

    @classmethod
    def _read(cls, css: dict[str, str]) -> Palette:

        def colour(*names: str) -> Style:
            for name in names:
                value = css.get(name, "")
                if value.startswith("#"):
                    return Style(color=value[:7])
            return Style()

        return cls(
            good=colour("text-success", "success"),
            bad=colour("text-error", "error"),
            warn=colour("text-warning", "warning"),
            accent=colour("text-primary", "primary"),
            second=colour("text-accent", "accent"),
        )


_KNOWN: dict[str, Palette] = {}
