"""Pieces of HTML for a notebook: text escaped, styles inline, colours that fit light and dark.

Guarantee: whatever data or a model said goes through `esc`, so it is text and never markup, and
MathJax is told to leave it alone; the notebook's own text colour and background are kept, tints
are half-transparent. No script and no style sheet: a notebook that is not trusted shows the same.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from workbench.text import clean

LINE = "rgba(128,128,128,.35)"
GOOD = "rgba(46,158,91,.28)"
BAD = "rgba(217,70,65,.28)"
BAR = "rgba(66,133,244,.55)"
# A text longer than this is cut where it is shown; the object holds all of it.
MOST_TEXT = 4000


def esc(text: object, most: int = MOST_TEXT) -> str:
    """Text for HTML, also inside an attribute: cleaned of control characters, cut, escaped."""
    out = clean(text)
    return html.escape(out if len(out) <= most else f"{out[:most]}…")


def page(*parts: str) -> str:
    """The outermost element of something shown."""
    # The class names are those that MathJax 2 and 3 skip: `$…$` in data is no formula.
    return (
        '<div class="wb tex2jax_ignore mathjax_ignore" '
        'style="line-height:1.45;max-width:64rem;overflow-x:auto">' + "".join(parts) + "</div>"
    )


def muted(inner: str) -> str:
    """Words beside the matter; `inner` is HTML."""
    return f'<span style="opacity:.7;font-size:.9em">{inner}</span>'


def block(inner: str, style: str = "") -> str:
    """A paragraph of its own; `inner` is HTML."""
    return f'<div style="margin:.35em 0;{style}">{inner}</div>'


def heading(text: object, aside: str = "") -> str:
    """The first line: a name, and HTML beside it."""
    bold = f'<b style="overflow-wrap:anywhere">{esc(text, 300)}</b>'
    return block(f"{bold} {muted(aside) if aside else ''}")


def badge(text: object, tint: str = "rgba(128,128,128,.22)") -> str:
    """A short word on a tint."""
    style = f"background:{tint};border-radius:.6em;padding:.1em .55em;white-space:nowrap"
    return f'<span style="{style}">{esc(text, 80)}</span>'


def verdict(right: bool | None) -> str:
    """A mark that says right or wrong in form as well as in colour; nothing where unknown."""
    if right is None:
        return ""
    return badge("✓ right", GOOD) if right else badge("✗ wrong", BAD)


def prose(text: object) -> str:
    """Text as it was written, its line breaks kept."""
    return f'<span style="white-space:pre-wrap;overflow-wrap:anywhere">{esc(text)}</span>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values in two columns.

    Args:
        rows: Plain name, HTML value; rows without a value are left out.
    """
    cells = "".join(
        f'<div style="opacity:.7">{esc(word, 80)}</div><div>{value}</div>'
        for word, value in rows
        if value
    )
    style = "display:grid;grid-template-columns:max-content 1fr;gap:.15em 1em;margin:.35em 0"
    return f'<div style="{style}">{cells}</div>' if cells else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are HTML, the head is plain text."""
    cell = f"text-align:left;vertical-align:top;padding:.25em .7em;border-bottom:1px solid {LINE}"
    top = "".join(f'<th style="{cell};opacity:.7;font-weight:normal">{esc(h)}</th>' for h in head)
    body = "".join(
        "<tr style='background:transparent'>"
        + "".join(f'<td style="{cell};overflow-wrap:anywhere">{value}</td>' for value in row)
        + "</tr>"
        for row in rows
    )
    return (
        '<table style="border-collapse:collapse;margin:.35em 0;font-size:inherit">'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    )


def bar(share: float, width_em: float = 8.0) -> str:
    """A share of 1 as a bar."""
    wide = width_em * min(max(share, 0.0), 1.0)
    fill = f'<span style="display:block;width:{wide:.2f}em;height:.7em;background:{BAR}"></span>'
    style = f"display:inline-block;width:{width_em}em;background:rgba(128,128,128,.15)"
    return f'<span style="{style}">{fill}</span>'


def folded(title: str, inner: str) -> str:
    """HTML that is folded away until its title is clicked."""
    if not inner:
        return ""
    summary = f'<summary style="cursor:pointer;opacity:.7">{esc(title, 200)}</summary>'
    return f'<details style="margin:.35em 0">{summary}{inner}</details>'


def row(items: Iterable[str], gap: str = ".8em") -> str:
    """HTML side by side, wrapped where it does not fit."""
    inner = "".join(items)
    style = f"display:flex;flex-wrap:wrap;gap:{gap};align-items:flex-start;margin:.35em 0"
    return f'<div style="{style}">{inner}</div>' if inner else ""


def card(inner: str, style: str) -> str:
    """HTML in a thin frame."""
    frame = f"border:1px solid {LINE};border-radius:.4em;padding:.5em;{style}"
    return f'<div style="{frame};box-sizing:border-box;overflow:hidden">{inner}</div>'


def name(uid: object) -> str:
    """A UID in a table: on one line unless it is long."""
    text = str(uid)
    keep = "white-space:nowrap" if len(text) <= 48 else "overflow-wrap:anywhere"
    return f'<span style="{keep}">{esc(text, 300)}</span>'
