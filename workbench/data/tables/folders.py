"""A folder of images as a table: one row per image, sorted, with its class and its size.

Guarantee: the listing is the same on every machine (sorted by path), is kept in the cache and
made anew when a folder in it changes. Hidden files and what is no image are left out.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sessions.json_line import load_json
from sessions.plain_files import read_plain
from workbench.errors import DataError
from workbench.images.decode import EXTENSIONS

if TYPE_CHECKING:
    from workbench.data.tables.mapping import TableMapping

MAX_LISTING = 2**30  # bytes of a kept listing; a million images take a tenth
SPLIT_NAMES = ("train", "training", "val", "valid", "validation", "dev", "test", "testing")


class FolderFile:
    """A folder that reads like a file of JSON lines: `{"file", "label", "bytes"}` each.

    `file` is the path under the folder, `label` the name of the folder that the image lies in
    (null at the top), `bytes` its size.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = str(root)
        self._seen: tuple[str, bytes] | None = None

    def open(self) -> BinaryIO:
        """The listing. Raises `DataError` where the folder cannot be read."""
        return io.BytesIO(self._listing()[1])

    def stamp(self) -> str:
        """Changes when any folder in it does."""
        return self._listing()[0]

    def digest(self) -> str:
        """Hex digest of names and sizes; the pictures themselves are not read."""
        return hashlib.sha256(self._listing()[1]).hexdigest()

    def _listing(self) -> tuple[str, bytes]:
        """The stamp and the rows, from the cache where no folder has changed."""
        if self._seen is None:
            self._seen = self._kept() or self._list()
        return self._seen

    def _kept(self) -> tuple[str, bytes] | None:
        path = self._cache_path()
        try:
            whole = read_plain(path, MAX_LISTING) if path else b""
            head, _, rows = whole.partition(b"\n")
            folders: dict[str, int] = load_json(head.decode()) if head else {}
            for folder, changed in folders.items():
                if (self.root / folder).stat().st_mtime_ns != changed:
                    return None
        except (OSError, ValueError, AttributeError, TypeError):
            return None
        return (_stamp(head), rows) if folders else None

    def _list(self) -> tuple[str, bytes]:
        folders: dict[str, int] = {}
        rows = b"".join(self._rows(folders))
        if not rows:
            raise DataError(
                f"{self.root} holds no images",
                hint=f"known endings: {', '.join(EXTENSIONS)}",
                kind="no_images",
            )
        head = json.dumps(folders, sort_keys=True).encode()
        path = self._cache_path()
        if path is not None:
            partial = path.with_name(f"{path.name}.{os.getpid()}.part")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                partial.write_bytes(head + b"\n" + rows)
                partial.replace(path)
            except OSError:
                partial.unlink(missing_ok=True)
        return _stamp(head), rows

    def _rows(self, folders: dict[str, int]) -> Iterator[bytes]:
        if not self.root.is_dir():
            raise DataError(f"the folder {self.root} does not exist", hint="put it back")
        for folder, below, names in os.walk(self.root):
            below[:] = sorted(name for name in below if not name.startswith("."))
            here = Path(folder)
            relative = here.relative_to(self.root)
            folders[str(relative)] = here.stat().st_mtime_ns
            label = relative.name or None
            for name in sorted(names):
                if name.startswith(".") or not name.lower().endswith(EXTENSIONS):
                    continue
                size = (here / name).lstat().st_size
                row = {"file": (relative / name).as_posix(), "label": label, "bytes": size}
                yield json.dumps(row).encode() + b"\n"

    def _cache_path(self) -> Path | None:
        from sessions.errors import RecordError
        from sessions.paths import cache_dir

        key = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        try:
            return cache_dir() / "listings" / f"{key}.jsonl"
        except (OSError, RecordError):
            return None


def find_splits(root: Path) -> dict[str, Path]:
    """The splits of an image folder: its subfolders where all of them are named like splits."""
    below = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if below and all(p.name.lower() in SPLIT_NAMES for p in below):
        return {p.name: p for p in below}
    return {}


MAX_PASSED_OVER = 1000  # names that are kept of what a folder holds beside its samples
_DEEP = 2  # folders below the one that was added that are looked into for them


def passed_over(root: Path, mapping: TableMapping, known: Collection[str] = ()) -> tuple[str, ...]:
    """The files of an added folder that are read as nothing, as paths under it, sorted.

    An image is one of them where images are the samples and it lies in no split. Hidden files
    are not told of, nor those whose names are `known`.
    """
    used = {path for part in mapping.files for path in (part.path, *part.beside.values())}
    splits = [Path(part.path) for part in mapping.files] if mapping.kind == "folder" else [root]
    found: list[str] = []
    for folder, below, names in os.walk(root):
        here = Path(folder)
        level = len(here.relative_to(root).parts)
        below[:] = sorted(n for n in below if not n.startswith(".")) if level < _DEEP else []
        inside = any(here.is_relative_to(split) for split in splits)
        for name in sorted(names):
            image = name.lower().endswith(EXTENSIONS) and inside
            if not (name.startswith(".") or name in known or image or str(here / name) in used):
                found.append((here / name).relative_to(root).as_posix())
    return tuple(found[:MAX_PASSED_OVER])


def _stamp(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()
