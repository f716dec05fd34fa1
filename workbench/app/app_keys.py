"""The keys of the bench itself, which work in every place; each has the id to remap it by."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("1", "go('explore')", "Go to Explore", id="app.explore", show=False,
            tooltip="Explore: samples, prompts and answers"),
    Binding("2", "go('runs')", "Go to Runs", id="app.runs", show=False,
            tooltip="Runs: what was evaluated and trained"),
    Binding("3", "go('jobs')", "Go to Jobs", id="app.jobs", show=False,
            tooltip="Jobs: what works in the background"),
    Binding("4", "go('sessions')", "Go to Sessions", id="app.sessions", show=False,
            tooltip="Sessions: all that was asked, word for word"),
    Binding("f1,question_mark", "help", "Help", id="app.help", key_display="?",
            tooltip="What one can do here, with the keys"),
    Binding("f7", "keys_beside", "Keys beside", id="app.keys", show=False,
            tooltip="Show the keys that apply now beside the screen, or take them away"),
    Binding("ctrl+q", "quit", "Quit", id="app.quit", show=False, priority=True,
            tooltip="Leave the bench; jobs and the engine go on"),
    Binding("q", "tell_how_to_quit", show=False),
    Binding("f8", "restart_engine", "Restart the engine", id="app.engine", show=False,
            tooltip="Stop the model process and start it"),
    Binding("x", "dismiss_hints", "Close the hints", id="app.hints", show=False,
            tooltip="Close the hints of the first day for good"),
    Binding("f10,Z", "fill_screen", "Panel alone", id="app.panel", show=False,
            tooltip="Give the panel with the focus the whole screen, and back"),
    Binding("ctrl+o", "jump", "Jump", id="app.jump", show=False,
            tooltip="Show a letter on everything one can go to"),
    Binding("f9", "change_theme", "Change the theme", id="app.theme", show=False,
            tooltip="Choose other colours; the bench remembers them"),
]  # fmt: skip
