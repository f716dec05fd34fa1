"""Conversations as rows with a question and an answer: LLaVA, ShareGPT, OpenAI's messages, others.

Guarantee: `question` is the first turn of the user (without the marks where images stand),
`answer` the reply to it, `image` what the turn itself holds of images, and `exchanges` how many
questions there are: later ones stay in the row's own column, where images are cut out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.data.image_objects import image_in
from workbench.data.readers.base import RawRow, RowReader
from workbench.data.readers.jsonlines import columns_of
from workbench.data.tables.image_paths import from_base64

CONVERSATIONS = ("conversations", "messages", "conversation", "texts")
PAIRS = {"query": "response", "instruction": "output"}  # one turn and its reply, as columns
NOTE = "the first question and the reply to it; later turns stay in the metadata"
_USER, _MODEL = frozenset({"human", "user"}), frozenset({"gpt", "assistant", "model", "chatgpt"})
_MARK = re.compile(r"<image>|<img>|<\|image(?:_\d+)?\|>")
IMAGE_COLUMNS = ("image", "images", "img", "image_path", "file_name")


def with_conversations(reader: RowReader) -> RowReader:
    """The reader, or one that adds what the conversations in its rows say."""
    columns = {*reader.columns}
    column = next((name for name in CONVERSATIONS if name in columns), "")
    if not column and "question" not in columns:
        column = next((name for name, reply in PAIRS.items() if {name, reply} <= columns), "")
    wanted = [name for name in (column, PAIRS.get(column)) if name]
    first = next(iter(reader.scan(wanted)), None) if column else None
    turns = _turns(first.values, column) if first is not None else []
    return ConversationReader(reader, column) if turns else reader


class ConversationReader:
    """A reader over another one. See `RowReader`.

    Attributes:
        note: What was understood, in words.
    """

    def __init__(self, reader: RowReader, column: str) -> None:
        self._reader, self._column = reader, column
        self.label_words = reader.label_words
        self.note = f"questions from {column}: {NOTE}"
        self.columns = columns_of(self.scan(), column)

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`."""
        if columns is not None:
            own = {*self._reader.columns}
            wanted = {*columns, self._column, PAIRS.get(self._column, ""), *IMAGE_COLUMNS}
            columns = [name for name in self._reader.columns if name in wanted & own]
        for row in self._reader.scan(columns):
            yield with_exchange(row, self._column)

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`."""
        return with_exchange(self._reader.read(place), self._column)

    def close(self) -> None:
        """See `RowReader.close`."""
        self._reader.close()


def with_exchange(row: RawRow, column: str) -> RawRow:
    """A row with the first question and reply of the conversation in a column."""
    if row.error is not None:
        return row
    return RawRow(row.place, row.number, _flat(row.values, column), row.error, row.digest)


def _flat(values: Mapping[str, Any], column: str) -> dict[str, Any]:
    turns = _turns(values, column)
    asked = next((i for i, turn in enumerate(turns) if turn[0] in _USER), None)
    question, images, answer = None, [], None
    if asked is not None:
        _, question, images = turns[asked]
        after = turns[asked + 1 : asked + 2]
        answer = after[0][1] if after and after[0][0] in _MODEL else None
    found: dict[str, Any] = {"question": question, "answer": answer}
    found["exchanges"] = sum(who in _USER for who, _, _ in turns)
    if images and not any(values.get(name) for name in IMAGE_COLUMNS):
        found["image"] = images
    kept = {name: _without_data(v) if name == column else v for name, v in values.items()}
    return {**found, **kept}


def _turns(values: Mapping[str, Any], column: str) -> list[tuple[str, str, list[str]]]:
    """Who, text, images of each turn."""
    value = values.get(column)
    if column in PAIRS and isinstance(value, str):
        value = [{"user": value, "assistant": values.get(PAIRS[column])}]
    found = []
    for turn in value if isinstance(value, list) else ():
        if not isinstance(turn, Mapping):
            continue
        if "user" in turn and "from" not in turn and "role" not in turn:  # The Cauldron
            found += [(who, *_content(turn[who])) for who in ("user", "assistant") if who in turn]
            continue
        who = turn.get("from", turn.get("role"))
        text, images = _content(turn.get("value", turn.get("content")))
        if isinstance(who, str):
            found.append((who.lower(), text, images))
    return found


def _content(content: Any) -> tuple[str, list[str]]:
    parts = content if isinstance(content, list) else [content]
    texts: list[str] = []
    images: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(_MARK.sub("", part).strip())
        elif isinstance(part, Mapping) and isinstance(part.get("text"), str):
            texts.append(_MARK.sub("", part["text"]).strip())
        elif isinstance(part, Mapping):
            image = image_in(part)
            images += [image] if isinstance(image, str) else []
    return "\n".join(text for text in texts if text), images


def _without_data(value: Any) -> Any:
    """A conversation without the bytes of the images in it."""
    if isinstance(value, Mapping):
        return {key: _without_data(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_data(inner) for inner in value]
    if isinstance(value, str) and (value.startswith("data:") or from_base64(value)):
        return "[image]"
    return value
