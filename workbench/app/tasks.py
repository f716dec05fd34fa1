"""Slow work beside the event loop: reads of which the newest wins, and changes that all are made.

Guarantee: at most one piece of work runs per lane. A newer read tells the older to stop and waits
for it in its place, so that holding a key down queues nothing. Changes (a bookmark, a job that is
started, a run that is deleted) are made one after the other, and leaving the bench waits for them
for `LEAVE_S` at most. Threads are daemons: a read that hangs on a dead network never keeps anybody
from leaving. Work checks its `CancelToken`, reports by `app.call_soon`, and touches no widget.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

LEAVE_S = 10.0  # so long leaving waits for changes: a disk that hangs must not hold the terminal


class CancelToken:
    """Tells a piece of work that nobody waits for it any more."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._event.is_set()

    def __call__(self) -> bool:
        """The same as `cancelled`, for those who take a callable."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, at most until cancelled; returns whether it was."""
        return self._event.wait(seconds)


Work = Callable[[CancelToken], Any]


class Tasks:
    """All lanes of one app."""

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self._on_error = on_error
        self._lock = threading.Lock()
        self._running: dict[str, CancelToken] = {}
        self._pending: dict[str, tuple[Work, CancelToken]] = {}
        self._changes: dict[str, deque[Callable[[], Any]]] = {}
        self._changed = threading.Condition(self._lock)
        self._closed = False

    def run(self, lane: str, work: Work) -> CancelToken:
        """Do `work(token)` in a lane, after the one in it was told to stop.

        What it raises goes to the app's error panel, unless it was cancelled.
        """
        token = CancelToken()
        with self._lock:
            if self._closed:
                token.cancel()
                return token
            running = self._running.get(lane)
            if running is not None:
                running.cancel()
                replaced = self._pending.get(lane)
                if replaced is not None:
                    replaced[1].cancel()
                self._pending[lane] = (work, token)
                return token
            self._running[lane] = token
        threading.Thread(
            target=self._loop, args=(lane, work, token), name=f"wb-{lane}", daemon=True
        ).start()
        return token

    def _loop(self, lane: str, work: Work, token: CancelToken) -> None:
        while True:
            try:
                if not token.cancelled:
                    work(token)
            except BaseException as error:
                if not token.cancelled:
                    self._on_error(error)
            with self._lock:
                following = self._pending.pop(lane, None)
                if following is None:
                    del self._running[lane]
                    return
                work, token = following
                self._running[lane] = token

    def change(self, lane: str, work: Callable[[], Any]) -> None:
        """Do `work()` after what its lane has to do already; nothing pushes it out.

        What it raises goes to the app's error panel.
        """
        with self._lock:
            if self._closed:
                return
            waiting = self._changes.get(lane)
            if waiting is not None:
                waiting.append(work)
                return
            self._changes[lane] = deque([work])
        name = f"wb-change-{lane}"
        threading.Thread(target=self._change, args=(lane,), name=name, daemon=True).start()

    def _change(self, lane: str) -> None:
        while True:
            with self._lock:
                waiting = self._changes[lane]
                if not waiting:
                    del self._changes[lane]
                    self._changed.notify_all()
                    return
                work = waiting.popleft()
            try:
                work()
            except BaseException as error:
                self._on_error(error)

    def cancel(self, lane: str) -> bool:
        """Tell a lane's work to stop; whether there was any."""
        with self._lock:
            token = self._running.get(lane)
            pending = self._pending.pop(lane, None)
            if pending is not None:
                pending[1].cancel()
            if token is not None:
                token.cancel()
            return token is not None

    def busy(self, lane: str | None = None) -> bool:
        """Whether a lane (or any) has work."""
        with self._lock:
            lanes = {*self._running, *self._changes}
            return bool(lanes) if lane is None else lane in lanes

    def close(self) -> bool:
        """Tell reads to stop and let changes be made; nothing new starts.

        Returns:
            Whether all changes were made within `LEAVE_S`. Blocks until then.
        """
        with self._lock:
            self._closed = True
            for token in self._running.values():
                token.cancel()
            self._pending.clear()
            return self._changed.wait_for(lambda: not self._changes, LEAVE_S)
