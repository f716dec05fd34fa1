"""What a known layout has to say: which files are there, and what rows they make together.

A layout is a module of this folder with `VERSION`, `find(given)` and `rows(part, problems)`, and
a TOML file in `presets/` that maps its rows. Everything else (index, UIDs, revision, images,
jumps) is what every table has. Guarantee: rows are made from the files alone, in a fixed order.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from workbench.data.tables.columns import whole
from workbench.data.tables.mapping import SplitFile
from workbench.errors import DataError

RECIPES = ("captions", "cifar10", "coco_instances", "esnlive", "hateful_memes", "nlvr2", "vqa")
# The key under which a row says what is wrong with it, and those of what identifies it then.
ERROR, DIGEST = "_error", "_digest"
SHOWN = 5  # so many problems are told one by one


@dataclass(frozen=True)
class LayoutInput:
    """What the user pointed at.

    Attributes:
        folder: The folder, or the one that the first file lies in.
        files: Single files, each with the split that was named for it (or nothing).
        image_root: Where the images lie, if that was said.
        found: Table -> how many of the first images that it names are there, as they are looked
            for.
    """

    folder: Path
    files: tuple[tuple[str, Path], ...] = ()
    image_root: Path | None = None
    found: dict[str, int] = field(default_factory=dict)


@dataclass
class LayoutFiles:
    """What a layout made of it.

    Attributes:
        parts: One per split.
        wishes: What goes before the preset's wishes.
        plain: Ordinary tables, of which nothing is joined: the files to add instead.
    """

    parts: list[SplitFile]
    wishes: dict[str, Any] = field(default_factory=dict)
    plain: Sequence[str] = ()


class Problems:
    """What belongs to no sample, or is wrong with many: counted all, told a few by name."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, what: str, name: str) -> None:
        """Note one more `what` (in the plural), called `name`."""
        self._counts[what] = self._counts.get(what, 0) + 1
        shown = self._found.setdefault(what, [])
        if len(shown) < SHOWN:
            shown.append(whole(name)[:200])

    def lines(self) -> list[str]:
        """A sentence for each kind of problem: how many, and the first ones."""
        return [
            f"{self._counts[what]:,} {what}: {'; '.join(names)}"
            + ("; …" if self._counts[what] > len(names) else "")
            for what, names in self._found.items()
        ]


class Layout(Protocol):
    """A module of this folder; `finish(part, values)` may be there too, to add what is read late.

    Attributes:
        VERSION: Goes up when the rows that it makes change.
    """

    VERSION: int

    def find(self, given: LayoutInput) -> LayoutFiles:
        """The splits with their files. Raises `DataError` where none is there."""
        ...

    def rows(self, part: SplitFile, problems: Problems) -> Iterator[Mapping[str, Any]]:
        """The rows of a split, each with the same keys. Raises `DataError`."""
        ...


def get_recipe(name: str) -> Layout:
    """The layout of that name. Raises `DataError` where a mapping names one that is not there."""
    if name not in RECIPES:
        raise DataError(
            f"there is no recipe {name!r}", hint=f"known are {', '.join(RECIPES)}; or update wb"
        )
    module: Any = importlib.import_module(f"workbench.data.layouts.{name}")
    return module


def nothing_found(folder: Path, name: str, expected: Sequence[str]) -> DataError:
    """The error for a folder that is none of the layout's."""
    return DataError(
        f"{folder} has none of the files of {name}",
        hint=f"it should hold {', '.join(expected)}; files of other names are given as SPLIT=FILE",
        kind="other_layout",
    )
