"""What the bench says in passing: one line over the footer, on the screen that it is about.

Guarantee: it covers no more than the footer; a text of several lines moves the screen up by the
others. The newest stands, a lasting one beside it. What is said of a screen goes with it.
Not for what must be answered or kept: see `widgets.text_panel`.
"""

from __future__ import annotations

import contextlib
from typing import Any
from weakref import ref

from rich.text import Text
from textual.app import App
from textual.css.query import NoMatches
from textual.notifications import Notification
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets._toast import ToastRack

LASTING_S = 10.0  # what is said for so long is about the bench, and stands on every screen
MOST_LINES = 8
_BESIDE = 3  # cells of a line that its edge and its padding take


class Room(Widget):
    """Holds the lines that a long text covers free of all else."""

    DEFAULT_CSS = "Room { dock: bottom; height: 1; }"


class StatusLine:
    """Keeps Textual's notifications to what is about the screen in view."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._said_on: dict[str, ref[Screen[Any]]] = {}

    def take(self, note: Notification) -> None:
        """Have a new text stand in the place of the one before."""
        words = " · ".join(note.message.splitlines())
        note.message, note.title = f"{note.title}: {words}" if note.title else words, ""
        self._said_on[note.identity] = ref(self._app.screen)
        for old in list(self._app._notifications):
            if not _lasts(old):
                del self._app._notifications[old]

    def tidy(self) -> None:
        """Forget what was said of other screens, and leave room for what stands."""
        notes, screen = self._app._notifications, self._app.screen
        for note in list(notes):
            said_on = self._said_on.get(note.identity, ref(screen))()
            if said_on is not screen and not _lasts(note):
                del notes[note]
                _clear(said_on)
        left = {note.identity for note in notes}
        self._said_on = {name: on for name, on in self._said_on.items() if name in left}
        self._make_room(screen, sum(self._lines(note) for note in notes))

    def _lines(self, note: Notification) -> int:
        words, room = Text(note.message), max(1, self._app.size.width - _BESIDE)
        return len(words.wrap(self._app.console, room))

    def _make_room(self, screen: Screen[Any], lines: int) -> None:
        more = min(lines, MOST_LINES) if lines > 1 else 0
        room = next(iter(screen.query(Room)), None)
        if room is None and more and screen.is_running:
            screen.mount(room := Room())
        if room is not None:
            room.display = more > 0
            room.styles.height = more or 1


def _lasts(note: Notification) -> bool:
    return note.timeout >= LASTING_S


def _clear(screen: Screen[Any] | None) -> None:
    """Nothing of it is seen again for a moment when the screen comes back."""
    if screen is None or not screen.is_attached:
        return
    with contextlib.suppress(NoMatches):
        screen.get_child_by_type(ToastRack).remove_children()
