"""What users asked in words of their own, over all sessions: to be recalled and asked again.

Guarantee: each wording once, the newest first; a session that cannot be read is passed over, as
lists of sessions say why. Not for what a template wrote: the template writes it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from sessions.errors import RecordError
from sessions.records import PromptRecord
from sessions.session_log import newest_first


@dataclass(frozen=True)
class OwnPrompt:
    """A prompt in the user's own words.

    Attributes:
        text: The user turn.
        system: The system turn, empty for none.
        ts: When it was asked last, ISO 8601 in UTC.
        model: Who was asked then.
    """

    text: str
    system: str
    ts: str
    model: str


def own_prompts(
    *, most: int = 500, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[OwnPrompt]:
    """At most so many prompts, the one that was asked last first.

    Args:
        most: Ends the search: sessions before the one that it was found in are not read.
        cancelled: Asked between two sessions.
    """
    seen: set[tuple[str, str]] = set()
    for log in newest_first():
        if cancelled():
            return
        with suppress(RecordError):
            for record in reversed(log.records()):
                if not isinstance(record, PromptRecord) or record.template or record.follows:
                    continue
                key = (record.asked, record.asked_system)
                if not record.asked.strip() or key in seen:
                    continue
                seen.add(key)
                yield OwnPrompt(*key, record.ts, record.model)
                if len(seen) == most:
                    return
