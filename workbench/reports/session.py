"""What a record of a session says in a line: for the lists of commands, bench and notebook."""

from __future__ import annotations

from sessions.records import BookmarkRecord, GradcamRecord, NoteRecord, PromptRecord, Record
from workbench.models.names import short_names


def who(record: PromptRecord | GradcamRecord) -> str:
    """Model and adapter in a word, without folders."""
    return short_names(record.model, record.adapter or "")


def gist(record: Record) -> str:
    """What was said, explained, written down or set aside; not cleaned, and as long as it is."""
    if isinstance(record, PromptRecord):
        return record.said
    if isinstance(record, GradcamRecord):
        what = f"class {record.head!r}" if record.head else repr(record.token_text)
        where = f" at {record.layer}" if record.layer else ""
        return f"heat of {what} by {record.method}{where}"
    if isinstance(record, NoteRecord):
        return record.text
    if isinstance(record, BookmarkRecord):
        return " ".join([record.action, *record.tags])
    return ""
