"""Leaving the bench: what stands in line by then finds no screen, and looks for none."""

from __future__ import annotations

from textual import events
from textual.screen import Screen
from textual.widgets import Input

from workbench.app.key_order import KeyPassed
from workbench.app.services import Services


class Leaving(Services):
    """Hears of keys and of a worker after its screens are gone, before it hears of nothing."""

    def compose(self):
        yield Input()

    async def _close_all(self):
        screen: Screen = self.screen
        await super()._close_all()
        assert not self.screen_stack
        self.post_message(KeyPassed(self._turn, 1, screen, screen))
        for letter in "ab":
            key = events.Key(letter, letter)
            key.set_sender(self)
            self.post_message(key)
        self.fail(ValueError("the disk is full"))


async def test_keys_that_come_while_the_bench_is_left_end_nothing_with_an_error():
    async with Leaving().run_test() as pilot:
        await pilot.press("x")


async def test_leaving_by_a_key_drops_those_behind_it_without_an_error():
    async with Leaving().run_test() as pilot:
        await pilot.press("x")
        pilot.app.exit()
