"""A bookmark and a visit, and the lines of a file of bookmarks.

Guarantee: `from_line(to_line(bookmark.to_json()))` is that bookmark. Not for storing them:
`sessions.uid_cache` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sessions.errors import RecordError
from sessions.ids import now
from sessions.json_line import parse_line
from sessions.uid import Uid


@dataclass(frozen=True)
class Bookmark:
    """A UID that someone set aside.

    Attributes:
        uid: Of the sample.
        tags: Sorted.
        note: As typed, empty where none.
        added: When first set aside, ISO 8601 in UTC.
    """

    uid: str
    tags: tuple[str, ...] = ()
    note: str = ""
    added: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `wb bookmark list --json` and an export hold it."""
        return {"uid": self.uid, "tags": list(self.tags), "note": self.note, "added": self.added}


@dataclass(frozen=True)
class Visit:
    """A UID that was looked at, and when last."""

    uid: str
    ts: str


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags, each once. Raises `RecordError` for one that is empty or cannot be typed."""
    out = dict.fromkeys(str(tag).strip() for tag in tags)
    for tag in out:
        if not tag or not tag.isprintable() or len(tag) > 100:
            raise RecordError(
                f"{tag!r} cannot be a tag",
                hint="a tag is 1 to 100 printable characters",
                kind="bad_name",
            )
    return tuple(out)


def from_line(line: bytes, tags: tuple[str, ...] = ()) -> Bookmark:
    """The bookmark on a line of a file: of an export, or a bare UID.

    Raises:
        BadUid: The UID is none.
        RecordError: It is neither.
    """
    data = parse_line(line)
    if data is None and not line.lstrip().startswith(b"{"):
        text = line.decode("utf-8", "replace").strip()
        return Bookmark(str(Uid.parse(text)), tags, "", now())
    if data is None or not isinstance(data.get("uid"), str):
        raise RecordError("neither a bookmark of an export nor a UID")
    own = data.get("tags", [])
    if not isinstance(own, list):
        raise RecordError(f"tags want a list, got {own!r:.80}")
    uid = str(Uid.parse(data["uid"]))
    return Bookmark(
        uid, check_tags([*own, *tags]), str(data.get("note") or ""), str(data.get("added") or now())
    )
