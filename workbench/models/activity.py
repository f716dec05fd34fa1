"""What a thread that computes is at, for those who wait for it; and an end to what has none.

Guarantee: telling costs microseconds. A section of plain Python that is `bounded` (a chat template,
which anyone may have written) ends when its time is up or when all who wait for it have given up,
and raises where it was begun, never elsewhere. What is inside a call of C ends when that returns:
nothing can be done about it but end the process.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from sessions.errors import WbError
from workbench.errors import Cancelled, ModelError

Result = TypeVar("Result")
_POLL_S = 0.1


class _Interrupted(BaseException):
    """Raised inside a bounded section, from another thread; nothing but `bounded` catches it."""


@dataclass
class _Section:
    """Something that a thread is at.

    Attributes:
        since: `time.monotonic()` of the last progress.
        deadline: When it is ended, `None` where it cannot be.
        failure: Why it was ended, once it was.
    """

    what: str
    thread: int
    since: float = field(default_factory=time.monotonic)
    deadline: float | None = None
    failure: WbError | None = None


_changed = threading.Condition()
_at: dict[int, list[_Section]] = {}
_given_up: dict[int, Callable[[], bool]] = {}
_watching = False


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Say what this thread is at, inside the block."""
    section = _enter(_Section(what, threading.get_ident()))
    try:
        yield
    finally:
        _leave(section)


def progressed(what: str | None = None) -> None:
    """Say that this thread got on with what it is at, or that it is at something else of it."""
    if sections := _at.get(threading.get_ident()):
        sections[-1].since = time.monotonic()
        sections[-1].what = what or sections[-1].what


def at(thread: int | None) -> tuple[str, float] | None:
    """What a thread is at, and for how many seconds without progress; `None` where it idles."""
    sections = list(_at.get(thread or 0, ()))
    if not sections:
        return None
    return sections[-1].what, time.monotonic() - max(section.since for section in sections)


def given_up_by(probe: Callable[[], bool]) -> None:
    """Have this thread's bounded sections end where `probe` says that nobody waits for them."""
    _given_up[threading.get_ident()] = probe


def bounded(what: str, limit_s: float, call: Callable[[], Result]) -> Result:
    """Call something in plain Python that may have no end.

    Args:
        what: What it is, as in "rendering the chat template".
        limit_s: The longest that it may take, seconds.
        call: It must hold nothing that would stay half-made.

    Raises:
        ModelError: It took longer.
        Cancelled: Nobody waits for it any more (`given_up_by`).
    """
    section = _Section(what, threading.get_ident())
    section.deadline = section.since + limit_s
    _enter(section)
    _watch()
    try:
        try:
            return call()
        finally:
            with _changed:
                section.deadline = None  # from here on nobody interrupts
            if section.failure is not None and sys.exc_info()[0] is not _Interrupted:
                _await_interrupt()
    except _Interrupted:
        raise section.failure or Cancelled("interrupted") from None
    finally:
        _leave(section)


def _await_interrupt() -> None:
    """One that was sent in the last moment must arrive here, and not in what follows."""
    for _ in range(1000):
        time.sleep(0.001)


def _enter(section: _Section) -> _Section:
    with _changed:
        _at.setdefault(section.thread, []).append(section)
        _changed.notify()
    return section


def _leave(section: _Section) -> None:
    with _changed:
        sections = _at[section.thread]
        sections.remove(section)
        if not sections:
            del _at[section.thread]


def _watch() -> None:
    """Have one thread look after all sections that may have no end."""
    global _watching
    with _changed:
        if _watching:
            return
        _watching = True
    threading.Thread(target=_look, name="bounds", daemon=True).start()


def _look() -> None:
    while True:
        with _changed:
            while not (found := [s for own in _at.values() for s in own if s.deadline is not None]):
                _changed.wait()
            for section in found:
                _end_where_due(section)
        time.sleep(_POLL_S)


def _end_where_due(section: _Section) -> None:
    if section.deadline is None or section.failure is not None:
        return
    now = time.monotonic()
    if now >= section.deadline:
        section.failure = ModelError(
            f"{section.what} did not end within {now - section.since:.0f} seconds",
            hint="the model's own template has a loop without end: take another model",
            kind="endless",
        )
    elif (probe := _given_up.get(section.thread)) is not None and probe():
        section.failure = Cancelled(f"cancelled while {section.what}")
    else:
        return
    # Delivered between two bytecodes of that thread.
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(section.thread), ctypes.py_object(_Interrupted)
    )
