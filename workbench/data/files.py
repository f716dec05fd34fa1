"""Where rows come from: a file that can be opened, and told apart from a later version of itself.

Guarantee: `stamp()` is cheap and changes when the content can have changed; `digest()` depends on
the content alone, so that it is the same on another machine. Readers see only this, so that a
file behind a URL can take a local one's place.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, Protocol

from workbench.errors import DataError


class DataFile(Protocol):
    """A seekable file of rows.

    Attributes:
        name: What to call it in messages.
    """

    name: str

    def open(self) -> BinaryIO:
        """A new handle at its start. Raises `DataError` where it cannot be opened."""
        ...

    def stamp(self) -> str:
        """Changes when the content can have changed. Raises `DataError` where it is gone."""
        ...

    def digest(self) -> str:
        """Hex digest of what the rows depend on."""
        ...


class LocalFile:
    """A file on disk.

    Args:
        path: The file.
        whole: Digest all bytes; otherwise the size and the last 64 KiB, which for Parquet hold
            the footer, where the place and size of every column chunk are written.
    """

    def __init__(self, path: Path, *, whole: bool = True) -> None:
        self.path, self.whole = path, whole
        self.name = str(path)

    def open(self) -> BinaryIO:
        """See `DataFile.open`."""
        try:
            return self.path.open("rb")
        except OSError as error:
            raise self._gone(error) from error

    def stamp(self) -> str:
        """Size, time of change in nanoseconds, and inode."""
        try:
            info = self.path.stat()
        except OSError as error:
            raise self._gone(error) from error
        return f"{info.st_size}:{info.st_mtime_ns}:{info.st_ino}"

    def digest(self) -> str:
        """See `DataFile.digest`."""
        with self.open() as file:
            if self.whole:
                digest = hashlib.sha256()
                while chunk := file.read(1024 * 1024):
                    digest.update(chunk)
                return digest.hexdigest()
            size = file.seek(0, 2)
            file.seek(max(size - 65536, 0))
            return hashlib.sha256(b"%d:" % size + file.read()).hexdigest()

    def _gone(self, error: OSError) -> DataError:
        reason = error.strerror or str(error)
        return DataError(
            f"{self.path} cannot be read: {reason}",
            hint="put it back, or remove the dataset with `wb data rm` and add it again",
        )
