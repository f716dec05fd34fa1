"""The list of sessions and the list of what was asked in one."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from sessions.records import GradcamRecord, PromptRecord, Record
from sessions.verdict import answer_verdict
from workbench.app.lists.draw import plain
from workbench.app.lists.palette import PALETTE, Palette
from workbench.app.lists.row_list import Cell, Column, RowList
from workbench.app.sessions.reading import SessionLine
from workbench.reports.session import gist, who
from workbench.reports.silence import answered_nothing
from workbench.text import clean, counted
from workbench.times import ago, clock

_NONE: tuple[str, ...] = (
    "No sessions yet",
    "",
    "p in Explore (1) asks a model about a sample,",
    "wb prompt does it from a script:",
    "both are kept here, word for word",
)


def _not_found(words: str, sessions: int) -> tuple[str, ...]:
    return (
        f"Nothing has {clean(words, newlines=False)!r}",
        "",
        f"searched in {counted(sessions, 'session')}: prompts, answers,",
        "failures, notes, tags, samples, models",
        "",
        "/ changes the words, Esc shows all again",
    )


class SessionTable(RowList):
    """Sessions, the one last written first."""

    HELP_TITLE = "The list of sessions"
    HELP = (
        "Each session holds what was asked on a day, or under a name of its own. Enter goes "
        "into what was asked."
    )

    def __init__(self, *, widget_id: str | None = None) -> None:
        columns = (
            Column("session", 0, share=4),
            Column("prompts", 7, "right"),
            Column("models", 0, share=3, above=44),
            Column("last", 4, "right"),
        )
        super().__init__(columns, empty=_NONE, widget_id=widget_id)
        self.sessions: dict[str, SessionLine] = {}

    @property
    def session(self) -> SessionLine | None:
        """The session under the cursor."""
        return self.sessions.get(self.key or "")

    def show_sessions(
        self,
        sessions: Sequence[SessionLine],
        cursor: str | None = None,
        *,
        searched: tuple[str, int] | None = None,
    ) -> None:
        """Replace the sessions; the cursor stays on its session.

        Args:
            sessions: The newest first.
            cursor: The session to stand on.
            searched: They are those that a search found: its words, and in how many sessions.
        """
        self.empty = _not_found(*searched) if searched else _NONE
        self.sessions = {line.id: line for line in sessions}
        self.show(list(self.sessions), lambda i: self._row(sessions[i]), cursor=cursor)

    def _row(self, line: SessionLine) -> tuple[Cell, ...]:
        palette = PALETTE
        name = plain(line.id)
        if line.problem or line.damaged:
            words = line.problem or f"{line.damaged} damaged lines"
            name.append(f"  {words}", palette.warn)
        return (
            name,
            Text(f"{line.prompts:,}", style=Style(bold=bool(line.prompts))),
            plain(", ".join(m.rstrip("/").rsplit("/", 1)[-1] for m in line.models), palette.dim),
            Text(ago(line.last, time.time()), style=palette.dim),
        )


class EntryTable(RowList):
    """Prompts, heatmaps and notes of a session, the newest first."""

    HELP_TITLE = "What was asked"
    HELP = (
        "Prompts, heat maps and notes of the session, the newest first; below stands the one "
        "under the cursor in full. Enter shows its sample in Explore."
    )

    def __init__(self, *, widget_id: str | None = None) -> None:
        columns = (
            Column("", 1),
            Column("time", 8, above=60),
            Column("sample", 0, share=3),
            Column("template", 0, share=2, above=84),
            Column("model", 0, share=2, above=70),
            Column("answer", 0, share=6),
        )
        super().__init__(columns, empty=("Choose a session",), widget_id=widget_id)
        self.entries: dict[str, Record] = {}

    @property
    def entry(self) -> Record | None:
        """The record under the cursor."""
        return self.entries.get(self.key or "")

    @property
    def prompts(self) -> list[PromptRecord]:
        """The prompts, the oldest first: the order in which they are asked again."""
        return [e for e in reversed(self.entries.values()) if isinstance(e, PromptRecord)]

    def show_entries(
        self, entries: Sequence[Record], cursor: str | None = None, *, searched: bool = False
    ) -> None:
        """Replace the records; the cursor stays on its record.

        Args:
            entries: The newest first.
            cursor: The id to stand on.
            searched: They are those that a search found.
        """
        # A file edited by hand may hold an id twice, or none.
        self.entries = {entry.id or f"line {i}": entry for i, entry in enumerate(entries)}
        kept = list(self.entries.values())
        nothing = ("Nothing asked in this session", "", "n writes a note into it")
        self.empty = ("None of its records has the words",) if searched else nothing
        self.show(list(self.entries), lambda i: self._row(kept[i]), cursor=cursor)

    def _row(self, entry: Record) -> tuple[Cell, ...]:
        palette = PALETTE
        at = Text(clock(entry.ts), style=palette.dim)
        uid = plain(getattr(entry, "uid", None) or "–")
        if isinstance(entry, PromptRecord):
            return (
                prompt_sign(entry, palette),
                at,
                uid,
                plain(entry.template or "free text", palette.dim),
                plain(who(entry)),
                _answer(entry, palette),
            )
        if isinstance(entry, GradcamRecord):
            return (
                Text("▒", style=palette.second),
                at,
                uid,
                Text(""),
                plain(who(entry), palette.dim),
                plain(gist(entry), palette.dim),
            )
        note = plain(gist(entry) or entry.kind, palette.second)
        return Text("✎", style=palette.second), at, uid, Text(""), Text(""), note


def prompt_sign(entry: PromptRecord, palette: Palette) -> Text:
    """Right, wrong, failed, or just asked: shape and colour."""
    return {
        "failed": Text("!", style=palette.bad),
        "none": Text("›", style=palette.dim),
        "unparsed": Text("?", style=palette.warn),
        "right": Text("✓", style=palette.good),
        "wrong": Text("✗", style=palette.bad),
    }[answer_verdict(entry)]


def _answer(entry: PromptRecord, palette: Palette) -> Text:
    if entry.error:
        return plain(entry.failure, palette.bad)
    if entry.text.strip():
        return plain(" ".join(entry.text[:400].split()))
    return plain(answered_nothing(len(entry.tokens), entry.finish_reason), palette.dim)
