"""Full text search over what was asked and said, in all sessions.

Guarantee: a record is found where each of the words stands in what a reader of it sees: prompt,
answer, failure, note, tags, sample, model, template; case does not count. Sessions come newest
first; one that cannot be read is named, and ends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.errors import RecordError
from sessions.records import BookmarkRecord, GradcamRecord, NoteRecord, PromptRecord, Record
from sessions.session_log import newest_first

_AROUND = 40  # characters of an excerpt before the first word


@dataclass(frozen=True)
class SearchHit:
    """A record that the words are in.

    Attributes:
        session: The name of its session.
        record: The record.
        excerpt: What stands around the first of the words, in one line.
    """

    session: str
    record: Record
    excerpt: str

    def to_json(self) -> dict[str, Any]:
        """As `wb sessions search --json` prints it."""
        return {
            "session": self.session,
            "id": self.record.id,
            "ts": self.record.ts,
            "kind": self.record.kind,
            "uid": getattr(self.record, "uid", None),
            "model": getattr(self.record, "model", None) or None,
            "excerpt": self.excerpt,
        }


def search(
    words: Sequence[str],
    *,
    kind: str | None = None,
    on_unread: Callable[[str, RecordError], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[SearchHit]:
    """Records in which each word, or phrase, stands: those of the newest session first.

    Args:
        words: Words or phrases, at least one that is not blank.
        kind: Only records of this kind.
        on_unread: Called with the name of a session that cannot be read, and why.
        cancelled: Asked between two sessions.
    """
    wanted = folded(words)
    for log in newest_first():
        if cancelled():
            return
        try:
            records = log.records()
        except RecordError as error:
            if on_unread is not None:
                on_unread(log.id, error)
            continue
        for record in reversed(records):
            if kind in (None, record.kind) and (excerpt := found_in(record, wanted)) is not None:
                yield SearchHit(log.id, record, excerpt)


def folded(words: Sequence[str]) -> tuple[str, ...]:
    """Words as they are compared; blank ones are none."""
    kept = (" ".join(word.casefold().split()) for word in words)
    return tuple(word for word in kept if word)


def found_in(record: Record, wanted: Sequence[str]) -> str | None:
    """What stands around the first word where all are in the record, else `None`.

    Args:
        record: Of any kind.
        wanted: As `folded` gives them.
    """
    text = " ".join(" · ".join(part for part in _read(record) if part).split())
    lower = text.casefold()
    if not wanted or not all(word in lower for word in wanted):
        return None
    at = lower.find(wanted[0])
    # Folding can change lengths (ß, İ): the place is near enough for an excerpt.
    start = max(0, at - _AROUND)
    return ("…" if start else "") + text[start : at + 200]


def _read(record: Record) -> tuple[str, ...]:
    """What a reader of the record sees of it, the answer first."""
    if isinstance(record, PromptRecord):
        who = (record.model, record.adapter or "", record.template or "")
        return (record.said, record.asked, record.uid or "", *who, record.label or "")
    if isinstance(record, GradcamRecord):
        about = (record.token_text, record.method, record.layer)
        return (record.answer_text, record.uid or "", record.model, *about)
    if isinstance(record, NoteRecord):
        return (record.text, record.uid or "")
    if isinstance(record, BookmarkRecord):
        return (record.uid, record.action, *record.tags, record.note or "")
    return ()
