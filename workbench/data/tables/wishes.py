"""What the user said of a table, what its files say by their heads, and the choice between them.

Guarantee: what the user said stands; a guess is noted in words, with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.data.readers.opening import ReadOptions
from workbench.data.tables.mapping import SplitFile
from workbench.sample import Task


@dataclass
class MappingOptions:
    """What the user said of a table; what is `None` is guessed, what is empty is left out."""

    id: str | None = None
    texts: Mapping[str, str] | None = None
    label: str | None = None
    labels: Sequence[str] | None = None
    references: Sequence[str] | None = None
    explanations: Sequence[str] | None = None
    options: Sequence[str] | None = None
    image: Sequence[str] | None = None
    image_root: str | Path | None = None
    image_prefix: str | None = None
    objects: str | None = None
    metadata: Sequence[str] = ("*",)
    task: Task | None = None
    splits: Sequence[str] = ()
    where: str = ""
    fetch: bool = False
    read: ReadOptions = ReadOptions()
    description: str = ""
    licence: str = ""
    parts: Sequence[SplitFile] | None = None
    recipe: str = ""
    tables: bool = True
    may_take_nothing: bool = False
    guesses: list[str] = field(default_factory=list)


@dataclass
class FileHeads:
    """What the heads of the files say.

    Attributes:
        files: Each file once, with the part that it is of.
        columns: Those of all files, in order.
        label_words: See `RowReader`; of the first file that has any for a column.
        notes: What a reader made of its rows, in words.
    """

    files: list[SplitFile]
    columns: tuple[str, ...]
    label_words: Mapping[str, Mapping[str, str]]
    notes: list[str]


def choose(wish: MappingOptions, what: str, wished: Any, guess: Any) -> Any:
    """What was wished; else the guess, noted where it says something."""
    if wished is not None:
        return wished
    if guess and guess != "hash":
        many = not isinstance(guess, str) and len(guess) > 1
        words = guess if isinstance(guess, str) else ", ".join(guess)
        why = "the columns' names" if many else "the column's name"
        wish.guesses.append(f"{what}: {words} (by {why})")
    return guess
