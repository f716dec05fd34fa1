"""Several files read as one table: the rows that a known layout makes of them, as JSON lines.

Guarantee: the rows are made once, written whole or not at all to the cache, and made anew when a
file of theirs changes; where the cache cannot be written they are held in memory. The digest is
of the rows, so it is the same wherever the files lie.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from workbench.data.files import LocalFile
from workbench.data.layouts.base import DIGEST, ERROR, Layout, Problems, get_recipe
from workbench.data.progress import counted
from workbench.data.readers.base import RawRow, digest_of
from workbench.data.readers.jsonlines import JsonLinesReader
from workbench.data.tables.folders import FolderFile
from workbench.data.tables.mapping import SplitFile
from workbench.errors import DataError

if TYPE_CHECKING:
    from workbench.data.layouts.places import Listed


class JoinedFile:
    """The files of one split of a known layout. See `workbench.data.files.DataFile`.

    Args:
        recipe: The layout's name.
        part: The files.
    """

    def __init__(self, recipe: str, part: SplitFile) -> None:
        self.part, self.name = part, part.path
        self._recipe_name = recipe
        self._memory: tuple[bytes, list[str]] | None = None

    @property
    def recipe(self) -> Layout:
        """The layout. Raises `DataError` where it is not there."""
        return get_recipe(self._recipe_name)

    def reader(self) -> JoinedReader:
        """A reader over the rows. Raises `DataError`."""
        return JoinedReader(self)

    def open(self) -> BinaryIO:
        """The rows as JSON lines; made where they are not there. Raises `DataError`."""
        if self._memory is None:
            path = self._cache_path()
            for _ in range(2):
                with contextlib.suppress(OSError):
                    if path is not None:
                        return path.open("rb")
                path = self._make(path)
        if self._memory is None:  # another process took the rows away, twice
            self._make(None)
        assert self._memory is not None
        return io.BytesIO(self._memory[0])

    def stamp(self) -> str:
        """Of all files together. Raises `DataError` where one is gone."""
        marks = [(role, _stamp(Path(path))) for role, path in self._inputs()]
        body = repr((self._recipe_name, self.recipe.VERSION, self.part.split, marks))
        return hashlib.sha256(body.encode()).hexdigest()

    def digest(self) -> str:
        """Hex digest of the rows."""
        digest = hashlib.sha256()
        with self.open() as file:
            while chunk := file.read(1024 * 1024):
                digest.update(chunk)
        return digest.hexdigest()

    def problems(self) -> list[str]:
        """What belongs to no row, in words; as it was when the rows were made."""
        self.open().close()
        if self._memory is not None:
            return self._memory[1]
        path = self._cache_path()
        try:
            return json.loads(_notes(path).read_bytes()) if path else []
        except (OSError, ValueError):
            return []

    def _inputs(self) -> list[tuple[str, str]]:
        return [("", self.part.path), *sorted(self.part.beside.items())]

    def _make(self, path: Path | None) -> Path | None:
        """Make the rows, in the cache or (then `None`) in memory."""
        if path is not None:
            partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                problems = Problems()
                with partial.open("wb") as file:
                    file.writelines(self._lines(problems))
                _notes(path).write_text(json.dumps(problems.lines()), "utf-8")
                partial.replace(path)
                self._sweep(path)
                return path
            except OSError:
                pass  # read-only or full: the cache is a convenience, memory does as well
            finally:
                with contextlib.suppress(OSError):
                    partial.unlink(missing_ok=True)
        problems = Problems()
        self._memory = (b"".join(self._lines(problems)), problems.lines())
        return None

    def _lines(self, problems: Problems) -> Iterator[bytes]:
        rows = self.recipe.rows(self.part, problems)
        for row in counted(rows, f"reading {Path(self.part.path).name}"):
            yield json.dumps(row).encode() + b"\n"

    def _cache_path(self) -> Path | None:
        """Where the rows of these files, as they are now, are kept."""
        from sessions.errors import RecordError
        from sessions.paths import cache_dir

        stamp = self.stamp()
        with contextlib.suppress(OSError, RecordError):
            return cache_dir() / "joined" / f"{self._place()}-{stamp[:16]}.jsonl"
        return None

    def _place(self) -> str:
        body = repr((self._recipe_name, self.part.split, self._inputs()))
        return hashlib.sha256(os.fsencode(body)).hexdigest()[:16]

    def forget(self) -> None:
        """Remove the rows that are kept; they can be made again."""
        path = self._cache_path()
        if path is not None:
            self._sweep(path.with_name("none"))

    def _sweep(self, path: Path) -> None:
        """Remove what was made of other states of the same files, and what killed makers left."""
        for old in path.parent.glob(f"{self._place()}-*"):
            if not old.name.startswith(path.stem):
                with contextlib.suppress(OSError):
                    old.unlink()
        for left in path.parent.glob(".*.part"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > 86_400:
                    left.unlink()


class JoinedReader(JsonLinesReader):
    """The rows of a known layout; what is wrong with one stands in its error."""

    def __init__(self, file: JoinedFile) -> None:
        self._part = file.part
        self._finish = getattr(file.recipe, "finish", None)
        super().__init__(file)
        self.columns = tuple(c for c in self.columns if c not in (ERROR, DIGEST))

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`; what is not kept in the rows is read now."""
        row = super().read(place)
        if self._finish is None or row.error is not None:
            return row
        try:
            return RawRow(row.place, row.number, self._finish(self._part, row.values))
        except DataError as error:
            return RawRow(row.place, row.number, row.values, error.message, digest_of(b""))

    def _row(self, place: tuple[int, int], number: int, raw: bytes) -> RawRow:
        row = super()._row(place, number, raw)
        error = row.values.get(ERROR)
        if error is None:
            return row
        values = {k: v for k, v in row.values.items() if k not in (ERROR, DIGEST)}
        return RawRow(
            place, number, values, str(error), str(row.values.get(DIGEST) or digest_of(raw))
        )


def missing_images(
    part: SplitFile, specs: tuple[str, ...], recipe: str, root: str, listed: Listed
) -> list[str]:
    """What can be said of the images that are not there: how many samples lack one, and which.

    Args:
        part: The files of a split.
        specs: The columns of its images.
        recipe: The layout's name.
        root: The folder that the images' paths start from.
        listed: Asked for the images; knows afterwards which of them were found.
    """
    from workbench.data.layouts.places import find_image
    from workbench.data.tables.columns import as_text, value_of

    problems = Problems()
    reader = JoinedFile(recipe, part).reader()
    try:
        for row in reader.scan():
            for name in (as_text(value_of(row.values, spec)) for spec in specs if row.values):
                if name and not _elsewhere(name) and find_image(root, name, listed) is None:
                    problems.add(f"of the samples lack an image in {root}", name)
                    break
    finally:
        reader.close()
    return problems.lines()


def unnamed_images(listed: Listed) -> list[str]:
    """What can be said of the images beside those that were found: how many are of no sample."""
    problems = Problems()
    for folder, names in listed.left():
        for name in names:
            problems.add(f"image files in {folder} belong to no sample", name)
    return problems.lines()


def _elsewhere(name: str) -> bool:
    return name.startswith("data:") or name.lower().startswith(("http://", "https://"))


def _notes(path: Path) -> Path:
    return path.with_suffix(".notes.json")


def _stamp(path: Path) -> str:
    return FolderFile(path).stamp() if path.is_dir() else LocalFile(path).stamp()
