"""What was answered before, by UID, read from the session logs."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sessions.errors import RecordError


@dataclass(frozen=True)
class Earlier:
    """One earlier answer.

    Attributes:
        when: Local time, as it is shown.
        record: The session's record itself; `None` of the answer that a run recorded.
    """

    when: str
    model: str
    template: str
    text: str
    record: Any = None


class HistoryBook:
    """The prompts of all sessions by UID; read once, then kept up to date by what is asked here.

    For worker threads. Reads the newest sessions first and at most `limit` of them: a year of
    sessions must not keep anybody waiting for three lines of text. Who moves on while they are
    read ends nothing: they are those of every sample.
    """

    def __init__(self, limit: int = 200) -> None:
        self.limit = limit
        self._by_uid: dict[str, list[Earlier]] | None = None

    def of(self, uid: str) -> list[Earlier]:
        """Earlier answers on a UID, newest first."""
        if self._by_uid is None:
            self._by_uid = self._read()
        return self._by_uid.get(uid, [])

    def add(self, record: Any) -> None:
        """An answer given just now."""
        if self._by_uid is not None and record.uid:
            self._by_uid.setdefault(record.uid, []).insert(0, earlier_of(record))

    def _read(self) -> dict[str, list[Earlier]]:
        from sessions.records import PromptRecord
        from sessions.session_log import newest_first

        found: dict[str, list[Earlier]] = {}
        for log in newest_first()[: self.limit]:
            with suppress(RecordError):  # the list of sessions says why it cannot be read
                for record in log.records():
                    if isinstance(record, PromptRecord) and record.uid:
                        found.setdefault(record.uid, []).append(earlier_of(record))
            time.sleep(0)  # a thread that reads on and on would leave a key waiting
        for items in found.values():
            items.sort(key=lambda e: e.record.ts, reverse=True)
        return found


def earlier_of(record: Any) -> Earlier:
    """A prompt record as a line of the history."""
    from datetime import datetime

    from workbench.reports.session import who

    try:
        then = datetime.fromisoformat(record.ts).astimezone()
        today = datetime.now().astimezone().date() == then.date()
        when = then.strftime("%H:%M" if today else "%d %b %H:%M")
    except ValueError:
        when = "?"
    return Earlier(when, who(record), record.template or "", record.said, record)
