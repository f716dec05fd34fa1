"""What the bench says in passing: one line over the footer, on the screen that it is about.

Guarantee: it takes the footer's line and no other; a text that is too long for it is cut at its
end. The newest stands until its time is over or the next key comes, and what was said can be read
again (`Messages` among the keys of Ctrl+P, or a click on the line). What is said for `LASTING_S`
or longer is about the bench: it stands on every screen, and waits while something else stands.
Not for what must be answered: see `widgets.text_panel`.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar
from weakref import WeakSet, ref

from rich.text import Text
from textual.app import App
from textual.content import Content
from textual.notifications import Notification
from textual.screen import Screen
from textual.widget import Widget

from workbench.text import clean

LASTING_S = 10.0  # what is said for so long is about the bench, and stands on every screen
SEEN_S = 1.0  # a key that comes sooner was on its way before the text could be read
KEPT = 200  # texts that can be read again


@dataclass
class InPassing:
    """One text.

    Attributes:
        words: In one line.
        severity: `information`, `warning` or `error`.
        seconds: How long it stands.
        on: The screen that it is about, dead if that is gone.
        since: When it came into view, by the monotonic clock; 0 if it has not yet.
    """

    words: str
    severity: str
    seconds: float
    on: ref[Screen[Any]]
    since: float = 0.0

    @property
    def lasts(self) -> bool:
        """Whether it is about the bench."""
        return self.seconds >= LASTING_S


class SaidLine(Widget):
    """The line on a screen; a click shows all that was said."""

    DEFAULT_CSS = """
    SaidLine {
        layer: said; dock: bottom; height: 1; padding: 0 1; background: $panel-lighten-1;
        color: $foreground;
        &.-information { border-left: outer $success; }
        &.-warning { border-left: outer $warning; }
        &.-error { border-left: outer $error; }
        &:ansi { background: $ansi-background; }
    }
    """
    KINDS: ClassVar[tuple[str, ...]] = ("information", "warning", "error")

    words = ""

    def say(self, said: InPassing | None) -> None:
        """Show a text, or nothing."""
        self.display = said is not None
        self.words = said.words if said is not None else ""
        for kind in self.KINDS:
            self.set_class(said is not None and kind == said.severity, f"-{kind}")
        self.refresh()

    def render(self) -> Text:
        """What comes first is said first: the end of a long text is cut."""
        line = Text(self.words, no_wrap=True)
        line.truncate(self.content_size.width, overflow="ellipsis")
        return line

    async def on_click(self) -> None:
        """Show all that was said."""
        await self.app.run_action("app.messages")


class StatusLine:
    """What stands in the line of one app, what waits for it, and what stood there."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self.standing: InPassing | None = None
        self.kept: deque[str] = deque(maxlen=KEPT)  # the newest last
        self._waiting: deque[InPassing] = deque(maxlen=KEPT)
        self._lines: WeakSet[SaidLine] = WeakSet()  # one for each screen on which anything was said

    def take(self, note: Notification) -> None:
        """Have a new text stand in the place of the one before."""
        message = Content.from_markup(note.message).plain if note.markup else note.message
        words = " · ".join(line for line in clean(message).splitlines() if line.strip())
        words = f"{note.title}: {words}" if note.title else words
        said = InPassing(words, note.severity, note.timeout, ref(self._app.screen))
        self.kept.append(f"{time.strftime('%H:%M:%S')}  {words}")
        before = self.standing
        if before is not None and before.lasts and said.lasts:
            self._waiting.append(said)
            return
        if before is not None and before.lasts:
            self._waiting.appendleft(before)
        self._stand(said)

    def key_came(self) -> None:
        """The text that stands was read."""
        if self.standing is not None and time.monotonic() - self.standing.since >= SEEN_S:
            self._next()

    def clear(self) -> None:
        """Say nothing any more."""
        self._waiting.clear()
        self._stand(None)

    def screen_changed(self, screen: Screen[Any]) -> None:
        """Forget what was said of another screen; what is about the bench comes along."""
        said = self.standing
        if said is not None and not said.lasts and said.on() is not screen:
            self._next()
        else:
            self._draw()

    def _next(self) -> None:
        self._stand(self._waiting.popleft() if self._waiting else None)

    def _stand(self, said: InPassing | None) -> None:
        if said is None and self.standing is None:
            return
        self.standing = said
        if said is not None:
            said.since = time.monotonic()
            self._app.set_timer(said.seconds, partial(self._over, said, said.since))
        self._draw()

    def _over(self, said: InPassing, since: float) -> None:
        if said is self.standing and said.since == since:
            self._next()

    def _draw(self) -> None:
        """Show it on the screen in view alone: nothing of it is seen again on those below."""
        screen, said = self._app.screen, self.standing
        for line in list(self._lines):
            line.say(said if line.parent is screen else None)
        if said is None or any(line.parent is screen for line in self._lines):
            return
        if not screen.is_running:
            screen.call_after_refresh(self._draw)
            return
        self._lines.add(line := SaidLine())
        line.say(said)
        screen.mount(line)
