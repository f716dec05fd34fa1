"""From what a row writes of an image to the file that is meant, or to its bytes.

Guarantee: a path never leads out of the image root, symbolic links included; of several spellings
(backslashes, `file://`, a leading slash, composed or decomposed accents, another case) the one as
written goes first, and another one only where a file is there.
"""

from __future__ import annotations

import base64
import binascii
import glob
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from workbench.errors import DataError

# How PNG, JPEG, WebP, GIF and BMP begin in base64. A path may begin so; it is not that long.
_BASE64 = ("iVBORw0KGgo", "/9j/", "UklGR", "R0lGOD", "Qk")
_LEAST = 64  # characters
SHOWN = 200  # characters of a path that an error shows
_MARKS = ";|,"
_LONG = 255  # characters that the name of a file never has
_DRIVE = re.compile(r"[A-Za-z]:(?=/|$)")
_NO_PATH = re.compile(r"[A-Za-z0-9+/=\s]+")


def from_base64(text: str) -> bytes | None:
    """The bytes of an image that stands in a cell as base64; `None` for anything else."""
    if len(text) < _LEAST or not text.startswith(_BASE64):
        return None
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def several_paths(find: Callable[[str], Path], text: str) -> list[str] | None:
    """The paths that a cell parts by `;`, `|` or a comma; `None` unless each of them is a file.

    Args:
        find: Gives the file that a path means.
        text: The cell.
    """
    if text.startswith("data:") or "://" in text:
        return None
    for mark in _MARKS:
        parts = [part.strip() for part in text.split(mark)] if mark in text else []
        try:
            if len(parts) > 1 and all(find(part).is_file() for part in parts):
                return None if find(text).is_file() else parts
        except (DataError, OSError):  # an OSError for a name that no file can have
            continue
    return None


def is_unknown_base64(text: str) -> bool:
    """Whether a cell holds what may be base64, and no path: nothing of it is to be shown."""
    return len(text) > _LONG and _NO_PATH.fullmatch(text) is not None


def find_by_pattern(root: Path | None, pattern: str) -> Path:
    """The one file under the root that a pattern (`img/*/0001.png`) means.

    Raises:
        DataError: None or several fit, or the one leads out of the root.
    """
    if root is None:
        raise DataError(f"the image path {short(pattern)!r} has no folder to start from")
    below = pattern.replace("\\", "/").lstrip("/")
    found = sorted(glob.glob(below, root_dir=root))  # noqa: PTH207 - names under the root
    if len(found) != 1:
        what = f"{len(found)} files fit: {', '.join(found[:2])}" if found else "no file fits"
        raise DataError(f"the pattern {short(below)} means no one image in {root}: {what}")
    return resolve_inside(root, found[0])


