"""The images of a row: a path, a URL, bytes, base64 or an object in each column that names one.

Guarantee: a path in a row never leads out of the image root, symbolic links included. Nothing is
decoded or fetched.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.data.image_objects import KEYS, flat, image_in
from workbench.data.layouts.places import find_image
from workbench.data.readers.opening import format_of_ending
from workbench.data.tables.columns import (
    MAX_CELL,
    as_text,
    cell_list,
    columns_in,
    expand,
    is_template,
    value_of,
)
from workbench.data.tables.image_paths import (
    find_by_pattern,
    find_inside,
    from_base64,
    has_drive,
    is_unknown_base64,
    resolve_inside,
    several_paths,
    short,
    without,
)
from workbench.data.tables.mapping import SplitFile, TableMapping
from workbench.errors import DataError
from workbench.sample import ImageRef

FEW = 2  # a pair has both of its images; of more columns a row may fill the first ones alone
Others = Callable[[str], Mapping[str, Any] | None]
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


class RowImages:
    """Finds the images of the rows of one table.

    Args:
        mapping: What is what.
        part: The file that the rows are of: its images' root, and the split that fills
            `{split}` in the templates of images.
        any_case: Find images also under a path that differs in case alone.
    """

    def __init__(self, mapping: TableMapping, part: SplitFile, *, any_case: bool = True) -> None:
        self.mapping, self._any_case = mapping, any_case
        split = {"split": part.split}
        self._split = split if any("{split}" in s for s in mapping.images) else {}
        root = mapping.root_of(part)
        self._root = Path(root).resolve() if root else None
        self._prefix = mapping.image_prefix
        self._has_null = has_null(mapping, part)

    def filled(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row with what templates of images need beside its columns."""
        return self._split | dict(row) if self._split else row

    def of(
        self, row: Mapping[str, Any], problems: list[str], others: Others | None = None
    ) -> Iterator[ImageRef]:
        """The images of a row; each keeps its place, also where it cannot be had.

        Args:
            row: As the reader gave it.
            problems: Gets what is wrong with each of them, in words.
            others: Gives another row by its id, for a cell that names the row with the image.
        """
        filled = self.filled(row)
        for spec in self.mapping.images:
            value = value_of(filled, spec)
            if value is None and self._has_null and self._says_none(row, spec):
                continue
            if value == "" and len(self.mapping.images) > FEW:
                continue  # image_1, image_2, …: a row has fewer than there are columns
            if is_template(spec) and "*" in spec:
                value = expand(spec, filled, glob.escape)
            many = cell_list(value)
            if many is None and isinstance(value, str) and not is_template(spec):
                many = several_paths(self._find, value) if len(value) <= MAX_CELL else None
            for item in [value] if many is None else flat(many):
                try:
                    yield self._elsewhere(item, spec, others) or self._image(item, spec)
                except DataError as error:
                    problems.append(error.message)
                    yield self._broken(item, spec)

    def _elsewhere(self, value: Any, spec: str, others: Others | None) -> ImageRef | None:
        """The image in base64 of another row, where a cell holds that row's id (MMBench)."""
        if others is None or not isinstance(value, str) or not value.isdecimal():
            return None
        cell = (others(value) or {}).get(spec)
        data = from_base64(cell) if isinstance(cell, str) else None
        return ImageRef(data=data, name=spec) if data is not None else None

    def _says_none(self, row: Mapping[str, Any], spec: str) -> bool:
        """Whether a row without a value for an image means that it has none, and is not broken.

        Of a template that is where the column that names the picture is null.
        """
        columns = columns_in(spec)
        return not is_template(spec) or any(c in row and row[c] is None for c in columns)

    def _image(self, value: Any, spec: str) -> ImageRef:
        """One image. Raises `DataError` for what is missing, empty or outside of the root."""
        name = "image" if is_template(spec) else spec
        if isinstance(value, Mapping):
            found, keys = image_in(value), ", ".join(map(str, value))
            if found is None and any(value.values()):
                raise DataError(
                    f"the object in {spec!r} has none of {', '.join(KEYS)}; it has {keys}"
                )
            if isinstance(found, bytes):
                return ImageRef(data=found, name=as_text(value.get("path")) or name)
            value = found
        if isinstance(value, bytes):
            if not value:
                raise DataError(f"the image in {spec!r} is empty (0 bytes)")
            return ImageRef(data=value, name=name)
        text = (as_text(value) or "").strip()
        if not text:
            raise DataError(f"it has no image in {spec!r}")
        if text.startswith("data:"):
            return ImageRef(url=text, name=name)
        if text.lower().startswith(("http://", "https://")):
            return ImageRef(url=text, name=text, fetch=self.mapping.fetch)
        if (scheme := _SCHEME.match(text)) and scheme[1].lower() != "file":
            raise DataError(
                f"the image {short(text)} is at {scheme[1]}://, where nothing is fetched: download "
                "it, and name its folder with --image-root"
            )
        if (data := from_base64(text)) is not None:
            return ImageRef(data=data, name=name)
        if is_unknown_base64(text):
            raise DataError(
                f"{spec!r} holds {len(text):,} characters that are no image in base64, and no path"
            )
        if self.mapping.recipe and self._root is not None:
            text = find_image(str(self._root), text) or text
        if is_template(spec) and "*" in spec:
            path = find_by_pattern(self._root, without(self._prefix, text))
        else:
            path = self._find(text)
        try:
            empty = path.stat().st_size == 0
        except OSError as error:
            elsewhere = " (its path is of another machine)" if has_drive(text) else ""
            said = short(text if elsewhere else str(path))
            raise DataError(f"the image {said} does not exist{elsewhere}") from error
        if empty:
            raise DataError(f"the image {path} is empty (0 bytes)")
        return ImageRef(path=path, name=text)

    def _find(self, text: str) -> Path:
        return find_inside(self._root, without(self._prefix, text), any_case=self._any_case)

    def _broken(self, value: Any, spec: str) -> ImageRef:
        """A reference that says which image is meant and fails when it is loaded."""
        value = image_in(value) if isinstance(value, Mapping) else value
        text = value if isinstance(value, str) else ""
        if not text or is_unknown_base64(text):
            return ImageRef(name="")
        if has_drive(without(self._prefix, text)):
            return ImageRef(name=short(text))
        try:
            return ImageRef(path=resolve_inside(self._root, without(self._prefix, text)), name=text)
        except DataError:
            return ImageRef(name=short(text))


def has_null(mapping: TableMapping, part: SplitFile) -> bool:
    """Whether the file's format has a null of its own, so that "null" and "nan" are words."""
    if mapping.recipe or mapping.kind == "folder":
        return True
    ending = Path(part.path).suffix.lower()
    return (mapping.read.format or format_of_ending(part.path)) not in ("", "delimited") or (
        ending == ".json" and not mapping.read.format
    )
