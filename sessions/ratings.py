"""What people said of answers: one append-only file for each rater, read as the newest word.

A line is of one answer: the run, the UID and a digest of the text that was rated. Guarantee:
standard library only; a rating is never changed in its file: a new line takes the place of an older
one, one without a value takes it back. Not for drawing what is rated, nor for agreement: see
`workbench.evaluation`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sessions.atomic import append_line, append_lines, read_lines
from sessions.errors import NoSuchRecord, RecordError
from sessions.ids import now
from sessions.paths import ratings_dir
from sessions.plain_files import is_plain, names_in

VERSION = 1
SCALES: dict[str, tuple[int, ...]] = {"1-5": (1, 2, 3, 4, 5), "good-bad": (0, 1)}
DEFAULT_SCALE = "1-5"
_VERDICTS = ("bad", "good")  # by their value
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,59}")


@dataclass(frozen=True)
class Rating:
    """What one person said of one answer.

    Attributes:
        run: Its id.
        uid: Of the sample.
        rater: Who.
        scale: A name of `SCALES`.
        value: On that scale (of `good-bad` 1 is good); `None`: skipped, or taken back.
        skipped: It was looked at and left.
        answer: Digest of the text, as `answer_digest` makes it.
        note: As typed.
        ts: When, ISO 8601 in UTC.
    """

    run: str
    uid: str
    rater: str
    scale: str = DEFAULT_SCALE
    value: int | None = None
    skipped: bool = False
    answer: str = ""
    note: str = ""
    ts: str = field(default_factory=now)

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is of: run, UID, scale."""
        return self.run, self.uid, self.scale

    @property
    def words(self) -> str:
        """The value as it is said: `1` to `5`, `good`, `bad`; `–` where there is none."""
        if self.value is None:
            return "–"
        return _VERDICTS[self.value] if self.scale == "good-bad" else str(self.value)

    def to_json(self) -> dict[str, Any]:
        """The line of the file."""
        names = ("run", "uid", "rater", "scale", "value", "skipped", "answer", "note", "ts")
        return {"v": VERSION, **{name: getattr(self, name) for name in names}}


def answer_digest(text: str) -> str:
    """What a rated text is known by: a retry may give a sample another answer."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def check_rater(name: str) -> str:
    """The name of a rater. Raises `RecordError` for one that cannot be a file's."""
    if not _NAME.fullmatch(name):
        raise RecordError(
            f"{name!r} cannot be the name of a rater",
            hint="1 to 60 letters, digits and . _ @ -, the first a letter or a digit: --rater ann",
            kind="bad_name",
        )
    return name


def default_rater() -> str:
    """`$WB_RATER`, else the name of the user, else `me`."""
    import getpass

    try:
        name = os.environ.get("WB_RATER") or getpass.getuser()
    except (OSError, KeyError):
        name = ""
    return name if _NAME.fullmatch(name) else "me"


def check_value(scale: str, value: object) -> int:
    """A value of a scale. Raises `RecordError`."""
    if scale not in SCALES:
        raise RecordError(f"{scale!r} is no scale", hint=f"there are {', '.join(SCALES)}")
    words = {"good": 1, "bad": 0} if scale == "good-bad" else {}
    found = words.get(str(value), value)
    found = int(found) if isinstance(found, str) and found.isdigit() else found
    if type(found) is not int or found not in SCALES[scale]:
        wants = "good or bad" if scale == "good-bad" else ", ".join(map(str, SCALES[scale]))
        raise RecordError(f"a rating on the scale {scale} is {wants}, got {value!r}")
    return found


def raters() -> list[str]:
    """Who has rated anything here."""
    names = names_in(ratings_dir(create=False))
    return sorted(name[: -len(".jsonl")] for name in names if name.endswith(".jsonl"))


def path_of(rater: str, *, create: bool = True) -> Path:
    """The file of a rater. Raises `RecordError` for a name that cannot be."""
    return ratings_dir(create=create) / f"{check_rater(rater)}.jsonl"


def rate(rating: Rating) -> None:
    """Append a rating to its rater's file, on disk when it returns.

    Raises:
        RecordError: The rater, the scale or the value cannot be, or the file cannot be written.
    """
    if rating.value is not None:
        check_value(rating.scale, rating.value)
    append_line(path_of(rating.rater), rating.to_json(), sync=True)


def read_ratings(path: Path) -> tuple[list[Rating], int]:
    """The ratings that hold, in the order in which they were given, and how many lines are damaged.

    Raises:
        NoSuchRecord: There is no such file.
        RecordError: It cannot be read.
    """
    if not is_plain(path):
        raise NoSuchRecord(
            f"there is no file of ratings {path}", hint="see: wb runs ratings", kind="no_ratings"
        )
    lines, bad = read_lines(path)
    held: dict[tuple[str, str, str], Rating] = {}
    for line in lines:
        rating = _read(line)
        if rating is None:
            bad += 1
            continue
        held.pop(rating.key, None)
        if rating.value is not None or rating.skipped:
            held[rating.key] = rating
    return list(held.values()), bad


def ratings_of(rater: str) -> tuple[list[Rating], int]:
    """As `read_ratings`, of a rater who need not have rated anything."""
    path = path_of(rater, create=False)
    return read_ratings(path) if is_plain(path) else ([], 0)


def find_ratings(name: str) -> tuple[list[Rating], int]:
    """Of a file's path, or of a rater. Raises `NoSuchRecord` where there is neither."""
    path = Path(name).expanduser()
    if is_plain(path):
        return read_ratings(path)
    if _NAME.fullmatch(name) and is_plain(path_of(name, create=False)):
        return read_ratings(path_of(name, create=False))
    known = ", ".join(raters())
    raise NoSuchRecord(
        f"{name} is neither a file of ratings nor a rater",
        hint=f"raters here: {known}" if known else "rate first: wb runs rate RUN",
        kind="no_ratings",
    )


def import_ratings(ratings: Iterable[Rating]) -> int:
    """Add ratings from elsewhere to their raters' files; returns how many were new.

    Raises:
        RecordError: A name cannot be a rater's, or a file cannot be written.
    """
    by_rater: dict[str, list[Rating]] = {}
    for rating in ratings:
        by_rater.setdefault(check_rater(rating.rater), []).append(rating)
    added = 0
    for rater, given in by_rater.items():
        held = {one.key: one for one in ratings_of(rater)[0]}
        new = [one for one in given if one.key not in held or one.ts > held[one.key].ts]
        if new:
            append_lines(path_of(rater), [one.to_json() for one in new], sync=True)
        added += len(new)
    return added


def _read(line: Mapping[str, Any]) -> Rating | None:
    """A line as a rating; `None` for one that is none."""
    run, uid, rater = line.get("run"), line.get("uid"), line.get("rater")
    scale, value = line.get("scale"), line.get("value")
    texts = (run, uid, rater, scale)
    if not all(isinstance(text, str) and text for text in texts) or scale not in SCALES:
        return None
    if value is not None and (type(value) is not int or value not in SCALES[str(scale)]):
        return None
    return Rating(
        run=str(run),
        uid=str(uid),
        rater=str(rater),
        scale=str(scale),
        value=value,
        skipped=line.get("skipped") is True,
        answer=str(line.get("answer") or ""),
        note=str(line.get("note") or ""),
        ts=str(line.get("ts") or ""),
    )
