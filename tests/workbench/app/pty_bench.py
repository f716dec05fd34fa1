"""A bench on a real pseudo-terminal, as a process of its own; all bytes that it draws are kept."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

BENCH = "import sys; from workbench.app.app import run_bench; sys.exit(run_bench())"
# A session's leader that waits for its child and lives through SIGHUP, as `make` does.
LEADER = """\
import fcntl, signal, subprocess, sys, termios
signal.signal(signal.SIGHUP, lambda *args: None)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
child = subprocess.Popen([sys.executable, "-c", sys.argv[2]])
open(sys.argv[1], "w").write(str(child.pid))
child.wait()
"""


class PtyBench:
    """A bench, and the terminal that it is on.

    Args:
        script: Python that opens it.
        leader: A file: the bench is the child of a session's leader that passes no SIGHUP on,
            and its pid is written there. Else the bench leads a session without a terminal, to
            which no SIGHUP comes either.
    """

    def __init__(
        self, script: str = BENCH, *, size: tuple[int, int] = (120, 40), leader: Path | None = None
    ) -> None:
        self.seen = bytearray()
        self.main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        command = ["-c", script] if leader is None else ["-c", LEADER, str(leader), script]
        env = {**os.environ, "TERM": "xterm-256color"}
        for name in ("TMUX", "COLUMNS", "LINES", "NO_COLOR"):
            env.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=other,
            stdout=other,
            stderr=other,
            env=env,
            start_new_session=True,
        )
        os.close(other)
        self._stop, self._stopped = os.pipe()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._leader = leader

    def _read(self) -> None:
        import select

        while True:
            ready, _, _ = select.select([self.main, self._stop], [], [])
            if self._stop in ready:
                return
            try:
                data = os.read(self.main, 65536)
            except OSError:
                return
            if not data:
                return
            self.seen += data

    @property
    def bench(self) -> psutil.Process:
        """The bench's process."""
        if self._leader is None:
            return psutil.Process(self.process.pid)
        return psutil.Process(int(self._leader.read_text()))

    def until(self, holds: Callable[[], object], seconds: float = 60) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, self.seen.decode("utf-8", "replace")[-3000:]
            time.sleep(0.02)

    def shows(self, text: str) -> None:
        """Wait until these bytes were drawn."""
        self.until(lambda: text.encode() in self.seen)

    def send(self, keys: str) -> None:
        """Type."""
        os.write(self.main, keys.encode())

    def hang_up(self) -> None:
        """The terminal goes away."""
        self._end_reading()
        os.close(self.main)
        self.main = -1

    def _end_reading(self) -> None:
        if self._reader.is_alive():
            os.write(self._stopped, b"x")
            self._reader.join()

    def ended(self) -> str:
        """Wait for the end; all that was drawn after the keys of the end."""
        self.process.wait(60)
        self._reader.join(10)
        return self.seen.decode("utf-8", "replace")

    def close(self) -> None:
        """End what is still there."""
        for process in psutil.Process().children(recursive=True):
            if self.process.pid in (process.pid, process.ppid()):
                process.kill()
        self.process.wait(30)
        self._end_reading()
        for fd in (self.main, self._stop, self._stopped):
            if fd >= 0:
                os.close(fd)
