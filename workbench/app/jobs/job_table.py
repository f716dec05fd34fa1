"""The list of jobs: state, what, how far, how fast, how long yet, the last figure."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.text import Text

from workbench.app.jobs.reading import JobSummary
from workbench.app.lists.draw import (
    SPINNER,
    fit,
    number,
    plain,
    progress_bar,
)
from workbench.app.lists.palette import PALETTE, Palette
from workbench.app.lists.row_list import Cell, Column, RowList
from workbench.app.runs.run_table import state_sign
from workbench.times import ago, duration

COLUMNS = (
    Column("", 1),
    Column("state", 10),
    Column("what", 0, share=5),
    Column("progress", 0, share=4),
    Column("rate", 8, "right", above=70),
    Column("time", 10, "right"),
    Column("last figure", 20, above=110),
    Column("age", 4, "right"),
)
EMPTY = (
    "No jobs yet",
    "",
    "n starts one: it goes on when the bench is closed",
    "or when the connection is lost",
)

# The figure that a job is followed by, the first that it reports.
FIGURES = ("eval_accuracy", "accuracy", "loss", "eval_loss")


class JobTable(RowList):
    """Jobs, those that live first; the sign of a running one moves."""

    HELP_TITLE = "The list of jobs"
    HELP = (
        "One line for each job, those that run first. A job goes on when the bench is left. "
        "Enter shows the run that it made, l goes into its log."
    )

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(COLUMNS, empty=EMPTY, widget_id=widget_id)
        self.jobs: dict[str, JobSummary] = {}
        self._turn = 0

    @property
    def job(self) -> JobSummary | None:
        """The job under the cursor."""
        return self.jobs.get(self.key or "")

    def on_mount(self) -> None:
        """Move the signs of what moves; nothing is drawn where nothing does."""
        self.set_interval(0.25, self._spin)

    def _spin(self) -> None:
        if not self.screen.is_current:
            return
        top = round(self.scroll_y)
        in_sight = self.keys[top : top + self.page]
        moving = [top + n for n, key in enumerate(in_sight) if moves(self.jobs[key])]
        self._turn += bool(moving)
        for row in moving:
            self.refresh_line(row + self._head_rows)

    def show_jobs(self, jobs: Sequence[JobSummary], cursor: str | None = None) -> None:
        """Replace the jobs; the cursor stays on its job."""
        self.jobs = {job.id: job for job in jobs}
        self.show(list(self.jobs), lambda i: self._row(jobs[i]), cursor=cursor)

    def _row(self, job: JobSummary) -> tuple[Cell, ...]:
        palette = PALETTE
        sign = state_sign(job.standing or job.state, palette)
        if moves(job):
            sign = Text(SPINNER[self._turn % len(SPINNER)], style=palette.accent)
        progress = job.progress
        return (
            sign,
            plain(job.word, palette.dim),
            plain(job.title or job.id),
            lambda width: bar(job, width, palette),
            plain(f"{progress.rate:,.3g}/s" if job.live and progress.rate else "", palette.dim),
            plain(time_of(job)),
            figure(job, palette),
            plain(ago(job.created, time.time()), palette.dim),
        )


def moves(job: JobSummary) -> bool:
    """Whether it is at work, rather than paused."""
    return job.state == "running" and job.standing != "paused"


def bar(job: JobSummary, width: int, palette: Palette) -> Text:
    """How far it is; of one that ended badly why."""
    if job.problem:
        return plain(job.problem, palette.warn)
    progress = job.progress
    if job.state in ("failed", "lost"):
        return plain(job.message or "it is gone and nobody saw its end", palette.bad)
    if job.state == "done" and progress.note:
        return plain(progress.note, palette.good)
    style = {"done": palette.good, "cancelled": palette.warn}.get(job.state, palette.accent)
    if progress.share is None:
        words = f"{progress.done:,}" if progress.done else progress.message
        return plain(words, palette.dim)
    out = fit(plain(f"{progress.share:4.0%}"), 5)
    counts = f" {progress.done:,}/{progress.total:,}"
    room = width - 5 - len(counts)
    if room < 6:
        return out.append_text(progress_bar(progress.share, width - 5, palette, style))
    out.append_text(progress_bar(progress.share, room, palette, style))
    return out.append(counts, palette.dim)


def time_of(job: JobSummary) -> str:
    """How long a live job will take, or how long an ended one took."""
    if not job.live:
        return duration(job.seconds) if job.seconds else ""
    left = job.progress.eta_s
    return f"{duration(left)} left" if left is not None else duration(job.seconds or None)


def figure(job: JobSummary, palette: Palette) -> Text:
    """The figure that it is followed by."""
    metrics = job.progress.metrics
    name = next((f for f in FIGURES if f in metrics), next(iter(metrics), ""))
    if not name:
        return plain(job.progress.message, palette.dim)
    return Text.assemble(plain(f"{name} ", palette.dim), plain(number(metrics[name])))
