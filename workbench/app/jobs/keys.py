"""The keys of Jobs, in the order of the footer, each with the id to remap it by."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from workbench.app.widgets.key_table import Tasks

KEYS: list[BindingType] = [
    Binding("n", "new", "New", id="jobs.new", tooltip="Start a job by a form"),
    Binding("x", "cancel", "Cancel", id="jobs.cancel",
            tooltip="Cancel the job, after saying what is kept"),
    Binding("r", "retry", "Retry", id="jobs.retry",
            tooltip="Go on with an unfinished job, or do it once more"),
    Binding("p", "go_on", "Go on", id="jobs.pause",
            tooltip="Pause a running evaluation, or go on with a paused one"),
    Binding("p", "pause", "Pause", id="jobs.pause",
            tooltip="Pause a running evaluation, or go on with a paused one"),
    Binding("c", "resize", "At once", id="jobs.resize",
            tooltip="Change how many samples are asked at once"),
    Binding("l", "log", "Log", id="jobs.log", tooltip="Go into the log"),
    Binding("d", "delete", "Delete", id="jobs.delete", show=False,
            tooltip="Delete the record of an ended job, after a question"),
    Binding("y", "copy", "Copy", id="jobs.copy", tooltip="Copy the command of the job"),
    Binding("Y", "copy_log", "Copy the log's path", id="jobs.copy-log", show=False,
            tooltip="Copy the path of the log"),
    Binding("escape", "back", "Back", id="jobs.back", tooltip="Go back to the list"),
]  # fmt: skip

TASKS: Tasks = (
    ("Start and stop", (
        "jobs.new", "jobs.pause", "jobs.resize", "jobs.cancel", "jobs.retry",
    )),
    ("Follow", ("jobs.log", "jobs.back")),
    ("Keep, throw away", ("jobs.copy", "jobs.copy-log", "jobs.delete")),
)  # fmt: skip
