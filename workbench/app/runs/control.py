"""Keys over a running evaluation: pause it, let it go on, change how much it asks at once.

Guarantee: `workbench.evaluation.control` decides what may be asked; nothing here blocks. The
places of runs and of jobs share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sessions.ids import short_id
from workbench.app.lists.dialogs import LineDialog
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.runs import Run
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken
    from workbench.evaluation.control_requests import ControlRequest
    from workbench.evaluation.control_state import RunControl

HOLDS = ("pausing", "paused")


DOES = {
    **{"pause": "p pauses", "go_on": "p pauses"},
    **{"resize": "c changes", "ask_again": "R asks again in"},
}


def why_no_control(action: str, what: str, state: str, standing: str) -> str:
    """Why a key over a running evaluation does nothing; empty where it does something.

    Args:
        action: Its name; of another action nothing is said.
        what: `this run`, `this job`.
        state: How that stands.
        standing: As `RunControl.state`; empty where there is no running evaluation.
    """
    if action not in DOES:
        return ""
    if action == "pause" and standing in HOLDS:
        return "it is paused: p goes on"
    if action == "go_on" and standing == "running":
        return "it is not paused: p pauses it"
    if standing == "running" or standing in HOLDS:
        return ""
    # A training runs as well, and an evaluation that is still starting listens to nothing.
    stands = "has none under way" if state == "running" else f"is {state}"
    return f"{DOES[action]} an evaluation while it runs; {what} {stands}"


def how_many(words: Sequence[str]) -> str:
    """` · 2 running · 1 paused`, of how those stand that have not ended; empty for none."""
    paused = sum(word == "paused" for word in words)
    counts = ((len(words) - paused, "running"), (paused, "paused"))
    return "".join(f" · {count} {word}" for count, word in counts if count)


class RunControlKeys:
    """The actions over the running evaluation that is chosen."""

    def __init__(
        self, bench: WbApp, run_id: Callable[[], str | None], refresh: Callable[[], None]
    ) -> None:
        """Over the run of that id, `None` for none; `refresh` once something was asked."""
        self._bench, self._run_id, self._refresh = bench, run_id, refresh

    def toggle(self) -> None:
        """Pause it, or let it go on."""
        from workbench.evaluation.control import pause_or_resume

        self._ask(pause_or_resume)

    def ask_again(self, uid: str | None) -> None:
        """Have it ask a sample again."""
        from workbench.evaluation.control import ask_control

        if uid:
            self._ask(lambda run: ask_control(run, "retry", uid))

    def resize(self) -> None:
        """Ask how many at once, and why."""
        run_id = self._run_id()
        if run_id is None:
            return

        def work(token: CancelToken) -> None:
            from sessions.runs import Run
            from workbench.evaluation.control_state import control_of

            found = control_of(Run.open(run_id))
            if not token.cancelled:
                self._bench.call_soon(self._ask_size, run_id, found)

        self._bench.tasks.run("run control", work)

    def _ask_size(self, run_id: str, found: RunControl) -> None:
        from workbench.evaluation.control import ask_control
        from workbench.evaluation.control_checks import size_problem

        elsewhere = found.concurrency is not None
        action = "concurrency" if elsewhere else "batch-size"
        now = found.concurrency if elsewhere else found.batch_size
        what = "requests" if elsewhere else "prompts"
        body = (
            f"Now {now} {what} at once. It changes after the batch under way, and no answer "
            "depends on it.\nA reason may follow the number; it goes on record."
        )

        def check(line: str) -> str | None:
            return size_problem(line.partition(" ")[0], elsewhere=elsewhere)

        def done(line: str | None) -> None:
            if line:
                size, _, reason = line.partition(" ")
                self._ask(lambda run: ask_control(run, action, size, reason=reason), run_id)

        dialog = LineDialog(
            f"At once in run {short_id(run_id)}",
            body,
            value=str(now or ""),
            placeholder="4 leave memory for a second model",
            check=check,
        )
        self._bench.push_screen(dialog, done)

    def _ask(self, ask: Callable[[Run], ControlRequest], run_id: str | None = None) -> None:
        chosen = run_id or self._run_id()
        if chosen is None:
            return

        def work() -> None:
            from sessions.runs import Run
            from workbench.evaluation.control import moment_of

            try:
                run = Run.open(chosen)
                asked = ask(run)
                moment = moment_of(run, asked)
            except Exception as error:
                self._bench.fail(error, "not asked")
                return
            said = clean(f"{asked.words}: {moment}", newlines=False)
            self._bench.call_soon(self._bench.notify, said, title="asked", markup=False)
            self._bench.call_soon(self._refresh)

        self._bench.tasks.change(f"control {chosen}", work)
