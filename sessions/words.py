"""How what is typed into a field of search or filter is cut into words."""

from __future__ import annotations

import shlex


def words_of(text: str) -> list[str]:
    """What was typed into one field, as words; quotes keep words together: `"left image" teal`."""
    try:
        return shlex.split(text) if '"' in text else text.split()
    except ValueError:  # the second quote is not typed yet
        return text.replace('"', " ").split()
