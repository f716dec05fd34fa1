"""A terminal in a test: what is written to it is read from its other end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
import threading
import time
from collections.abc import Callable


class Terminal:
    """A pseudo-terminal; `sent` is what it got.

    Attributes:
        slave: The descriptor that a program takes for its terminal.
    """

    def __init__(self, columns: int = 120, lines: int = 40) -> None:
        self.master, self.slave = os.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._got = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while block := os.read(self.master, 65536):
                self._got += block

    @property
    def sent(self) -> str:
        """All that came so far; a byte that is no UTF-8 stands as half a surrogate pair."""
        return bytes(self._got).decode("utf-8", "surrogateescape")

    def type(self, keys: bytes) -> None:
        """Type."""
        os.write(self.master, keys)

    def until(self, holds: Callable[[str], bool], seconds: float = 60.0) -> str:
        """What was sent, once that holds of it."""
        end = time.monotonic() + seconds
        while not holds(sent := self.sent):
            assert time.monotonic() < end, f"it did not come to pass: {sent[-2000:]!r}"
            time.sleep(0.02)
        return sent

    def close(self) -> str:
        """Close it, and give all that was sent."""
        os.close(self.slave)
        self._thread.join(10)  # the last reader's end of a closed terminal is an error
        os.close(self.master)
        return self.sent
