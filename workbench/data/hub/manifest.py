"""What was cached of a dataset: `manifest.json` in the folder of its files, and its verification.

Guarantee: the manifest names a file only once all that it says of it lies on disk, and is itself
replaced whole; a manifest that is damaged, or of a newer version, counts as none to a reader and
as an error to `verify`. Not for downloading: see `workbench.data.hub.cache`.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sessions.errors import RecordError
from workbench.data.hub.environment import Remote
from workbench.data.hub.file import LocalCopy
from workbench.errors import DataError

VERSION = 1
NAME = "manifest.json"
PARTIAL = ".partial"  # files that are not whole, named by their etag
CHUNK = 1024 * 1024


@dataclass(frozen=True)
class CachedFile:
    """One file, or what is there of it.

    Attributes:
        path: In the repository, and in the folder where it is whole.
        size: Bytes of the whole file.
        sha256: Of the whole file; of what is there, in order, where `ranges` is set.
        etag: The hub's name for the content.
        ranges: The stretches that are there; `None` for all of it.
        differs: `verify` found it otherwise: it is not read until it is fetched again.
    """

    path: str
    size: int
    sha256: str
    etag: str
    ranges: tuple[tuple[int, int], ...] | None = None
    differs: bool = False

    @property
    def stored(self) -> str:
        """Where it lies in the folder."""
        return self.path if self.ranges is None else f"{PARTIAL}/{self.etag}"

    @property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """The stretches that are there, the whole file as one."""
        return self.ranges if self.ranges is not None else ((0, self.size),)


@dataclass(frozen=True)
class CachedSplit:
    """One split of the repository.

    Attributes:
        rows: Samples that it has.
        cached: How many of them, from the first on, are here.
        files: Their paths, in order.
    """

    rows: int
    cached: int
    files: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """All of it is here."""
        return self.cached >= self.rows


@dataclass(frozen=True)
class Manifest:
    """All that was cached; see the module.

    Attributes:
        revision: What was asked for: a branch, a tag, a commit.
        commit: The commit that it stood for.
        splits: By the name that the dataset gives them.
        files: By path.
    """

    dataset: str
    repo: str
    revision: str
    commit: str
    splits: Mapping[str, CachedSplit] = field(default_factory=dict)
    files: Mapping[str, CachedFile] = field(default_factory=dict)

    def remote(self, path: str) -> Remote:
        """The file as the hub knew it."""
        file = self.files[path]
        return Remote(self.repo, self.commit, path, file.size, file.etag)

    def copies(self, folder: Path) -> dict[str, LocalCopy]:
        """Where the files lie, by etag."""
        sound = (file for file in self.files.values() if not file.differs)
        return {file.etag: LocalCopy(folder / file.stored, file.ranges) for file in sound}

    def is_whole(self, split: str) -> bool:
        """Whether all of a split is here, as far as is known."""
        there = self.splits.get(split)
        return (
            there is not None
            and there.whole
            and not any(self.files[path].differs for path in there.files)
        )

    def save(self, folder: Path) -> None:
        """Write it. Raises `RecordError`."""
        from sessions.atomic import write_json

        body = asdict(self)
        body["files"] = list(body["files"].values())
        write_json(folder / NAME, {"v": VERSION} | body)


def load_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder, `None` where there is none that can be read."""
    try:
        return read_manifest(folder)
    except DataError:
        return None


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder. Raises `DataError`."""
    from sessions.atomic import read_json

    try:
        body = read_json(folder / NAME)
    except RecordError as error:
        raise DataError(error.message, hint=error.hint) from error
    if body is None:
        raise DataError(
            f"{folder / NAME} is missing or damaged", hint="cache the dataset: wb data cache NAME"
        )
    version = body.pop("v", None)
    if not isinstance(version, int) or version > VERSION:
        raise DataError(
            f"{folder / NAME} is of version {version!r}, this wb reads {VERSION}", hint="update wb"
        )
    try:
        return _manifest_of(body)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{folder / NAME} is no manifest: {error}", hint="cache the dataset again"
        ) from error


def _manifest_of(body: dict[str, Any]) -> Manifest:
    files = {}
    for entry in body["files"]:
        ranges = entry.get("ranges")
        if ranges is not None:
            ranges = tuple((int(a), int(b)) for a, b in ranges)
        check_path(entry["path"])
        if not all(c in "0123456789abcdef" for c in entry["etag"]):
            raise ValueError(f"the etag {entry['etag']!r}")
        files[entry["path"]] = CachedFile(
            entry["path"],
            int(entry["size"]),
            entry["sha256"],
            entry["etag"],
            ranges,
            bool(entry.get("differs", False)),
        )
    splits = {
        name: CachedSplit(int(s["rows"]), int(s["cached"]), tuple(s["files"]))
        for name, s in body["splits"].items()
    }
    if any(path not in files for split in splits.values() for path in split.files):
        raise ValueError("a split names a file that is not listed")
    return Manifest(body["dataset"], body["repo"], body["revision"], body["commit"], splits, files)


def check_path(path: str) -> str:
    """A path of a repository that stays in a folder. Raises `ValueError` for any other."""
    parts = path.split("/")
    if not path or "\\" in path or "\0" in path or any(p in ("", ".", "..") for p in parts):
        raise ValueError(f"the path {path!r} leads out of the folder")
    if parts[0] in (PARTIAL, NAME):
        raise ValueError(f"the path {path!r} is kept for wb")
    return path


@dataclass(frozen=True)
class Problem:
    """A file that is not as the manifest says, and how."""

    path: str
    what: str


def verify(folder: Path, on_progress: Callable[[int, int], None] | None = None) -> list[Problem]:
    """Read all that was cached and compare it.

    Args:
        folder: Where the manifest lies.
        on_progress: Told bytes read, and bytes in all.

    Returns:
        Each file that is missing, cut off, longer, or of other content. The manifest notes
        them, so that they are not read any more.

    Raises:
        DataError: There is no manifest.
    """
    manifest = read_manifest(folder)
    total = sum(b - a for file in manifest.files.values() for a, b in file.stretches)
    problems, done, noted = [], 0, dict(manifest.files)
    for file in manifest.files.values():
        path, size = folder / file.stored, sum(b - a for a, b in file.stretches)
        what = _difference(path, file, _from(done, total, on_progress))
        if what:
            problems.append(Problem(str(path), what))
        noted[file.path] = replace(file, differs=bool(what))
        done += size
        _tell(on_progress, done, total)
    if noted != manifest.files:
        with contextlib.suppress(RecordError):  # in a folder that cannot be written
            replace(manifest, files=noted).save(folder)
    return problems


def _from(
    done: int, total: int, on_progress: Callable[[int, int], None] | None
) -> Callable[[int], None]:
    return lambda read: _tell(on_progress, done + read, total)


def _tell(on_progress: Callable[[int, int], None] | None, done: int, total: int) -> None:
    if on_progress is not None:
        on_progress(done, total)


def _difference(path: Path, file: CachedFile, tell: Callable[[int], None]) -> str:
    try:
        size = path.stat().st_size
        if file.ranges is None and size != file.size:
            return f"has {size:,} bytes, not {file.size:,}"
        found = sha256_of(path, file.stretches, tell)
    except OSError as error:
        return "is missing" if isinstance(error, FileNotFoundError) else str(error.strerror)
    return "" if found == file.sha256 else "has another content (its SHA-256 differs)"


def sha256_of(
    path: Path,
    stretches: tuple[tuple[int, int], ...],
    tell: Callable[[int], None] = lambda _: None,
) -> str:
    """Hex digest of stretches of a file, one after the other. Raises `OSError`."""
    digest, read = hashlib.sha256(), 0
    with path.open("rb") as file:
        for start, stop in stretches:
            file.seek(start)
            while start < stop and (chunk := file.read(min(CHUNK, stop - start))):
                digest.update(chunk)
                start += len(chunk)
                read += len(chunk)
                tell(read)
    return digest.hexdigest()


def git_oid(path: Path) -> str:
    """Git's blob id of a whole file: what the hub knows a file by that is not kept apart."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
