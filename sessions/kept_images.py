"""Images that the record speaks of and no dataset holds, kept by the hash of their bytes.

Guarantee: a picture stands once in `$WB_HOME/images`, whole or not at all, and is read back only
where its bytes still have the hash that is its name; the folder never grows beyond its bound.
Nothing is deleted but by `clean`, and then only what no session names and nobody has just kept.
Not for a dataset's images (those are found by UID and index) nor for decoding.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sessions.atomic import atomic_write
from sessions.errors import RecordError
from sessions.paths import cannot_write, home, make_private, sessions_dir
from sessions.plain_files import open_plain, read_plain

DEFAULT_MB = 2048
# A prompt keeps its images before its line is written, which a long answer can put off.
GRACE_S = 3600.0
_HASH = re.compile(rb"[0-9a-f]{64}")
_BLOCK = 1 << 20
_MOST = 2**31  # bytes of one image; the bound of all is usually below


@dataclass(frozen=True)
class KeptImage:
    """One kept image.

    Attributes:
        sha256: Of its encoded bytes; its name.
        bytes: Its size.
        kept: When it was kept last, seconds since the epoch.
    """

    sha256: str
    path: Path
    bytes: int
    kept: float


def images_dir(*, create: bool = True) -> Path:
    """Where they lie, two letters of the hash to a folder."""
    folder = home(create=create) / "images"
    return make_private(folder) if create else folder


def bound_bytes() -> int:
    """The most that is kept: `WB_KEEP_IMAGES_MB` where it is a number, else 2 GiB; 0 keeps none."""
    value = os.environ.get("WB_KEEP_IMAGES_MB", "")
    return (int(value) if value.isdecimal() else DEFAULT_MB) * 2**20


def keep(data: bytes) -> str:
    """Keep encoded bytes; returns their hash. Those that are there already are not written again.

    Raises:
        RecordError: The bound would be passed (kind `images_full`), or the disk cannot be written.
    """
    digest = hashlib.sha256(data).hexdigest()
    path = _path(digest)
    with suppress(OSError):
        if path.stat().st_size == len(data):
            os.utime(path)  # asked about again: not to be cleaned away under this prompt
            return digest
    bound = bound_bytes()
    used = sum(image.bytes for image in kept_images()) if bound else 0
    if used + len(data) > bound:
        raise RecordError(
            f"an image of {len(data):,} bytes is not kept: {used:,} of {bound:,} bytes are in use",
            hint="wb sessions images --clean frees what no session names; "
            "wb config set keep_images_mb N allows more",
            kind="images_full",
        )
    make_private(images_dir() / digest[:2])
    atomic_write(path, data)
    return digest


def find(sha256: str) -> bytes | None:
    """The bytes of a kept image; `None` where there is none or its file is damaged."""
    if not _HASH.fullmatch(sha256.encode("ascii", "replace")):
        return None  # a line edited by hand must not name a file elsewhere
    try:
        data = read_plain(_path(sha256), _MOST)
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


def kept_images() -> list[KeptImage]:
    """All of them, by hash."""
    return sorted(_walk(), key=lambda image: image.sha256)


def unreferenced(grace_s: float = GRACE_S) -> list[KeptImage]:
    """Those that no session names and that nobody has kept within `grace_s` seconds.

    Any 64 hexadecimal digits in a session's file count as a name, also on a damaged line.

    Raises:
        RecordError: A session cannot be read: what it names is not known, so nothing is told.
    """
    old = [image for image in kept_images() if image.kept <= time.time() - grace_s]
    if not old:
        return []
    named = _named()
    return [image for image in old if image.sha256 not in named]


def clean(grace_s: float = GRACE_S) -> list[KeptImage]:
    """Delete what `unreferenced` lists; returns what is gone.

    Raises:
        RecordError: As `unreferenced`, or the folder cannot be written.
    """
    gone = []
    for image in unreferenced(grace_s):
        try:
            # Kept anew since it was listed: a prompt is under way that shows it.
            if image.path.stat().st_mtime > image.kept:
                continue
            image.path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise cannot_write(image.path, error) from error
        gone.append(image)
    return gone


def _path(digest: str) -> Path:
    return images_dir(create=False) / digest[:2] / digest


def _walk() -> Iterator[KeptImage]:
    try:
        folders = [entry.path for entry in os.scandir(images_dir(create=False)) if entry.is_dir()]
    except OSError:
        return
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if _HASH.fullmatch(os.fsencode(entry.name)):
                    facts = entry.stat(follow_symlinks=False)
                    yield KeptImage(entry.name, Path(entry.path), facts.st_size, facts.st_mtime)


def _named() -> set[str]:
    """Every hash in the files of the sessions, whole lines or not."""
    from sessions.paths import cannot_read

    found: set[str] = set()
    folder = sessions_dir(create=False)
    for path in sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.bad")]):
        try:
            with open_plain(path) as file:
                tail = b""
                while block := file.read(_BLOCK):
                    text = tail + block
                    found.update(match.decode() for match in _HASH.findall(text))
                    tail = text[-63:]  # a hash may lie across two blocks
        except OSError as error:
            raise cannot_read(path, error) from error
    return found
