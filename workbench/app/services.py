"""What every screen of the bench may ask of the app; `workbench.app.app` lists it.

Guarantee: none of it blocks the event loop; `fail` and `call_soon` are safe from any thread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import events
from textual.message import Message
from textual.notifications import Notify
from textual.reactive import reactive

from workbench.app.copied import copy_text
from workbench.app.engine_service import EngineService, EngineState
from workbench.app.key_order import KeysInOrder
from workbench.app.status_line import StatusLine
from workbench.app.tasks import Tasks
from workbench.app.why_not import say_why_not

if TYPE_CHECKING:
    from sessions.jobs import Job


class JobStarted(Message):
    """A job that `start_job` was asked for is running."""

    def __init__(self, job: Job, title: str) -> None:
        super().__init__()
        self.job = job
        self.title = title


class Call(Message):
    """A function that a worker wants run on the event loop."""

    def __init__(self, function: Callable[[], object]) -> None:
        super().__init__()
        self.function = function


class Services(KeysInOrder):
    """The services of the app."""

    engine_state: reactive[EngineState] = reactive(EngineState())

    def __init__(self) -> None:
        super().__init__()
        self.tasks = Tasks(self.fail)
        self.all_changed = True  # whether leaving found every change made
        self._engine_service = EngineService(self._engine_changed)
        self.status_line = StatusLine(self)

    async def run_action(
        self, action: Any, default_namespace: Any = None, namespaces: Any = None
    ) -> bool:
        """Do what a key asks for, or say in a line why it does not apply."""
        said = say_why_not(self, action, default_namespace, namespaces)
        return said or await super().run_action(action, default_namespace, namespaces)

    def on_mount(self) -> None:
        """What is said of a screen goes with it."""
        self.screen_change_signal.subscribe(self, self.status_line.screen_changed, immediate=True)

    async def on_event(self, event: events.Event) -> None:
        """A key says that the line at the bottom was read."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            self.status_line.key_came()
        await super().on_event(event)

    def on_notify(self, event: Notify) -> None:
        """What is said belongs to the screen in view; Textual's own list is not used."""
        event.prevent_default()
        if not self.is_ending:
            self.status_line.take(event.notification)

    def clear_notifications(self) -> None:
        """Say nothing any more."""
        self.status_line.clear()

    def palette_actions(self) -> list[tuple[str, str, Callable[[], Any]]]:
        """What the finder offers beside the keys."""
        about = "Read again what was said in the line at the bottom"
        return [("Messages", about, self.action_messages)]

    def action_messages(self) -> None:
        """All that was said at the bottom, the newest first."""
        from workbench.app.widgets.text_panel import TextPanel

        self.status_line.clear()
        said = reversed(self.status_line.kept)
        self.push_screen(TextPanel("Messages", "\n".join(said) or "nothing was said yet"))

    def copy_text(self, text: str, what: str = "text", *, panel: bool = True) -> None:
        """Copy by OSC 52 and show what was copied: not every terminal takes OSC 52.

        Args:
            text: What is copied; what acts on a terminal is left out.
            what: What to call it in the toast (`command`, `UID`).
            panel: Show the text in a panel; otherwise in the toast alone.
        """
        copy_text(self, text, what, panel)

    def start_job(
        self,
        argv: list[str],
        title: str,
        *,
        on_started: Callable[[Job], None] | None = None,
    ) -> None:
        """Start `wb *argv` as a job, off the event loop; failures show in a panel."""

        def work() -> None:
            try:
                job = self.start_job_now(argv, title)
            except Exception as error:
                self.fail(error, title=f"could not start: {title}")
                return
            self.call_soon(self._job_started, job, title, on_started)

        # A lane of its own: a second job must not push the first one out.
        self.tasks.change(f"start job {id(work)}", work)

    def start_job_now(self, argv: list[str], title: str) -> Job:
        """Start `wb *argv` as a job and return it. Blocks: for workers only."""
        import sys

        from sessions import jobs

        return jobs.start([sys.executable, "-P", "-m", "commands.main", *argv], title=title)

    def _job_started(self, job: Job, title: str, on_started: Callable[[Job], None] | None) -> None:
        from workbench.text import clean

        self.notify(f"{clean(title)}: 3 follows it", title="job started", markup=False)
        if on_started is not None:
            on_started(job)
        self.screen.post_message(JobStarted(job, title))

    def fail(self, error: BaseException, title: str | None = None) -> None:
        """Show a failure in a panel with its full, copyable text. Safe from any thread."""
        self.call_soon(self._show_failure, error, title)

    def _show_failure(self, error: BaseException, title: str | None) -> None:
        from workbench.app.widgets.text_panel import ErrorPanel

        if isinstance(self.screen, ErrorPanel) and self.screen.same_as(error):
            return
        self.push_screen(ErrorPanel(error, title))

    def engine(self) -> EngineService:
        """The one connection to the engine; see `EngineService`."""
        return self._engine_service

    def _engine_changed(self, state: EngineState) -> None:
        self.call_soon(setattr, self, "engine_state", state)

    def action_restart_engine(self) -> None:
        """Start the engine again after it died or hung."""
        self.tasks.run("engine", lambda token: self._engine_service.restart())

    def call_soon(self, function: Callable[..., object], *args: Any, **named: Any) -> None:
        """Run on the event loop, from any thread, without waiting; dropped when the app is gone."""
        if self.is_running:
            self.post_message(Call(partial(function, *args, **named)))

    def on_call(self, call: Call) -> None:
        """Run what another thread left to be run here; not while the bench is being closed."""
        if not self.is_ending:
            call.function()
