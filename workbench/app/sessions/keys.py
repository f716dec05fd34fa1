"""The keys of Sessions, in the order of the footer, each with the id to remap it by."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from workbench.app.widgets.key_table import Tasks

KEYS: list[BindingType] = [
    Binding("r", "replay", "Replay", id="sessions.replay",
            tooltip="Ask this prompt again, of any model"),
    Binding("R", "replay_all", "Replay all", id="sessions.replay-all",
            tooltip="Ask the whole session again, of any model"),
    Binding("slash", "search", "Search", id="sessions.search", key_display="/",
            tooltip="Search prompts, answers and notes of all sessions"),
    Binding("n", "note", "Note", id="sessions.note",
            tooltip="Write a note about the record or the session"),
    Binding("y", "copy", "Copy", id="sessions.copy", tooltip="Copy the wb replay line"),
    Binding("Y", "copy_uid", "Copy UID", id="sessions.copy-uid", show=False,
            tooltip="Copy the UID of the record under the cursor"),
    Binding("escape", "back", "Back", id="sessions.back",
            tooltip="Go back one step, or end the search"),
]  # fmt: skip

TASKS: Tasks = (
    ("Find", ("sessions.search", "sessions.back")),
    ("Ask again", ("sessions.replay", "sessions.replay-all")),
    ("Keep", ("sessions.note", "sessions.copy", "sessions.copy-uid")),
)