def short(text: str) -> str:
    """A path as an error shows it."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def find_inside(root: Path | None, text: str, *, any_case: bool = True) -> Path:
    """The file that a row means, under the root; the path as written where none is there.

    Args:
        root: The image root.
        text: As the row has it.
        any_case: Take the one file whose path differs in case alone, if no other is there.

    Raises:
        DataError: It leads out of the root, however it is spelled, or several files differ from it
            in case alone.
    """
    first: Path | None = None
    refused: DataError | None = None
    for spelling in _spellings(text):
        try:
            path = resolve_inside(root, spelling)
        except DataError as error:
            refused = refused or error
            continue
        if path.is_file():
            return path
        first = first or path
    if any_case and root is not None and (found := find_by_case(root, text)) is not None:
        return found
    if refused is not None and (first is None or not text.startswith("/")):
        raise refused
    assert first is not None
    return first


def _spellings(text: str) -> Iterable[str]:
    return dict.fromkeys(_all_spellings(text))


def _all_spellings(text: str) -> Iterator[str]:
    yield text
    plain = _plain(text)
    for form in (plain, plain.lstrip("/")):
        yield form
        if not form.isascii():
            yield unicodedata.normalize("NFC", form)
            yield unicodedata.normalize("NFD", form)


def _plain(text: str) -> str:
    """A path without `file:`, with slashes for backslashes."""
    if text.lower().startswith("file:"):
        text = unquote(text[len("file:") :].removeprefix("//"))
    return text.replace("\\", "/")


def path_parts(text: str) -> list[str]:
    """The names in a path, the letter of a drive among them; none for a path that goes up."""
    parts = [part for part in _plain(text).split("/") if part not in ("", ".")]
    return [] if ".." in parts or "\0" in text else parts


def is_absolute(text: str) -> bool:
    """Whether a path names its place on a machine: `/data`, `C:/Users`, `file:///data`."""
    return _plain(text).startswith("/") or has_drive(text)


def has_drive(text: str) -> bool:
    """Whether a path begins with the letter of a drive."""
    return bool(_DRIVE.match(_plain(text).lstrip("/")))


def without(prefix: str, text: str) -> str:
    """A path without its beginning, where it has it; a drive's letter may be in either case."""
    begin, parts = path_parts(prefix), path_parts(text)
    if begin and _DRIVE.match(begin[0]) and parts:
        begin[0], parts[0] = begin[0].lower(), parts[0].lower()
    return "/".join(parts[len(begin) :]) if begin and parts[: len(begin)] == begin else text


def find_by_case(root: Path, text: str) -> Path | None:
    """The one file under the root whose path differs from the text in case alone, if there is one.

    Raises:
        DataError: There are several.
    """
    places = [str(root)]
    parts = path_parts(text)
    for part in parts:
        below = ((place, _by_case(place).get(_folded(part), ())) for place in places)
        places = [f"{place}/{name}" for place, names in below for name in names]
    files = [place for place in places if os.path.isfile(place)]  # noqa: PTH113 - once per image
    if not parts or not files:
        return None
    if len(files) > 1:
        names = " and ".join(place[len(str(root)) + 1 :] for place in files[:2])
        raise DataError(
            f"the image {short(text)} is written in another case than each of {len(files)} files "
            f"in {root}: {names}"
        )
    return resolve_inside(root, files[0])


def differs_in_case(text: str, path: Path) -> bool:
    """Whether a file was found for a text that names it in another case."""
    parts = path_parts(text)
    tail = list(path.parts[-len(parts) :]) if parts else []
    same = [_folded(part) for part in parts] == [_folded(part) for part in tail]
    composed = [unicodedata.normalize("NFC", part) for part in parts]
    return same and composed != [unicodedata.normalize("NFC", part) for part in tail]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _by_case(folder: str) -> Mapping[str, Sequence[str]]:
    """The names in a folder by what they are without regard to case; none if it is not there."""
    try:
        return _listed(folder, os.stat(folder).st_mtime_ns)  # noqa: PTH116 - once per image
    except OSError:
        return {}


@lru_cache(maxsize=16)
def _listed(folder: str, changed_ns: int) -> Mapping[str, Sequence[str]]:
    """As `_by_case`, listed once for each change of the folder."""
    found: dict[str, list[str]] = {}
    for name in os.listdir(folder):  # noqa: PTH208 - names alone
        found.setdefault(_folded(name), []).append(name)
    return found


def resolve_inside(root: Path | None, text: str) -> Path:
    """A path from a row, under the root. Raises `DataError` where it leads out of it."""
    if root is None:
        raise DataError(f"the image path {short(text)!r} has no folder to start from")
    try:
        path = os.path.realpath(os.path.join(root, text))  # noqa: PTH118 - once per image
    except (OSError, ValueError) as error:
        raise DataError(f"{short(text)!r} is not a path: {error}") from error
    if not path.startswith(os.path.join(root, "")):  # noqa: PTH118
        raise DataError(
            f"the image path {short(text)!r} leads out of the image root {root}",
            hint="name the folder that holds all images with --image-root",
            about="--image-root",
        )
    return Path(path)
