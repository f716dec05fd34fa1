"""What the letters and signs in the list of samples mean."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len

from workbench.text import clean


def list_help(letters: Mapping[str, str]) -> str:
    """In sentences, for the help.

    Args:
        letters: Label -> the one character that it is drawn as; empty where none is.
    """
    said = ", ".join(f"{letter} is {clean(name)}" for name, letter in letters.items())
    return (
        "One line for each sample: ★ if it is bookmarked, its id, its text, and its label"
        + (f" ({said})" if said else "")
        + ". With a run chosen by u the label that was read follows, and its result: "
        "✓ right, ✗ wrong, ? unparsed, ! failed, · not in that run."
    )


def legend(letters: Mapping[str, str], beside_a_run: bool, cells: int) -> str:
    """As much as fits of what stands at the end of a line, for the frame below it."""
    said = " ".join(f"{letter} {clean(name)}" for name, letter in letters.items())
    signs = "label · answer · ✓✗?!" if beside_a_run else "label"
    full = f"{said} · {signs}" if said else signs
    return next((words for words in (full, signs) if cell_len(words) <= cells), "")
