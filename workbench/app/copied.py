"""What is said of a copy: how much it was, and the text itself where there is room for it."""

from __future__ import annotations

from typing import Any

from textual.app import App

_SHORT = 48  # characters that a line of the screen has room for


def copied(text: str) -> str:
    """`copied 32 characters`."""
    return f"copied {_characters(text)}"


def copy_text(bench: App[Any], text: str, what: str, panel: bool) -> None:
    """Copy a text and say so, in a panel that shows a long one or in a line."""
    bench.copy_to_clipboard(text)
    if panel and len(text) > _SHORT:
        from workbench.app.widgets.text_panel import TextPanel

        bench.push_screen(TextPanel(f"{what} copied", text))
        return
    from workbench.text import clean

    brief = len(text) <= _SHORT and "\n" not in text
    said = f"{clean(text)} · {_characters(text)}" if brief else _characters(text)
    bench.notify(said, title=f"{what} copied", markup=False)


def _characters(text: str) -> str:
    return f"{len(text):,} character{'s' * (len(text) != 1)}"
