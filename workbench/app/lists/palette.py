"""The colours of what is drawn by hand, by meaning, in the terminal's own names.

A name becomes a colour of the theme, and readable, where it is drawn (`widgets/readable.py`): a
text that was made under one theme is right under the next.
Not for: backgrounds and borders of widgets, which the style sheets give.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style


@dataclass(frozen=True)
class Palette:
    """Styles by meaning.

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


PALETTE = Palette()
