"""Where two answers differ, piece by piece: tokens where both are known, words otherwise.

Guarantee: the pieces of one side, joined, are that side's text. For `wb replay` and the bench
alike; not for drawing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from sessions.records import PromptRecord


def pieces(record: PromptRecord) -> list[str]:
    """The answer in tokens, or in words where the record holds no tokens that make it up."""
    tokens = _tokens(record)
    return words_of(record.text) if tokens is None else tokens


def _tokens(record: PromptRecord) -> list[str] | None:
    tokens = [str(token.get("text", "")) for token in record.tokens]
    if not "".join(tokens).startswith(record.text):
        return None  # a character of several tokens is whole in the text alone
    return _cut_to(tokens, len(record.text)) if record.text else []


def words_of(text: str) -> list[str]:
    """A text in words, each with the blanks before it."""
    return re.findall(r"\s*\S+|\s+$", text)


def pieces_of_both(old: PromptRecord, new: PromptRecord) -> tuple[list[str], list[str]]:
    """Two answers in pieces of one kind: tokens of two vocabularies are no pieces to compare."""
    if old.model == new.model:
        first, second = _tokens(old), _tokens(new)
        if first is not None and second is not None:
            return first, second
    return words_of(old.text), words_of(new.text)


def aligned(old: Sequence[str], new: Sequence[str]) -> list[tuple[bool, str, str]]:
    """Runs of pieces, side by side: (whether they are the same, the old run, the new run)."""
    matcher = SequenceMatcher(None, list(old), list(new), autojunk=False)
    return [
        (tag == "equal", "".join(old[a0:a1]), "".join(new[b0:b1]))
        for tag, a0, a1, b0, b1 in matcher.get_opcodes()
    ]


def changed(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many pieces of each side have no match on the other."""
    matcher = SequenceMatcher(None, list(old), list(new), autojunk=False)
    same = sum(block.size for block in matcher.get_matching_blocks())
    return len(old) - same, len(new) - same


def marked(old: Sequence[str], new: Sequence[str]) -> tuple[str, str]:
    """Both texts, what differs between marks: `[-gone-]` in the old, `{+come+}` in the new."""
    left, right = "", ""
    for same, before, after in aligned(old, new):
        left += before if same else _in(before, "[-", "-]")
        right += after if same else _in(after, "{+", "+}")
    return left, right


def _in(text: str, opening: str, closing: str) -> str:
    """The text between marks that stand at its letters, its blanks outside."""
    bare = text.strip()
    if not bare:
        return f"{opening}{text}{closing}" if text else ""
    lead = text[: len(text) - len(text.lstrip())]
    return f"{lead}{opening}{bare}{closing}{text[len(text.rstrip()) :]}"


def _cut_to(tokens: Sequence[str], length: int) -> list[str]:
    """Leave out what the answer does not show: the end-of-turn token."""
    out, room = [], length
    for token in tokens:
        if room <= 0:
            break
        out.append(token[:room])
        room -= len(token)
    return out
