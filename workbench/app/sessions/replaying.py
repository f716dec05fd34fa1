"""Two answers side by side, what differs marked token by token; no widget in here.

Not for asking: `workbench.engine.replay` does that, for the bench and for `wb replay` alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from sessions.records import PromptRecord
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.engine.replay import Replayed
    from workbench.models.spec import ModelSpec


def typed_spec(text: str) -> ModelSpec:
    """`MODEL` or `MODEL +ADAPTER` as typed. Raises `UsageError` where it is empty."""
    from workbench.models.spec import ModelSpec

    model, _, adapter = (part.strip() for part in text.partition(" +"))
    return ModelSpec(model=model, adapter=adapter or None)


def pieces(record: PromptRecord) -> list[str]:
    """The answer in tokens, or in words where the record holds no tokens that make it up."""
    tokens = [str(token.get("text", "")) for token in record.tokens]
    if record.text and "".join(tokens).startswith(record.text):
        return _cut_to(tokens, len(record.text))
    return re.findall(r"\s*\S+|\s+$", record.text)


def _cut_to(tokens: Sequence[str], length: int) -> list[str]:
    """Leave out what the answer does not show: the end-of-turn token."""
    out, room = [], length
    for token in tokens:
        if room <= 0:
            break
        out.append(token[:room])
        room -= len(token)
    return out


def side_by_side(pair: Replayed, gone: Style, come: Style) -> tuple[Text, Text]:
    """The old and the new answer, what differs marked in each."""
    old = pieces(pair.old)
    if pair.new is None:
        words = pair.error.message if pair.error else "failed"
        return Text(clean(pair.old.text)), Text(clean(words), style=gone)
    new = pieces(pair.new)
    left, right = Text(), Text()
    for tag, a0, a1, b0, b1 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        equal = tag == "equal"
        left.append(clean("".join(old[a0:a1])), None if equal else gone)
        right.append(clean("".join(new[b0:b1])), None if equal else come)
    return left, right
