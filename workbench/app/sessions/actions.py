"""What can be done with a session beside replaying it: write a note, copy its command.

Not for showing anything: the screen does that.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from sessions.records import NoteRecord, PromptRecord, Record
from workbench.app.lists.dialogs import LineDialog
from workbench.app.sessions.reading import SessionLine
from workbench.app.sessions.replay_panel import ReplayPanel
from workbench.app.sessions.replayer import Replayer
from workbench.app.sessions.tables import EntryTable, SessionTable
from workbench.models.spec import flags_of

if TYPE_CHECKING:
    from workbench.app.app import WbApp


class SessionActions:
    """The actions of the Sessions place over the session and the record that are chosen."""

    def __init__(
        self,
        bench: WbApp,
        table: SessionTable,
        entries: EntryTable,
        panel: ReplayPanel,
        replayer: Replayer,
        *,
        session: Callable[[], SessionLine | None],
        refresh: Callable[[], None],
    ) -> None:
        self._bench, self._table, self._entries = bench, table, entries
        self._panel, self._replayer = panel, replayer
        self._session, self._refresh = session, refresh

    def note(self) -> None:
        """Write a note about the record under the cursor, or about the session."""
        session, entry = self._session(), self._entries.entry
        if session is None:
            return
        about = entry if not self._table.has_focus else None
        uid = getattr(about, "uid", None)
        what = f"about {uid}" if uid else f"in the session {session.id}"

        def written(text: str | None) -> None:
            if text:
                self._write_note(session, about, text)

        def problem(line: str) -> str | None:
            return None if line else "a note is needed"

        body = f"It is kept {what}."
        self._bench.push_screen(LineDialog("Note", body, placeholder="…", check=problem), written)

    def _write_note(self, session: SessionLine, about: Record | None, text: str) -> None:
        uid = getattr(about, "uid", None)
        note = NoteRecord(uid=uid, text=text, about=about.id if about else None)

        def work() -> None:
            from sessions.session_log import SessionLog

            try:
                SessionLog(session.id, session.path).append(note)
            except Exception as error:
                self._bench.fail(error, "the note was not written")
            self._bench.call_soon(self._refresh)

        self._bench.tasks.change(f"note {note.id}", work)

    def copy(self) -> None:
        """Copy the command that replays what is under the cursor."""
        session, pair = self._session(), self._panel.pair if self._panel.shown else None
        if session is None:
            return
        argv = ["wb", "replay", session.id]
        entry = pair.old if pair else self._entries.entry
        if isinstance(entry, PromptRecord) and not self._table.has_focus:
            argv += ["--only", entry.id]
        if self._panel.shown and self._replayer.said:
            argv += flags_of(self._replayer.said)
        self._bench.copy_text(shlex.join(argv), "command")

    def copy_uid(self) -> None:
        """Copy the UID of the sample under the cursor."""
        pair = self._panel.pair if self._panel.shown else None
        uid = pair.old.uid if pair else getattr(self._entries.entry, "uid", None)
        if uid:
            self._bench.copy_text(uid, "UID")
