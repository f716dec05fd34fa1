"""Which columns a file of answers has, and what stands in each: `img_path=image, hypothesis`.

Guarantee: one form for every command that writes such a file. Not for what a source holds: the
command that writes the file says that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.errors import UsageError


@dataclass(frozen=True)
class OutputColumn:
    """One column.

    Attributes:
        name: What stands in the file's first row.
        source: What is taken: a fact of the answer, or a text of the sample by its role.
    """

    name: str
    source: str


def read_columns(text: str) -> tuple[OutputColumn, ...]:
    """The columns of a list by commas, each `SOURCE` or `NAME=SOURCE`; empty for an empty text.

    Raises:
        UsageError: A name or a source is missing, or two columns share a name.
    """
    found: list[OutputColumn] = []
    for word in filter(None, map(str.strip, text.split(","))):
        name, equals, source = (part.strip() for part in word.partition("="))
        column = OutputColumn(name, source if equals else name)
        if not column.name or not column.source:
            raise UsageError(f"--columns wants SOURCE or NAME=SOURCE, got {word!r}")
        if column.name in (other.name for other in found):
            raise UsageError(f"--columns names {column.name!r} twice")
        found.append(column)
    return tuple(found)


def refuse_unknown(columns: Iterable[OutputColumn], known: Iterable[str]) -> None:
    """Raise `UsageError` for a column whose source is none of those that there are."""
    known = sorted(known)
    for column in columns:
        if column.source not in known:
            raise UsageError(
                f"--columns: no sample has {column.source!r}",
                hint=f"there are {', '.join(known)}",
            )
