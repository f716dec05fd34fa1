"""Keys one after the other: each finds the focus and the screen as the key before it left them.

Textual hands a key to what has the focus when the key arrives, and moves the focus by messages
that stand in line behind keys which arrived meanwhile: of `/teal` typed at once, or in one read
over a slow line, the letters reach the list and not the field that `/` opens.

Guarantee: a key waits until what the key before it did is done as far as messages go (not until
workers are), at most `AT_MOST_S`; no key is lost or overtaken. A capital has one spelling: `R`,
also from a terminal that sends `shift+r` (the kitty protocol does), so each binding names it once.
"""

from __future__ import annotations

import time
import unicodedata
from collections import deque
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App
from textual.keys import KEY_NAME_REPLACEMENTS
from textual.message import Message

if TYPE_CHECKING:
    from textual.message_pump import MessagePump
    from textual.screen import Screen
    from textual.timer import Timer

AT_MOST_S = 0.5  # where what had the focus is gone, and with it the word that the key is done
_ROUNDS = 2  # the key's own way up, then that of the messages which it gave rise to


def one_spelling(key: str) -> str:
    """A key by the one name that bindings have for it: `shift+r` is `R`."""
    modifier, _, letter = key.rpartition("+")
    return letter.upper() if modifier == "shift" and len(letter) == 1 and letter.isalpha() else key


def spelled(keys: str) -> list[str]:
    """Keys of one's own, by commas, as bindings spell them: `?` is `question_mark`."""
    named = []
    for key in keys.split(","):
        modifiers, _, last = key.strip().rpartition("+")
        if len(last) == 1 and not last.isalnum():
            last = unicodedata.name(last, last).lower().replace("-", "_").replace(" ", "_")
            last = KEY_NAME_REPLACEMENTS.get(last, last)
        named.append(one_spelling(f"{modifiers}+{last}" if modifiers else last))
    return named


class KeyPassed(Message):
    """Goes up from where a key went, behind it: at the top, what the key did is done."""

    def __init__(self, turn: int, rounds: int, start: MessagePump, screen: Screen[Any]) -> None:
        super().__init__()
        self.turn, self.rounds, self.start, self.screen = turn, rounds, start, screen


class KeysInOrder(App[int]):
    """An app whose keys wait for one another."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: deque[events.Key] = deque()
        self.last_key_s = 0.0  # when the last key came, by the monotonic clock
        self._turn = 0
        self._under_way = False
        self._current = ""  # the key that is being done
        self._patience: Timer | None = None

    @property
    def is_ending(self) -> bool:
        """Whether the app is being left: it has no screen any more, or will soon have none.

        What stands in line by then is still handed over, by Textual, to whoever takes messages.
        """
        return self._exit or not self.is_running

    @property
    def keys_wait(self) -> bool:
        """Whether keys came that were handed to nobody yet."""
        return bool(self._keys)

    @property
    def key_repeats(self) -> bool:
        """Whether the key that is being done comes once more, right behind it."""
        return self._under_way and bool(self._keys) and self._keys[0].key == self._current

    @property
    def keys_under_way(self) -> bool:
        """Whether keys came that are not done yet."""
        return bool(self._keys) or self._under_way

    async def on_event(self, event: events.Event) -> None:
        """Put a key in line; everything else goes its way."""
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
            return
        self.last_key_s = time.monotonic()
        spelled = one_spelling(event.key)
        if spelled != event.key:  # and it comes without its character, which a field would miss
            event.key = event.character = spelled
        self._keys.append(event)
        if not self._under_way:
            await self._next_key()

    async def _next_key(self) -> None:
        if self._patience is not None:
            self._patience.stop()
            self._patience = None
        if self.is_ending:
            self._keys.clear()  # nobody is left to take them
        self._under_way = bool(self._keys)
        if not self._keys:
            return
        event = self._keys.popleft()
        self._current = event.key
        self._turn += 1
        screen, turn = self.screen, self._turn
        start = self.focused or screen
        await super().on_event(event)
        self._patience = self.set_timer(AT_MOST_S, lambda: self._go_on(turn))
        if not start.post_message(KeyPassed(turn, _ROUNDS, start, screen)):
            await self._go_on(turn)

    async def on_key_passed(self, event: KeyPassed) -> None:
        """Once more for what the key gave rise to, then the next one."""
        event.stop()
        if event.turn != self._turn or self.is_ending:
            return
        left = event.rounds - 1
        again = KeyPassed(event.turn, left, event.start, event.screen)
        if left and event.start.post_message(again):
            return
        if self.screen is event.screen:
            self.call_later(self._go_on, event.turn)  # behind a focus that is being moved
        else:
            self.call_after_refresh(self._go_on, event.turn)  # a new screen takes its focus first

    async def _go_on(self, turn: int) -> None:
        if turn == self._turn and self._under_way:
            await self._next_key()
