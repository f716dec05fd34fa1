"""A session for other programs: JSON lines, a table, a readable page.

Not for display: the texts are raw, and whoever shows them cleans them.
"""

from __future__ import annotations

from collections.abc import Iterable

from sessions.csv_table import csv_text
from sessions.json_line import to_line
from sessions.records import GradcamRecord, NoteRecord, PromptRecord, Record

COLUMNS = (
    *("id", "ts", "kind", "uid", "model", "revision", "adapter", "quantization", "dtype"),
    *("template", "prompt", "text", "label", "target", "finish_reason", "seed", "temperature"),
    *("first_token_s", "total_s", "error"),
)


def to_jsonl(records: Iterable[Record]) -> str:
    """One JSON object per line, as recorded."""
    return b"".join(to_line(record.to_json()) for record in records).decode()


def to_csv(records: Iterable[Record]) -> str:
    """One row per record with the columns of `COLUMNS`; what a kind lacks is empty."""
    rows = []
    for record in records:
        data = record.to_json()
        flat = {
            **data,
            **_dict(data.get("decoding")),
            **_dict(data.get("timing")),
            "prompt": prompt_text(record),
            "error": _dict(data.get("error")).get("message", ""),
        }
        rows.append([flat.get(name) for name in COLUMNS])
    return csv_text(COLUMNS, rows)


def to_markdown(title: str, records: Iterable[Record]) -> str:
    """A page to read: prompts and answers in order, notes between them."""
    parts = [f"# Session {title}\n"]
    for record in records:
        if isinstance(record, PromptRecord):
            where = record.uid or ", ".join(str(i.get("name", "")) for i in record.images)
            head = f"## {record.ts} · {where} · {record.model}"
            prompt, said = _indented(prompt_text(record)), _indented(record.said)
            parts.append(f"{head}\n\n{prompt}\n\n{said}\n")
        elif isinstance(record, NoteRecord):
            parts.append(f"> {record.text}" + (f" ({record.uid})" if record.uid else "") + "\n")
        elif isinstance(record, GradcamRecord):
            parts.append(f"Heat of {record.token_text!r} on {record.uid} by {record.method}.\n")
    return "\n".join(parts)


def prompt_text(record: Record) -> str:
    """The text of the messages as sent, an image as its name in brackets."""
    lines: list[str] = []
    for message in getattr(record, "messages", ()):
        content = message.get("content", "")
        for part in [content] if isinstance(content, str) else content:
            if isinstance(part, str):
                lines.append(part)
            elif part.get("type") == "text":
                lines.append(str(part.get("text", "")))
            else:
                lines.append(f"[{part.get('name') or 'image'}]")
    return "\n".join(lines)


def _indented(text: str) -> str:
    # Four spaces make it verbatim: nothing in an answer is taken for markup.
    return "\n".join(f"    {line}" for line in text.splitlines())


def _dict(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}
