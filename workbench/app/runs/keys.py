"""The keys of Runs, in the order of the footer, each with the id to remap it by."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from workbench.app.widgets.key_table import Tasks

KEYS: list[BindingType] = [
    Binding("enter", "enter", "Open", id="runs.open",
            tooltip="Go into the run, or open what is under the cursor"),
    Binding("space", "mark", "Mark", id="runs.mark",
            tooltip="Mark a run as A, another as B: the two are compared"),
    Binding("e", "view('errors')", "Errors", id="runs.errors", show=False,
            tooltip="List what is wrong, unparsed or failed"),
    Binding("u", "view('unparsed')", "Unparsed", id="runs.unparsed", show=False,
            tooltip="List the answers from which no label was read"),
    Binding("f", "view('failed')", "Failed", id="runs.failed", show=False,
            tooltip="List the samples that could not be asked"),
    Binding("s", "view('slowest')", "Slowest", id="runs.slowest", show=False,
            tooltip="List the samples that took longest"),
    Binding("a", "view('all')", "All", id="runs.all", show=False,
            tooltip="List all samples of the run"),
    Binding("slash", "filter", "Filter", id="runs.filter", key_display="/",
            tooltip="Narrow the samples in view while you type"),
    Binding("O", "sort", "Sort", id="runs.sort", show=False,
            tooltip="Sort the samples in view by label, answer, time, confidence, or any number"),
    Binding("m", "matrix", "Matrix", id="runs.matrix", tooltip="Go into the confusion matrix"),
    Binding("b", "bookmark", "Bookmark", id="runs.bookmark",
            tooltip="Bookmark all samples in view under a tag"),
    Binding("r", "resume", "Resume", id="runs.resume",
            tooltip="Go on with an unfinished run, as a job"),
    Binding("asterisk", "rate", "Rate", id="runs.rate", key_display="*",
            tooltip="Rate the answers of the run one by one"),
    Binding("p", "go_on", "Go on", id="runs.pause",
            tooltip="Pause a running evaluation, or go on with a paused one"),
    Binding("p", "pause", "Pause", id="runs.pause",
            tooltip="Pause a running evaluation, or go on with a paused one"),
    Binding("c", "resize", "At once", id="runs.resize",
            tooltip="Change how many samples are asked at once"),
    Binding("R", "ask_again", "Ask again", id="runs.ask-again",
            tooltip="Ask samples of the run again"),
    Binding("x", "delete", "Delete", id="runs.delete", tooltip="Delete the run, after a question"),
    Binding("I", "import_run", "Import", id="runs.import", show=False,
            tooltip="Make a run of answers that were given elsewhere, as a job"),
    Binding("plus", "side('fixed')", "Fixed", id="compare.fixed", show=False, key_display="+",
            tooltip="Of two compared runs, list what B fixed"),
    Binding("minus", "side('broken')", "Broken", id="compare.broken", show=False, key_display="-",
            tooltip="Of two compared runs, list what B broke"),
    Binding("y", "copy", "Copy", id="runs.copy", tooltip="Copy the wb line that shows the same"),
    Binding("Y", "copy_uid", "Copy UID", id="runs.copy-uid", show=False,
            tooltip="Copy the UID of the sample under the cursor"),
    Binding("C", "copy_some", "Copy a text", id="runs.copy-text", show=False,
            tooltip="Choose what to copy: answer, row, figures, confusion matrix"),
    Binding("ctrl+e", "export", "Export the samples in view", id="runs.export", show=False,
            key_display="^e",
            tooltip="Write the samples in view, filtered and sorted, as CSV, JSON lines or JSON"),
    Binding("escape", "back", "Back", id="runs.back", tooltip="Go back one step"),
]  # fmt: skip

TASKS: Tasks = (
    ("Look into a run", (
        "runs.open", "runs.errors", "runs.unparsed", "runs.failed", "runs.slowest", "runs.all",
        "runs.filter", "runs.sort", "runs.matrix", "runs.rate", "runs.back",
    )),
    ("Compare two runs", ("runs.mark", "compare.fixed", "compare.broken", "runs.import")),
    ("While it runs", ("runs.pause", "runs.resize", "runs.ask-again", "runs.resume")),
    ("Keep, throw away", (
        "runs.bookmark", "runs.export", "runs.copy", "runs.copy-text", "runs.copy-uid",
        "runs.delete",
    )),
)  # fmt: skip
