"""The small process above a job: waits for its GPUs, starts its wrapper, outlives nobody's wish.

`python -P -m sessions.supervisor <folder> <lock fd>`, started by `sessions.jobs.start` in a
session of its own. Guarantee: it detaches at once, so that its starter has no child to reap; the
job's lock is held without a gap from the start to the end of the job. Not needed for the job to
end well: the wrapper writes the result, and does so when this process has died.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from sessions.job_folder import JobFolder, say, write_identity
from sessions.locks import flock
from sessions.paths import locks_dir
from sessions.process import identify, is_alive, wait_for_end


class _Ended(Exception):
    """It was asked to end while it waited for a GPU."""


class Supervisor:
    """One job's start and, where its wrapper cannot, its end."""

    def __init__(self, folder: JobFolder, lock: int) -> None:
        self.folder = folder
        self.lock = lock
        self.wrapper: subprocess.Popen[bytes] | None = None
        self.cancelled = False
        self._waiting = False

    def run(self) -> None:
        """Queue, start, wait; and write the result where nobody else has."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_term)
        write_identity(self.folder.path / "supervisor.json", identify(os.getpid()))
        try:
            gpus = self._acquire_gpus()
        except _Ended:
            gpus = []
        if self._is_cancelled():
            self.folder.finish("cancelled", exit_code=None, message="cancelled while queued")
            return
        code = self._start_wrapper(gpus).wait()
        if self.folder.result() is None:
            self._finish_for(code)

    def _is_cancelled(self) -> bool:
        return self.cancelled or self.folder.cancel_request() is not None

    def _on_term(self, _number: int, _frame: FrameType | None) -> None:
        self.cancelled = True
        if self._waiting:
            # The one wait that nothing else ends. Anywhere else an exception out of nowhere could
            # break off the writing of a record, that of the cancel itself among them.
            self._waiting = False
            raise _Ended
        # Handed on only to the wrapper: it is our child and not reaped, so its pid is still its.
        if self.wrapper is not None and self.wrapper.returncode is None:
            self.wrapper.send_signal(signal.SIGTERM)

    def _acquire_gpus(self) -> list[int]:
        """Wait for one lock per GPU, always in the same order, so that two jobs cannot deadlock."""
        held = []
        for name in sorted(self.folder.spec().get("gpus") or []):
            path = locks_dir() / f"gpu-{name}.lock"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                flock(fd, path, wait=False)
            except BlockingIOError:
                say(f"waiting for GPU {name}")
                self._wait_for(fd, path)
            held.append(fd)
        return held

    def _wait_for(self, fd: int, path: Path) -> None:
        self._waiting = True
        try:
            # A TERM from here on raises; one that came before is seen here.
            if self._is_cancelled():
                raise _Ended
            flock(fd, path)  # the kernel wakes those who wait in the order of their coming
        finally:
            self._waiting = False

    def _start_wrapper(self, gpus: list[int]) -> subprocess.Popen[bytes]:
        kept = [self.lock, *gpus]
        argv = [sys.executable, "-P", "-m", "sessions.job_wrapper", str(self.folder.path)]
        # The wrapper and the job inherit all locks: a GPU is free when they are gone, not we.
        self.wrapper = subprocess.Popen(
            [*argv, *map(str, kept)],
            stdin=subprocess.DEVNULL,
            pass_fds=kept,
            start_new_session=True,
        )
        for fd in kept:
            os.close(fd)
        if self._is_cancelled():
            self.wrapper.send_signal(signal.SIGTERM)
        return self.wrapper

    def _finish_for(self, code: int) -> None:
        """The wrapper died before its job: wait for that one, and say what can be known."""
        process = self.folder.identity("process")
        if process and is_alive(process):
            wait_for_end(process)
        cancelled = self._is_cancelled()
        how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        what = "how its command ended is not known" if process else "its command never began"
        self.folder.finish(
            "cancelled" if cancelled else "failed",
            exit_code=None,
            message="cancelled" if cancelled else f"the job's wrapper was {how}: {what}",
            by="supervisor",
        )


def main() -> None:
    """Detach from the starter and supervise the job in the folder that argv names."""
    folder, lock = JobFolder(Path(sys.argv[1])), int(sys.argv[2])
    if os.fork():
        # The starter waits for this exit alone; the child belongs to init from here on.
        os._exit(0)
    try:
        Supervisor(folder, lock).run()
    except Exception as error:
        folder.finish("failed", exit_code=None, message=f"the job could not be started: {error}")
        raise


if __name__ == "__main__":
    main()
