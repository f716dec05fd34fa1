"""`wb jobs`: start, list, follow, cancel and retry what runs in the background."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from commands.completing import complete_jobs
from commands.groups import Group
from commands.limit_option import limit_option, tell_left_out
from commands.printing import echo_json, echo_table, tell_damaged, when
from workbench.times import ago, duration

if TYPE_CHECKING:
    from sessions.jobs import Job

_STATES = ("queued", "running", "done", "failed", "cancelled", "lost")
_job = click.argument("job", shell_complete=complete_jobs)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(cls=Group)
def command() -> None:
    """List, follow, cancel and retry background jobs.

    A job outlives the terminal and the connection. JOB is its id, the beginning or the end of
    it, or `last`.

    \b
    Example:
      wb jobs start -- wb run-eval --dataset demo --split test --limit 500
      wb jobs log last -f
      wb jobs cancel last
    """


@command.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")
@limit_option
@_json
def list_(state: str | None, limit: int, as_json: bool) -> None:
    """List the jobs, the newest first.

    \b
    Example:
      wb jobs list --state running --json
    """
    from sessions.jobs import list_jobs

    every = [job for job in list_jobs() if state in {None, job.state}]
    found = every[:limit] if limit else every
    tell_damaged("job", [(job.id, job.damage) for job in found])
    tell_left_out("job", len(every) - len(found), "wb jobs list", state=state)
    if as_json:
        echo_json([_facts(job) for job in found])
        return
    from sessions.ids import short_id
    from workbench.reports.job import state_of_job

    rows = [
        (
            short_id(job.id),
            state_of_job(job),
            _done(job),
            ago(str(job.spec.get("created"))),
            job.title,
        )
        for job in found
    ]
    empty = f"no job is {state}" if state else "no jobs; wb jobs start -- wb …"
    echo_table(("JOB", "STATE", "DONE", "AGE", "TITLE"), rows, empty=empty)


@command.command()
@_job
@_json
def show(job: str, as_json: bool) -> None:
    """Show one job: its command, its state, and its runs.

    \b
    Example:
      wb jobs show last
    """
    from sessions.jobs import Job

    found = Job.open(job)
    if as_json:
        echo_json(_facts(found))
        return
    from workbench.reports.job import ending_words

    facts = _facts(found)
    from workbench.reports.job import state_of_job

    result = found.result or {}
    rows = [
        ("job", found.id),
        ("title", found.title),
        ("command", found.command),
        ("folder", facts["cwd"]),
        ("state", state_of_job(found)),
        ("started", when(str(facts["created"]))),
        ("ran", duration(found.seconds) if found.seconds else ""),
        ("done", _done(found)),
        ("exit code", result.get("exit_code")),
        ("why", ending_words(found)),
        ("damaged", facts["damage"]),
        ("gpus", ", ".join(facts["gpus"])),
        ("runs", ", ".join(found.run_ids)),
        ("log", found.log_path),
    ]
    from workbench.text import clean

    for name, value in rows:
        if value not in (None, ""):
            click.echo(f"{name:<10} {clean(value, newlines=False)}")


@command.command()
@_job
@click.option(
    "-f", "--follow", "follow_", is_flag=True, help="Keep printing until the job has ended."
)
@click.option("--tail", default=0, help="Only the last N lines.")
@click.pass_context
def log(ctx: click.Context, job: str, follow_: bool, tail: int) -> None:
    """Print the log of a job.

    With -f the exit code is that of the job's end: 0 done, 1 anything else. Ending it (Ctrl+C)
    does not end the job.

    \b
    Example:
      wb jobs log last -f
    """
    from sessions.jobs import Job

    found = Job.open(job)
    lines: Iterable[str] = found.follow_log(None if follow_ else lambda: True)
    if tail and not follow_:
        lines = list(lines)[-tail:]
    elif tail:
        lines = _from_tail(found, tail)
    for line in lines:
        _echo_log(line)
    if follow_:
        state = found.wait()
        click.echo(f"{found.id} {state}", err=True)
        ctx.exit(0 if state == "done" else 1)


@command.command()
@_job
@click.pass_context
def follow(ctx: click.Context, job: str) -> None:
    """Print the log of a job until it has ended; the same as `log -f`.

    \b
    Example:
      wb jobs follow last
    """
    ctx.invoke(log, job=job, follow_=True, tail=0)


@command.command()
@_job
@click.option("--timeout", "timeout_s", type=float, help="Seconds to wait at most.")
@click.pass_context
def wait(ctx: click.Context, job: str, timeout_s: float | None) -> None:
    """Wait until a job has ended; exit with 0 if it is done, else with 1.

    \b
    Example:
      wb jobs wait last --timeout 600 && wb runs show last
    """
    from sessions.jobs import Job
    from workbench.reports.job import wait_for

    state = wait_for(Job.open(job), timeout_s, on_paused=lambda told: click.echo(told, err=True))
    click.echo(state)
    ctx.exit(0 if state == "done" else 1)


@command.command()
@click.argument("jobs", nargs=-1, required=True, metavar="JOB...", shell_complete=complete_jobs)
@click.option(
    "--grace", default=10.0, show_default=True, help="Seconds for a checkpoint before the kill."
)
def cancel(jobs: tuple[str, ...], grace: float) -> None:
    """End jobs: first by TERM, then after the grace by KILL. What they wrote stays.

    \b
    Example:
      wb jobs cancel last --grace 60
    """
    from sessions.jobs import Job

    for job in [Job.open(name) for name in jobs]:
        was = job.state
        state = job.cancel(grace)
        told = state if was in ("queued", "running") else f"{state} already"
        click.echo(f"{job.id} {told}")


@command.command()
@_job
@_json
def retry(job: str, as_json: bool) -> None:
    """Start a job's command again as a new job; an evaluation continues its run.

    \b
    Example:
      wb jobs retry last
    """
    from sessions.jobs import Job

    _started(Job.open(job).retry(), as_json)


@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
@click.option("--title", help="A title for the job.  [the command]")
@click.option(
    "--gpu",
    "gpus",
    multiple=True,
    help="A GPU that the job needs for itself; repeat for several. [$WB_GPU]",
)
@_json
def start(argv: tuple[str, ...], title: str | None, gpus: tuple[str, ...], as_json: bool) -> None:
    """Start any command as a job; prints its id.

    Jobs that ask for the same GPU wait for each other.

    \b
    Example:
      wb jobs start --gpu 0 -- wb train lora.yaml
    """
    from sessions.jobs import start as start_job
    from sessions.jobs import typed_argv
    from workbench.reports.job_title import job_title

    words = list(argv)
    job = start_job(words, title=title or job_title(typed_argv(words)), gpus=gpus or None)
    _started(job, as_json)


@command.command()
@click.argument("jobs", nargs=-1, required=True, metavar="JOB...", shell_complete=complete_jobs)
def rm(jobs: tuple[str, ...]) -> None:
    """Delete jobs that have ended, with their logs; their runs stay.

    \b
    Example:
      wb jobs rm 3f2a9k
    """
    from sessions.jobs import Job

    for job in [Job.open(name) for name in jobs]:
        job.remove()
        click.echo(job.id)


def _facts(job: Job) -> dict[str, Any]:
    from workbench.reports.job import state_of_job

    spec = job.spec
    return {
        "id": job.id,
        "title": job.title,
        "state": job.state,
        "paused": state_of_job(job) == "paused",
        "command": job.command,
        "argv": spec.get("argv") or [],
        "cwd": spec.get("cwd") or "",
        "created": spec.get("created") or "",
        "seconds": job.seconds,
        "progress": job.progress(),
        "result": job.result,
        "gpus": spec.get("gpus") or [],
        "runs": job.run_ids,
        "host": spec.get("host") or "",
        "retry_of": spec.get("retry_of"),
        "damage": job.damage,
        "path": str(job.path),
        "log": str(job.log_path),
    }


def _done(job: Job) -> str:
    from workbench.reports.job import progress_of

    if (told := job.progress()) is None:
        return ""
    progress = progress_of([told])
    words = f"{progress.done}/{progress.total}" if progress.total else f"{progress.done}"
    if progress.rate > 0 and job.state == "running":
        words += f" {progress.rate:.1f}/s"
        if progress.eta_s:
            words += f", {duration(progress.eta_s)} left"
    return f"{words}, {progress.note}" if progress.note else words


def _from_tail(job: Job, tail: int) -> Iterable[str]:
    """The last lines there are now, then those to come."""
    skip = max(0, len(list(job.follow_log(lambda: True))) - tail)
    for number, line in enumerate(job.follow_log()):
        if number >= skip:
            yield line


def _echo_log(line: str) -> None:
    """A log's line: as it is into a pipe; on a terminal without colours, a bar's last stroke."""
    from workbench.text import clean

    if sys.stdout.isatty():
        line = clean(line.rstrip("\r").rpartition("\r")[2])
    click.echo(line)


def _started(job: Job, as_json: bool) -> None:
    if as_json:
        echo_json(_facts(job))
        return
    click.echo(job.id)
    click.echo(f"follow it: wb jobs log {job.id} -f", err=True)
