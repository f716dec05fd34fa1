"""What can be done with a session: replay it, write a note, copy its command.

Guarantee: the engine is asked in a thread worker, one prompt after the other, and can be stopped
within one. Not for showing anything: the screen does that.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from textual import work
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen
from textual.worker import Worker, get_current_worker

from sessions.errors import WbError
from sessions.records import NoteRecord, PromptRecord, Record
from workbench.app.lists.dialogs import AskLine
from workbench.app.sessions.reading import SessionLine
from workbench.app.sessions.replay_panel import ReplayPanel
from workbench.app.sessions.tables import EntryTable, SessionTable
from workbench.app.widgets.picker import Choice, Picker
from workbench.errors import EngineError
from workbench.models.spec import flags_of, typed_values
from workbench.playground.replay import Replayed, replay, spec_again
from workbench.serving.remote.known_servers import named_here
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.session_log import SessionLog
    from workbench.app.app import WbApp
    from workbench.models.spec import ModelSpec

AS_RECORDED = "as recorded"


class OneReplayed(Message):
    """One prompt was asked again."""

    def __init__(self, pair: Replayed) -> None:
        super().__init__()
        self.pair = pair


class ReplayEnded(Message):
    """No more prompts are asked; `error` where the engine could not be had."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error


class SessionDeeds(Screen[None]):
    """The actions of the Sessions place over the session and the record that are chosen."""

    session: reactive[SessionLine | None] = reactive(None)
    _replaying: Worker[None] | None = None
    _replayed_with: dict[str, Any] | None = None

    @property
    def bench(self) -> WbApp:
        """The app, as what it is."""
        return cast("WbApp", self.app)

    @property
    def table(self) -> SessionTable:
        """The list of sessions."""
        return self.query_one("#session-table", SessionTable)

    @property
    def entries(self) -> EntryTable:
        """The records of the chosen session."""
        return self.query_one("#entries", EntryTable)

    @property
    def panel(self) -> ReplayPanel:
        """The replay."""
        return self.query_one(ReplayPanel)

    @property
    def replay_shown(self) -> bool:
        """Whether the replay stands where the records were."""
        return self.has_class("-replay")

    def refresh_sessions(self) -> None:
        """Read the sessions again; the screen knows how."""
        raise NotImplementedError

    # -- replay ------------------------------------------------------------------------------

    def action_replay(self) -> None:
        """Ask the prompt under the cursor again."""
        entry = self.entries.entry
        if isinstance(entry, PromptRecord):
            self._choose_model([entry])
        else:
            self.notify("the cursor is on no prompt; R replays all of them", severity="warning")

    def action_replay_all(self) -> None:
        """Ask all prompts of the session again."""
        if prompts := [prompt for prompt in self.entries.prompts if prompt.answered]:
            self._choose_model(prompts)
        else:
            self.notify("this session has no prompts", severity="warning")

    @work(thread=True, group="replay-models", exclusive=True, exit_on_error=False)
    def _choose_model(self, records: Sequence[PromptRecord]) -> None:
        choices = [Choice(AS_RECORDED, "the model that answered then", AS_RECORDED)]
        try:
            choices += model_choices(self.bench.spec)
        except (WbError, OSError) as error:
            self.app.call_from_thread(self.notify, str(error), severity="warning", markup=False)
        self.app.call_from_thread(self._ask_model, list(records), choices)

    def _ask_model(self, records: list[PromptRecord], choices: list[Choice]) -> None:
        from workbench.app.app import model_title

        count = f"{len(records):,} prompts" if len(records) > 1 else "one prompt"
        picker = Picker(f"Replay {count} with", choices, free="MODEL, MODEL +ADAPTER, --dtype fp32")

        def chosen(value: str | dict[str, Any] | None) -> None:
            if value is None:
                return
            try:
                said = read_choice(value)
                spec = spec_again(records[0], said)
                told = named_here(spec.model) if said else ""
            except WbError as error:
                self.bench.fail(error)
                return
            if told:
                self.notify(clean(told), severity="warning", markup=False)
            self.start_replay(records, said, model_title(spec) if said else AS_RECORDED)

        self.app.push_screen(picker, chosen)

    def start_replay(self, records: list[PromptRecord], said: dict[str, Any], name: str) -> None:
        """Ask `records` again.

        Args:
            records: In this order.
            said: What was said of the model; nothing where it is the one that answered each.
            name: What to call that.
        """
        self._replayed_with = said
        self.add_class("-replay", "-inside")
        log = replay_log(self.session.id if self.session else "session")
        self.panel.begin(len(records), name, kept_in=log.id)
        self.panel.rows.focus()
        self._replaying = self._replay(records, said, log)

    @work(thread=True, group="replay", exclusive=True, exit_on_error=False)
    def _replay(
        self, records: Sequence[PromptRecord], said: dict[str, Any], log: SessionLog
    ) -> None:
        worker, service = get_current_worker(), self.bench.engine()
        failure: Exception | None = None
        try:
            specs = [spec_again(record, said) for record in records]
            engine = service.client(specs)
            service.working("replay")
            for record, spec in zip(records, specs, strict=True):
                pair = replay(engine, record, spec, log=log, cancelled=lambda: worker.is_cancelled)
                if isinstance(pair.error, EngineError):
                    raise pair.error  # the engine is gone: the others would fail the same way
                if worker.is_cancelled:
                    break
                self.post_message(OneReplayed(pair))
        except Exception as error:
            failure = error
        service.refresh()
        if not worker.is_cancelled:
            self.post_message(ReplayEnded(failure))

    def stop_replay(self) -> None:
        """Ask no more; what was answered stays."""
        if self._replaying is not None:
            self._replaying.cancel()
            self._replaying = None
        self.panel.end()

    # -- notes and commands ------------------------------------------------------------------

    def action_note(self) -> None:
        """Write a note about the record under the cursor, or about the session."""
        session, entry = self.session, self.entries.entry
        if session is None:
            return
        about = entry if self.focused is not self.table else None
        uid = getattr(about, "uid", None)
        what = f"about {uid}" if uid else f"in the session {session.id}"

        def written(text: str | None) -> None:
            if text:
                self._write_note(session, about, text)

        def problem(line: str) -> str | None:
            return None if line else "a note is needed"

        body = f"It is kept {what}."
        self.app.push_screen(AskLine("Note", body, placeholder="…", check=problem), written)

    @work(thread=True, group="sessions-note", exit_on_error=False)
    def _write_note(self, session: SessionLine, about: Record | None, text: str) -> None:
        from sessions.session_log import SessionLog

        note = NoteRecord(
            uid=getattr(about, "uid", None), text=text, about=about.id if about else None
        )
        try:
            SessionLog(session.id, session.path).append(note)
        except Exception as error:
            self.bench.fail(error, "the note was not written")
        self.app.call_from_thread(self.refresh_sessions)

    def action_copy(self) -> None:
        """Copy the command that replays what is under the cursor."""
        if self.session is None:
            return
        argv = ["wb", "replay", self.session.id]
        entry = self.panel.pair.old if self.replay_shown and self.panel.pair else self.entries.entry
        if isinstance(entry, PromptRecord) and self.focused is not self.table:
            argv += ["--only", entry.id]
        if self.replay_shown and self._replayed_with:
            argv += flags_of(self._replayed_with)
        self.bench.copy_text(shlex.join(argv), "command")

    def action_copy_uid(self) -> None:
        """Copy the UID of the sample under the cursor."""
        pair = self.panel.pair if self.replay_shown else None
        uid = pair.old.uid if pair else getattr(self.entries.entry, "uid", None)
        if uid:
            self.bench.copy_text(uid, "UID")


def read_choice(value: str | dict[str, Any]) -> dict[str, Any]:
    """What was chosen or typed, as `chosen_spec` takes it. Raises `UsageError`."""
    if value == AS_RECORDED:
        return {}
    return typed_values(value) if isinstance(value, str) else value


def replay_log(session_id: str) -> SessionLog:
    """A session of its own for the answers of a replay; its file comes with the first of them."""
    from sessions.ids import new_id
    from sessions.session_log import SessionLog

    return SessionLog.open(f"{session_id[:80]}.replay-{new_id()[-6:]}")


def model_choices(present: ModelSpec) -> list[Choice]:
    """The models and adapters that there are. Blocks shortly."""
    from workbench.app.app import model_title
    from workbench.models.catalog import to_choose

    return [
        Choice(model_title(spec), about, {"model": spec.model, "adapter": spec.adapter})
        for spec, about in to_choose(present)
    ]
