"""The records on which every screen of the bench is looked at, and what keeps them the same."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from textual.screen import Screen

from sessions import ids
from sessions.records import NoteRecord
from sessions.session_log import SessionLog
from tests.workbench.app.make_records import (
    ask_demo,
    make_job,
    make_run,
    predictions,
    training_progress,
)
from workbench import times
from workbench.app.explore import list_filter, similar_scans


def screens_of_the_bench() -> set[type[Screen[Any]]]:
    """Every screen and dialog that `workbench.app` defines, those left out that only others are."""
    import workbench.app

    for module in pkgutil.walk_packages(workbench.app.__path__, "workbench.app."):
        importlib.import_module(module.name)
    found, queue = set(), [Screen]
    while queue:
        for kind in queue.pop().__subclasses__():
            queue.append(kind)
            if kind.__module__.startswith("workbench.app."):
                found.add(kind)
    return found


def freeze(monkeypatch: Any) -> None:
    """Ids, ages and times of day as they never change."""
    screens_of_the_bench()  # imports all of them, so that each has what is replaced below
    seconds = itertools.count()

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2026, 1, 2, 14, 2, 31, tzinfo=UTC) + timedelta(seconds=next(seconds))

    monkeypatch.setattr(similar_scans, "LIMIT", 60)  # of each split: enough for a screenful
    monkeypatch.setattr(list_filter, "_SEARCH_S", 600)  # a search is read when it is through
    monkeypatch.setattr(ids, "_last", (0, 0, 0))
    monkeypatch.setattr(ids, "_random80", lambda: 0)
    monkeypatch.setattr(ids, "time", SimpleNamespace(time_ns=lambda: 1_767_362_551_000_000_000))
    monkeypatch.setattr(ids, "datetime", Clock)
    for name, words in (("ago", "5m"), ("clock", "14:02:31")):
        real = getattr(times, name)
        for module in [m for n, m in sys.modules.items() if n.startswith("workbench.app.")]:
            if vars(module).get(name) is real:
                monkeypatch.setattr(module, name, lambda *_, words=words: words)


def make_the_records() -> None:
    """Runs, jobs, sessions and bookmarks that show every sign there is."""
    from sessions.runs import Run
    from sessions.uid_cache import UidCache

    beside = Run.create({"dataset": "demo", "split": "test", "model": "demo"}, "beside", total=40)
    for number, line in enumerate(predictions(40)):
        beside.append(line | {"uid": f"demo/test/{number:06d}"})
    beside.set_state("done")
    make_run(40, seed=2, right=0.6, adapter="runs/nlvr1", failed=2)
    make_run(12, state="failed", total=40)
    make_job(
        ["wb", "run-eval", "--dataset", "demo"], log="reading demo\nwarning: slow disk\ndone\n"
    )
    make_job(
        ["wb", "train", "--config", "nlvr1.yaml"],
        progress=list(training_progress()),
        log="error: the disk is full\n",
        state="failed",
        message="the disk is full",
    )
    session = SessionLog.open("2026-01-02")
    ask_demo(session)
    ask_demo(session, 1, "False. There is no circle.")
    session.append(NoteRecord(uid="demo/test/000001", text="it overlooks the small circle"))
    with UidCache.open() as cache:
        cache.add("demo/test/000001", tags=("hard", "left"), note="two circles overlap")
