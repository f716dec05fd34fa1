"""The parent of a job's command: starts it, ends it when asked, writes down how it ended.

`python -P -m sessions.job_wrapper <folder> <fd>...`; the descriptors are locks that the command
inherits. Guarantee: the completion record is on the disk before the lock is let go, whether or
not the supervisor still lives; a cancel is TERM to the command's group, its grace, then KILL.
Not for queueing: `sessions.supervisor` has done that.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sessions.errors import RecordError
from sessions.ids import now
from sessions.job_folder import GRACE_S, JobFolder, say, write_identity
from sessions.process import group_members, identify


class Wrapper:
    """One command, from its start to its completion record."""

    def __init__(self, folder: JobFolder, locks: list[int]) -> None:
        self.folder = folder
        self.locks = locks
        self.cancelling = False
        self.woken, self._wake = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(self._wake, False)

    def run(self) -> None:
        """Run the command to its end."""
        # A byte in a pipe per signal: a plain wait could miss one that comes just before it.
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        write_identity(self.folder.path / "wrapper.json", identify(os.getpid()))
        if self.cancelling or self.folder.cancel_request():
            self._finish("cancelled", exit_code=None, message="cancelled before it began")
            return
        spec: dict[str, Any] = dict(self.folder.spec())
        began = time.time()
        try:
            process = subprocess.Popen(
                spec["run_argv"],
                cwd=spec["cwd"],
                stdin=subprocess.DEVNULL,
                pass_fds=self.locks,
                start_new_session=True,
            )
        except (OSError, KeyError, ValueError) as error:
            say(f"cannot start the command: {error}")
            self._finish("failed", exit_code=127, message=f"cannot start the command: {error}")
            return
        # The command holds the locks now, and we hold them with it until the result is written.
        with suppress(RecordError):
            write_identity(self.folder.path / "process.json", identify(process.pid))
        self._wait(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self._report(process.returncode, began, usage.ru_maxrss)

    def _on_term(self, *_: Any) -> None:
        self.cancelling = True

    def _wait(self, pid: int) -> None:
        """Until the command has ended, and its group as well where it is being cancelled.

        The command is not reaped yet: until then its number, and its group's, is its own.
        """
        while not self.cancelling:
            if _has_ended(pid):
                return
            self._pause(None)
        os.killpg(pid, signal.SIGTERM)
        grace = (self.folder.cancel_request() or {}).get("grace_s", GRACE_S)
        deadline = time.monotonic() + float(grace)
        while group_members(pid) or not _has_ended(pid):
            left = deadline - time.monotonic()
            if left <= 0:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
                break
            self._pause(min(left, 0.2))
        while not _has_ended(pid):
            self._pause(1.0)

    def _pause(self, timeout_s: float | None) -> None:
        """Until a signal comes or the time is over."""
        select.select([self.woken], [], [], timeout_s)
        with suppress(BlockingIOError):
            os.read(self.woken, 4096)

    def _report(self, code: int, began: float, max_rss: int) -> None:
        # The TERM of a cancel can reach the command without us, when it comes as we begin.
        if self.cancelling or (code < 0 and self.folder.cancel_request()):
            state, message = "cancelled", "cancelled"
        elif code == 0:
            state, message = "done", ""
        elif code < 0:
            state, message = "failed", f"killed by signal {_signal_name(-code)}"
        else:
            state, message = "failed", f"ended with exit code {code}"
        self._finish(
            state,
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            message=message,
            seconds=time.time() - began,
            # Kibibytes on Linux, bytes on macOS.
            max_rss_bytes=max_rss * (1 if sys.platform == "darwin" else 1024),
        )

    def _finish(self, state: Any, **facts: Any) -> None:
        for attempt in range(5):
            try:
                self.folder.finish(state, by="wrapper", **facts)
                return
            except RecordError as error:
                # A full disk may be full for a moment only, and without this the job is lost.
                say(f"{now()} {error.message}")
                time.sleep(attempt)


def _has_ended(pid: int) -> bool:
    """Whether the child has ended; leaves it to be reaped."""
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    return ended is not None


def _signal_name(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)


if __name__ == "__main__":
    Wrapper(JobFolder(Path(sys.argv[1])), [int(fd) for fd in sys.argv[2:]]).run()
