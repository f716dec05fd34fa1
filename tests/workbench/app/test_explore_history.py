"""Earlier answers of all sessions: moving on while they are read loses none of them."""

from __future__ import annotations

import threading

from textual import events

from sessions.records import PromptRecord
from sessions.session_log import SessionLog
from tests.workbench.app.explore_bench import bench
from workbench.app.explore.history_book import HistoryBook


def test_earlier_answers_are_found_beside_a_session_that_cannot_be_read():
    SessionLog.open("good").append(PromptRecord(uid="demo/test/1", text="True."))
    SessionLog.open("bad").path.mkdir()
    assert [one.text for one in HistoryBook().of("demo/test/1")] == ["True."]


async def test_going_on_while_earlier_answers_are_read_loses_none_of_them(monkeypatch):
    for name in ("first", "second"):
        record = PromptRecord(uid="demo/test/000001", text=f"Said in the {name}.", model="demo")
        SessionLog.open(name).append(record)
    begun, go_on, records = threading.Event(), threading.Event(), SessionLog.records

    def slow(log):
        begun.set()
        assert go_on.wait(30)
        return records(log)

    async with bench((160, 44)) as b:
        b.explore.controllers.earlier._book = HistoryBook()  # nothing was read yet
        monkeypatch.setattr(SessionLog, "records", slow)
        for number, key in enumerate("jjk"):
            event = events.Key(key, key)
            event.set_sender(b.app)
            b.app.post_message(event)
            if number == 0:
                await b.until(begun.is_set)
        await b.until(lambda: b.explore.view.uid == "demo/test/000001" and not b.app.keys_wait)
        await b.until(lambda: b.explore.widgets.samples.ordinal == 1)
        go_on.set()
        await b.shows("Said in the first.", "Said in the second.")
