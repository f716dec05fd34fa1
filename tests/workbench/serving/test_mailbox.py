"""Handing over from the model's thread: nothing lost, nothing out of order, few wake-ups."""

from __future__ import annotations

import asyncio
import threading

from workbench.serving import event_queue
from workbench.serving.event_queue import EventQueue


def test_all_that_several_threads_put_arrives_once_and_in_the_order_of_each(monkeypatch):
    monkeypatch.setattr(event_queue, "PACE_S", 0.0)
    count, threads = 3000, 4

    async def take_all() -> list[tuple[int, int]]:
        box: EventQueue[tuple[int, int]] = EventQueue()
        writers = [
            threading.Thread(target=lambda t=t: [box.put((t, n)) for n in range(count)])
            for t in range(threads)
        ]
        for writer in writers:
            writer.start()
        taken: list[tuple[int, int]] = []
        while len(taken) < count * threads:
            lot = await box.take(30)
            assert lot, "woken for nothing, or never woken"
            taken += lot
        return taken

    taken = asyncio.run(take_all())
    for thread in range(threads):
        assert [n for t, n in taken if t == thread] == list(range(count))


def test_what_comes_close_upon_another_is_handed_over_together(monkeypatch):
    async def lots() -> tuple[list[str], list[str]]:
        box: EventQueue[str] = EventQueue()
        box.put("first")
        first = await box.take(30)
        monkeypatch.setattr(box, "_emptied", box._loop.time() + 0.05)
        for word in ("second", "third"):
            box._loop.call_soon(box.put, word)
        return first, await box.take(30)

    assert asyncio.run(lots()) == (["first"], ["second", "third"])


def test_where_nothing_comes_the_wait_ends_empty_and_the_next_word_is_heard():
    async def lots() -> tuple[list[str], list[str]]:
        box: EventQueue[str] = EventQueue()
        nothing = await box.take(0.01)
        threading.Timer(0.01, box.put, ["at last"]).start()
        return nothing, await box.take(30)

    assert asyncio.run(lots()) == ([], ["at last"])


def test_a_loop_that_is_closed_is_told_nothing():
    async def make() -> EventQueue[str]:
        return EventQueue()

    asyncio.run(make()).put("nobody hears it")
