"""Small drawings of one line: intervals, progress, ages; as rich `Text`, never markup.

Guarantee: every function returns exactly the width it was asked for, whatever it is given.
Not for: plots of several lines (`plot.py`).
"""

from __future__ import annotations

import math
import re

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

from workbench.app.lists.palette import Palette
from workbench.text import clean

_HASH = re.compile("[0-9a-f]{12,}|[0-9A-F]{12,}")
ROOMY = 40  # cells in which a whole hash leaves room for what is said beside it
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def plain(value: object, style: Style | str = "") -> Text:
    """Any value as one clean line."""
    return Text(clean(value, newlines=False), style=style, no_wrap=True, overflow="ellipsis")


def short_name(name: str, cells: int) -> str:
    """A sample's id in so many cells, with an ellipsis where most of what tells it apart is kept.

    Of a hash that is its beginning, of any other name its end: numbers stand there. The whole id
    stands where a single sample is shown.
    """
    name = clean(name, newlines=False)
    if _HASH.fullmatch(name):
        return name if cells >= ROOMY else f"{name[: max(1, min(8, cells - 1))]}…"
    if cell_len(name) <= cells:
        return name
    if cells < 8:
        return set_cell_size(name, max(0, cells - 1)) + "…" * (cells > 0)
    head, tail = name[: (cells - 1) // 3], name[::-1]
    kept = ""
    for sign in tail:
        if cell_len(head) + 1 + cell_len(kept) + cell_len(sign) > cells:
            break
        kept = sign + kept
    return f"{head}…{kept}"


def fit(text: Text, width: int, justify: str = "left") -> Text:
    """A copy of `text` of exactly `width` cells, cut with an ellipsis where it is longer."""
    if width <= 0:
        return Text()
    out = text.copy()
    if out.cell_len > width:
        out.truncate(width, overflow="ellipsis")
    missing = width - out.cell_len
    if missing > 0:
        if justify == "right":
            out.pad_left(missing)
        elif justify == "center":
            out.pad_left(missing // 2)
            out.pad_right(missing - missing // 2)
        else:
            out.pad_right(missing)
    return out


def interval_bar(
    value: float | None,
    low: float | None,
    high: float | None,
    width: int,
    palette: Palette,
    style: Style | None = None,
) -> Text:
    """A value from 0 to 1 and its interval on a line of `width` cells; empty where undefined."""
    style = style or palette.accent
    if value is None or low is None or high is None:
        return Text("─" * max(0, width), style=palette.dim)
    if width < 3 or not all(map(math.isfinite, (value, low, high))):
        return Text("─" * max(0, width), style=palette.dim)

    def cell(x: float) -> int:
        return min(width - 1, max(0, round(x * (width - 1))))

    first, at, last = cell(low), cell(value), cell(high)
    out = Text("─" * first, style=palette.dim, no_wrap=True)
    out.append("━" * (at - first), style)
    out.append("●", style + Style(bold=True))
    out.append("━" * (last - at), style)
    out.append("─" * (width - 1 - last), palette.dim)
    return out


def difference_bar(value: float, low: float, high: float, width: int, palette: Palette) -> Text:
    """A difference and its interval around a middle of zero; coloured where it excludes zero."""
    if width < 3:
        return Text("─" * max(0, width), style=palette.dim)
    span = max(abs(low), abs(high), 1e-9)

    def cell(x: float) -> int:
        return min(width - 1, max(0, round((x / span + 1) / 2 * (width - 1))))

    style = palette.good if low > 0 else palette.bad if high < 0 else palette.accent
    middle, first, at, last = cell(0), cell(low), cell(value), cell(high)
    out = Text(no_wrap=True)
    for x in range(width):
        if x == at:
            out.append("●", style + Style(bold=True))
        elif x == middle:
            out.append("┼" if first <= x <= last else "│", style if first <= x <= last else "")
        elif first <= x <= last:
            out.append("━", style)
        else:
            out.append("─", palette.dim)
    return out


def progress_bar(share: float | None, width: int, palette: Palette, style: Style) -> Text:
    """How much is done; an empty track where nobody knows."""
    if width <= 0:
        return Text()
    if share is None or not math.isfinite(share):
        return Text("─" * width, style=palette.dim)
    halves = round(min(1.0, max(0.0, share)) * width * 2)
    out = Text("━" * (halves // 2), style=style, no_wrap=True)
    if halves % 2:
        out.append("╸", style)
    out.append("─" * (width - halves // 2 - halves % 2), palette.dim)
    return out


def number(value: object) -> str:
    """A metric in few characters, without losing small values; "–" where there is none."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return clean(value, newlines=False)
    if not math.isfinite(value):
        return "–"
    if isinstance(value, int) or (value == int(value) and abs(value) >= 10):
        return f"{int(value):,}"
    if 1e-12 < abs(value) < 0.001:  # below that it is what rounding left of a zero
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
