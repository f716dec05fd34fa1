"""The bench's terminal: drawn on by the bench alone, and left when it is gone.

Guarantee: while it is held, what C libraries write on stdout and stderr (libtiff's and libpng's
warnings on a picture, say) lands in a log of bounded size and not on the screen; afterwards both
are as they were, also after an exception. A terminal that hangs up stops nobody who writes on it:
a writer that died would block the bench for good, and nothing could be saved.
Not for signals: where SIGHUP comes, the app leaves by it. It does not come to a bench whose
session has another leader that waits for it, as under `make` and `setsid -w`.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sessions.errors import RecordError
from sessions.paths import runtime_dir

if TYPE_CHECKING:
    from textual.driver import Driver

MAX_LOG_BYTES = 1_000_000
_HUNG_UP = {errno.EIO, errno.ENXIO, errno.EPIPE, errno.EBADF}


def log_path(*, create: bool = True) -> Path:
    """Where the words of C libraries go while the bench is open. Raises `RecordError`."""
    return runtime_dir(create=create) / "bench.log"


class Writer(io.TextIOWrapper):
    """Text for a terminal; what is written after it hung up goes nowhere."""

    def write(self, text: str) -> int:
        """Write, or pretend to."""
        try:
            return super().write(text)
        except OSError as error:
            return _pretend(error, len(text))

    def flush(self) -> None:
        """Flush what can be flushed."""
        try:
            super().flush()
        except OSError as error:
            _pretend(error, 0)


def _pretend(error: OSError, written: int) -> int:
    if error.errno not in _HUNG_UP:
        raise error
    return written


class Terminal:
    """A terminal in hand.

    Attributes:
        writer: Draws on it.
        log: The descriptor that stray words go to.
    """

    def __init__(self, writer: Writer, log: int) -> None:
        self.writer, self.log = writer, log
        self._watched = [fd for fd in (0, writer.fileno()) if os.isatty(fd)]
        self._length = os.fstat(log).st_size

    @property
    def gone(self) -> bool:
        """Whether it hung up."""
        return not all(os.isatty(fd) for fd in self._watched)

    @property
    def strayed(self) -> bool:
        """Whether anything was written to the log since the terminal is held."""
        return os.fstat(self.log).st_size > self._length

    def bound_log(self) -> None:
        """Empty the log where it has grown too long. A disk that refuses is no matter here."""
        with contextlib.suppress(OSError):
            if os.fstat(self.log).st_size > MAX_LOG_BYTES:
                os.ftruncate(self.log, 0)
                self._length = 0
                os.write(self.log, b"(what stood here was too long to keep)\n")


@contextlib.contextmanager
def held() -> Iterator[Terminal]:
    """Keep the terminal for the bench, and lead stdout and stderr elsewhere.

    Textual draws on `sys.__stderr__` and measures by `sys.__stdout__`: for as long, these are the
    terminal, on a descriptor of its own. A stderr that is no terminal (`wb 2> file`) stays. Where
    anything came to the log, its place is told at the end.
    """
    streams = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
    for stream in streams[:2]:
        stream.flush()
    led = [fd for fd in (1, 2) if os.isatty(fd)]
    kept = {fd: os.dup(fd) for fd in led}
    writer = Writer(
        io.BufferedWriter(io.FileIO(os.dup(led[0] if led else 1), "w")), "utf-8", write_through=True
    )
    log = _open_log()
    terminal = Terminal(writer, log)
    terminal.bound_log()
    try:
        for fd in led:
            os.dup2(log, fd)
        sys.stdout = sys.__stdout__ = writer  # type: ignore[misc]
        sys.__stderr__ = writer  # type: ignore[misc]
        if 2 in led:
            sys.stderr = writer
        yield terminal
    finally:
        sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__ = streams  # type: ignore[misc]
        for fd, back in kept.items():
            os.dup2(back, fd)
            os.close(back)
        with contextlib.suppress(OSError):
            if terminal.strayed:
                sys.stderr.write(f"what libraries wrote meanwhile: {log_path()}\n")
                sys.stderr.flush()
        with contextlib.suppress(OSError):
            writer.close()
        os.close(log)


def _open_log() -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(OSError, RecordError):
        return os.open(log_path(), flags, 0o600)
    return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


def bench_driver(usual: type[Driver]) -> type[Driver]:
    """Textual's driver of this platform, with an input that ends where the terminal hung up.

    Its input thread would take the error for one of the app and panic, and nothing be saved.
    """
    if usual.__name__ != "LinuxDriver":
        return usual
    from textual.drivers.linux_driver import LinuxDriver

    class BenchDriver(LinuxDriver):
        """Reads until the terminal is gone."""

        def run_input_thread(self) -> None:
            """Read keys; a terminal that hung up is the app's to notice."""
            with contextlib.suppress(OSError):
                super().run_input_thread()

    return BenchDriver
