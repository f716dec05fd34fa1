"""Sessions: what was asked, word for word, and what another model would say to it.

Guarantee: files are read in lanes of the bench, again only where they changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Input

from sessions.records import PromptRecord, Record
from workbench.app.lists.list_reader import ListReader
from workbench.app.lists.palette import PALETTE
from workbench.app.lists.row_list import RowList
from workbench.app.sessions.actions import SessionActions
from workbench.app.sessions.entry_text import whole
from workbench.app.sessions.keys import KEYS, TASKS
from workbench.app.sessions.reading import (
    SessionIndex,
    SessionLine,
    read_entries,
)
from workbench.app.sessions.replay_panel import ReplayPanel
from workbench.app.sessions.replayer import Replayer
from workbench.app.sessions.tables import EntryTable, SessionTable
from workbench.app.widgets.footer import BenchFooter
from workbench.app.widgets.header import BenchHeader
from workbench.app.widgets.key_table import Tasks
from workbench.app.widgets.sparing import draw_sparingly
from workbench.app.widgets.steady import SteadyText
from workbench.text import clean, counted

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken

NO_SESSION = "there is no session yet: what is asked in Explore is kept in one"
OF_A_SESSION = ("replay", "replay_all", "note", "copy", "copy_uid")
REFRESH_S = 2.0  # how often the sessions are looked at again while somebody looks at them


class SessionsScreen(Screen[None]):
    """The place of sessions."""

    CSS_PATH = "sessions.tcss"
    HELP = (
        "Left the sessions, right what was asked in the chosen one. Enter opens the sample; r and "
        "R ask again, of any model: what changed is marked. / searches prompts, answers and notes "
        "of all sessions: every word must be there, case does not count."
    )
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [(0, "-short"), (36, "-tall")]
    TASKS: ClassVar[Tasks] = TASKS
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    session: reactive[SessionLine | None] = reactive(None, repaint=False)

    def __init__(self) -> None:
        super().__init__()
        draw_sparingly(self)
        self._index = SessionIndex()
        self._stamp = (0, 0)
        self._sessions: list[SessionLine] = []
        self._entries: list[Record] = []
        self._hits: dict[str, set[str]] | None = None
        self._wanted: str | None = None  # the session to stand on once it is listed

    def compose(self) -> ComposeResult:
        """The sessions beside, or over, what was asked or the replay."""
        yield BenchHeader()
        yield Input(id="session-search", placeholder="/ words…", compact=True)
        with Container(id="sessions-body"):
            table = SessionTable(widget_id="session-table")
            table.border_title = "Sessions"
            yield table
            with Vertical(id="session-detail"):
                entries = EntryTable(widget_id="entries")
                entries.border_title = "Asked"
                yield entries
                with VerticalScroll(id="entry-box", can_focus=False):
                    yield SteadyText(id="entry-text")
            yield ReplayPanel(widget_id="replay")
        yield BenchFooter()

    def on_mount(self) -> None:
        """Read the sessions, and go on reading them while they are looked at."""
        self.table.focus()
        self.listing = ListReader(
            self.table,
            "sessions",
            read=self._index.read,
            show=self._take_sessions,
            every_s=REFRESH_S,
        )
        self.replayer = Replayer(self.bench, self.entries, self.panel, lambda: self.session)
        self.action_replay, self.action_replay_all = self.replayer.one, self.replayer.all
        actions = SessionActions(
            self.bench,
            self.table,
            self.entries,
            self.panel,
            self.replayer,
            session=lambda: self.session,
            refresh=self.listing.anew,
        )
        self.action_note = actions.note
        self.action_copy, self.action_copy_uid = actions.copy, actions.copy_uid

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer offers what applies to the chosen session."""
        return not self.why_not(action)

    def why_not(self, action: str) -> str:
        """Why a key does nothing now, in a line; empty where it does something."""
        if not self.is_mounted or action not in (
            "replay",
            "replay_all",
            "note",
            "copy",
            "copy_uid",
        ):
            return ""
        if self.session is None:
            return NO_SESSION
        if action == "copy_uid":
            pair = self.panel.pair if self.panel.shown else None
            has_uid = (pair and pair.old.uid) or getattr(self.entries.entry, "uid", None)
            return "" if has_uid else "the record under the cursor is about no sample of a dataset"
        if action == "replay" and not isinstance(self.entries.entry, PromptRecord):
            return "the cursor is on no prompt; R replays all of them"
        if action == "replay_all" and not any(one.answered for one in self.entries.prompts):
            return "no prompt of this session has an answer to compare with"
        return ""

    def on_screen_resume(self) -> None:
        """Back from elsewhere: what was asked meanwhile is read at once."""
        self.listing.read()

    @property
    def bench(self) -> WbApp:
        """The app, as what it is."""
        return cast("WbApp", self.app)

    @property
    def table(self) -> SessionTable:
        """The list of sessions."""
        return self.query_one(SessionTable)

    @property
    def entries(self) -> EntryTable:
        """The records of the chosen session."""
        return self.query_one(EntryTable)

    @property
    def panel(self) -> ReplayPanel:
        """The replay."""
        return self.query_one(ReplayPanel)

    # -- reading -----------------------------------------------------------------------------

    def _take_sessions(self, sessions: list[SessionLine]) -> None:
        if self._hits is not None and sessions != self._sessions:
            self._search(self._words)  # what was asked meanwhile is found too
        self._sessions = sessions
        self._show_sessions()

    def _show_sessions(self) -> None:
        hits = self._hits
        shown = [line for line in self._sessions if hits is None or line.id in hits]
        searched = None if hits is None else (self._words, len(self._sessions))
        self.set_class(not self._sessions, "-empty")
        self.table.show_sessions(shown, self._wanted, searched=searched)
        if self._wanted in self.table.sessions:
            self._wanted = None
        subject = counted(len(self._sessions), "session")
        if hits is not None:
            found = counted(sum(len(ids) for ids in hits.values()), "record")
            subject = f"{found} in {len(shown)} of {subject}"
        self.query_one(BenchHeader).subject = subject
        known = self.table.sessions.get(self.session.id) if self.session else None
        self.session = known or self.table.session

    @on(RowList.RowHighlighted, "#session-table")
    def _session_moved(self) -> None:
        self.session = self.table.session

    def watch_session(self, old: SessionLine | None, session: SessionLine | None) -> None:
        """Show another session, or more of the same one."""
        self.set_class(session is None, "-none")
        if session is None:
            self.remove_class("-inside")  # the list says why nothing is shown
            return
        same = old is not None and old.id == session.id
        if not same and not self.panel.running:
            self.remove_class("-replay")
        if not same or old != session:
            self._read_entries(session)

    def show_session(self, name: str) -> None:
        """Put the cursor on a session, all of them in sight."""
        if self._hits is not None:
            self._end_search()
        self._hits, self._wanted = None, name
        self._show_sessions()

    def _read_entries(self, session: SessionLine) -> None:
        def work(token: CancelToken) -> None:
            try:
                entries = read_entries(session)
            except Exception as error:
                self.bench.fail(error, "this session cannot be read")
                return
            if not token.cancelled:
                self.bench.call_soon(self._take_entries, session.id, entries)

        self.bench.tasks.run("session entries", work)

    def _take_entries(self, session_id: str, entries: list[Record]) -> None:
        if self.session is not None and session_id == self.session.id:
            self._entries = entries
            self._show_entries()

    def _show_entries(self) -> None:
        ids = (
            None if self._hits is None or self.session is None else self._hits.get(self.session.id)
        )
        found = [entry for entry in self._entries if ids is None or entry.id in ids]
        self.entries.show_entries(found, searched=ids is not None)
        if not found:
            self.query_one("#entry-text", SteadyText).update("")

    # -- searching ---------------------------------------------------------------------------

    @property
    def _words(self) -> str:
        return self.query_one("#session-search", Input).value

    def action_search(self) -> None:
        """Type words; the lists show where they stand."""
        field = self.query_one("#session-search", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#session-search")
    def _words_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._search(event.value)

    @on(Input.Submitted, "#session-search")
    def _words_typed(self, event: Input.Submitted) -> None:
        event.stop()
        (self.entries if self.has_class("-inside") else self.table).focus()

    def _search(self, words: str) -> None:
        def work(token: CancelToken) -> None:
            from sessions.searching import folded, search
            from sessions.words import words_of

            hits: dict[str, set[str]] = {}
            unread: list[str] = []
            wanted = words_of(words)
            if folded(wanted):
                found = search(
                    wanted, on_unread=lambda name, _: unread.append(name), cancelled=token
                )
                for hit in found:
                    hits.setdefault(hit.session, set()).add(hit.record.id)
            if not token.cancelled:
                known = hits if folded(wanted) else None
                self.bench.call_soon(self._take_hits, words, known, unread)

        self.bench.tasks.run("search sessions", work)

    def _take_hits(self, words: str, hits: dict[str, set[str]] | None, unread: list[str]) -> None:
        """Show what was found; `None` where nothing is searched."""
        if words != self._words:
            return
        self._hits = hits
        self._show_sessions()
        self._show_entries()
        if unread:
            said = clean(f"not searched: {', '.join(unread)}")
            self.notify(said, severity="warning", markup=False)

    def _end_search(self) -> None:
        field = self.query_one("#session-search", Input)
        field.value, field.display = "", False
        self.table.focus()

    @on(RowList.RowHighlighted, "#entries")
    def _entry_moved(self) -> None:
        entry = self.entries.entry
        if entry is not None:
            self.query_one("#entry-text", SteadyText).update(whole(entry, PALETTE))
            self.query_one("#entry-box").scroll_home(animate=False)

    # -- going in and back -------------------------------------------------------------------

    @on(RowList.RowSelected, "#session-table")
    def _session_opened(self) -> None:
        self.add_class("-inside")
        (self.panel.rows if self.panel.shown else self.entries).focus()

    @on(RowList.RowSelected, "#entries")
    def _entry_opened(self) -> None:
        uid = getattr(self.entries.entry, "uid", None)
        if uid:
            self.bench.open_uid(uid)
        else:
            self.notify("this was about no sample of a dataset", severity="warning")

    @on(ReplayPanel.OpenPair)
    def _pair_opened(self, event: ReplayPanel.OpenPair) -> None:
        self.bench.open_uid(event.uid)

    def action_back(self) -> None:
        """One step back: stop a replay, leave it, leave the session, end the search."""
        if self.panel.shown and self.panel.running:
            self.replayer.stop()
        elif self.panel.shown:
            self.remove_class("-replay")
            self.entries.focus()
        elif self.focused is not self.query_one("#session-search") and self.has_class("-inside"):
            self.remove_class("-inside")
            self.table.focus()
        elif self.query_one("#session-search").display:
            self._end_search()
        else:
            self.table.focus()

    @on(ReplayPanel.Stop)
    def _stopped(self) -> None:
        self.replayer.stop()
