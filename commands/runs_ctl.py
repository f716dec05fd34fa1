"""`wb runs ctl`: pause a running evaluation, let it go on, change it, and see what was asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from commands.completing import complete_runs
from commands.printing import echo_json, echo_table, when
from commands.run_words import progress, say

if TYPE_CHECKING:
    from sessions.runs import Run
    from workbench.evaluation.control_requests import ControlRequest

# As `workbench.evaluation.control.ACTIONS`, which is imported later.
_ACTIONS = ("pause", "resume", "retry", "batch-size", "concurrency")


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.argument("action", required=False, type=click.Choice(_ACTIONS), metavar="[ACTION]")
@click.argument("values", nargs=-1, metavar="[UID...|N]")
@click.option("--reason", default="", help="Why; goes on record with the request.")
@click.option(
    "--wait",
    "wait_s",
    default=5.0,
    show_default=True,
    help="Seconds to wait for what becomes of it; 0 does not wait.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def ctl(
    ctx: click.Context,
    run: str,
    action: str | None,
    values: tuple[str, ...],
    reason: str,
    wait_s: float,
    as_json: bool,
) -> None:
    """Pause or change a running evaluation; without ACTION, show how it stands.

    ACTION is pause, resume, retry UID... (ask samples again), batch-size N, or, of a model
    elsewhere, concurrency N. It takes effect after the batch under way; no answer is lost, and
    none depends on the batch size. The run keeps who asked what, when and why. `last` is the newest
    run that is going on, else the newest.

    \b
    Example:
      wb runs ctl last pause --reason "the GPU is needed"
      wb runs ctl last batch-size 4
      wb runs ctl last
    """
    from sessions.runs import Run, last_run

    found = (last_run(written=True) if run == "last" else None) or Run.open(run)
    asked = _ask(found, action, values, reason, wait_s) if action else []
    if as_json:
        from workbench.evaluation.control_state import control_of

        mine = {"asked": [one.to_json() for one in asked]} if action else {}
        echo_json({**control_of(found).to_json(), **mine})
    elif action:
        _tell(found, asked)
    else:
        _show(found)
    if any(one.outcome == "refused" for one in asked):
        ctx.exit(1)


def _ask(
    run: Run, action: str, values: tuple[str, ...], reason: str, wait_s: float
) -> list[ControlRequest]:
    from workbench.errors import UsageError
    from workbench.evaluation.control import ask_controls, wait_for_outcome

    if len(values) > 1 and action != "retry":
        raise UsageError(f"{action} takes one value at most, got {' '.join(values)!r}")
    asked = ask_controls(run, action, values or (None,), reason=reason)
    return [wait_for_outcome(run, one, wait_s) for one in asked] if wait_s > 0 else asked


def _tell(run: Run, asked: Iterable[ControlRequest]) -> None:
    from workbench.evaluation.control import moment_of
    from workbench.text import clean

    for one in asked:
        click.echo(clean(f"{run.id} {one.words}: {one.outcome_words}", newlines=False))
        if one.outcome == "waiting":
            when_ = moment_of(run, one)
            click.echo(f"it takes effect {when_}; see: wb runs ctl {run.id}", err=True)


def _show(run: Run) -> None:
    from workbench.evaluation.control_state import control_of

    found = control_of(run)
    say("run", found.run)
    say("state", found.state + (f": {run.reason}" if run.reason else ""))
    say("done", progress(run))
    if found.batch_size is not None:
        say("batch", f"{found.batch_size} prompts at once")
    if found.concurrency is not None:
        say("batch", f"{found.concurrency} requests at once")
    if found.requests:
        click.echo("")
        show_requests(found.requests)


def show_requests(requests: Iterable[ControlRequest]) -> None:
    """Print what a run was asked while it went on, and what became of it."""
    rows = [(when(one.ts), one.who, one.words, one.outcome_words, one.reason) for one in requests]
    echo_table(("ASKED", "BY", "WHAT", "BECAME", "REASON"), rows)
