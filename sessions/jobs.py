"""Background jobs that outlive the bench, the terminal and the connection.

Guarantee: a job that was started is found again by every process, its state is true whatever
died (see `sessions.job_folder`), and no signal ever meets a process that is not the job's. No
secret is written: variables are passed on in memory, and a command line that holds the value of
a secret variable is refused. Not for other hosts: a job runs where it was started.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from sessions.atomic import last_line, read_lines
from sessions.errors import NoSuchRecord, RecordError
from sessions.ids import resolve
from sessions.job_child import report_progress as report_progress
from sessions.job_folder import GRACE_S, JobFolder, JobState
from sessions.launch import asked_gpus, launch, resuming, typed_argv
from sessions.paths import cannot_read, cannot_write, jobs_dir
from sessions.plain_files import is_there, names_in, open_plain
from sessions.process import is_alive, send
from sessions.shapes import JobResult, JobSpec

_LONGEST_LINE = 1 << 20
ENDED: frozenset[JobState] = frozenset({"done", "failed", "cancelled", "lost"})


class Job:
    """One job, read from its folder each time: there is nothing in memory to go stale.

    Attributes:
        id: Time-sortable.
        path: Its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.folder = JobFolder(path)
        self._spec: JobSpec | None = None

    @classmethod
    def open(cls, name: str) -> Job:
        """The job of that id, or unique beginning or end of one. Raises `NoSuchRecord`."""
        return cls(jobs_dir(create=False) / resolve(name, job_ids(), "job"))

    @property
    def spec(self) -> JobSpec:
        """What was asked for: `argv`, `cwd`, `title`, `gpus`, `run_id`, `created`, `host`, ..."""
        if self._spec is None:
            self._spec = self.folder.spec()
        return self._spec

    @property
    def damage(self) -> str:
        """Which of its files is damaged and how, empty where none is."""
        return self.folder.damage()

    @property
    def title(self) -> str:
        """What the user called it."""
        return str(self.spec.get("title") or self.command)

    @property
    def command(self) -> str:
        """The command line as a user would type it."""
        return shlex.join(typed_argv(self.spec.get("argv") or []))

    @property
    def state(self) -> JobState:
        """How it stands; `lost` where it is gone and nobody saw its end."""
        return self.folder.state()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED

    @property
    def result(self) -> JobResult | None:
        """How it ended: `state`, `exit_code`, `signal`, `message`, `seconds`, `ended`, ..."""
        return self.folder.result()

    @property
    def log_path(self) -> Path:
        """What it printed, both streams."""
        return self.folder.log

    @property
    def run_ids(self) -> list[str]:
        """The runs that it made or resumed, in that order; the one it was started for first."""
        try:
            told = [line.get("run") for line in read_lines(self.folder.runs)[0]]
        except RecordError:
            told = []  # see `damage`
        known = [self.spec.get("run_id"), *told]
        return list(dict.fromkeys(run for run in known if isinstance(run, str) and run))

    @property
    def run_id(self) -> str | None:
        """The newest of its runs, `None` where it has none."""
        return self.run_ids[-1] if self.run_ids else None

    @property
    def seconds(self) -> float:
        """How long its command has run, or ran; 0 before it began."""
        spent = (self.result or {}).get("seconds")
        if spent is not None:
            return float(spent)
        began = (self.folder.identity("process") or {}).get("began")
        return max(0.0, time.time() - began) if began and self.state == "running" else 0.0

    def progress(self) -> dict[str, Any] | None:
        """The last `{"done", "total", "rate", "message", "metrics", "ts"}`; cheap to ask."""
        return last_line(self.folder.progress)

    def progress_lines(self) -> list[dict[str, Any]]:
        """All that it reported, for curves. Raises `RecordError` where it cannot be read."""
        return read_lines(self.folder.progress)[0]

    def wait(self, timeout_s: float | None = None) -> JobState:
        """Wait until it has ended, or for so many seconds; how it stands then."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (state := self.state) not in ENDED:
            if deadline is not None and time.monotonic() >= deadline:
                break
            time.sleep(0.1)
        return state

    def follow_log(
        self, stop: threading.Event | Callable[[], bool] | None = None, *, every_s: float = 0.2
    ) -> Iterator[str]:
        """The lines of its log, those there and those to come, until it has ended or `stop`.

        What is not UTF-8 is replaced; control characters are not: clean what you show. A line
        that does not end comes in pieces of `_LONGEST_LINE` bytes.

        Raises:
            RecordError: There is no log (kind `no_log`), or it is no file.
        """
        stopped = stop.is_set if isinstance(stop, threading.Event) else stop
        rest = b""
        with self._open_log() as file:
            while True:
                last_look = self.ended or bool(stopped and stopped())
                while chunk := file.read(1 << 16):
                    *lines, rest = (rest + chunk).split(b"\n")
                    if len(rest) > _LONGEST_LINE:
                        lines, rest = [*lines, rest], b""
                    yield from (line.decode("utf-8", "replace") for line in lines)
                if last_look:
                    break
                time.sleep(every_s)
        if rest:
            yield rest.decode("utf-8", "replace")

    def _open_log(self) -> BinaryIO:
        try:
            return open_plain(self.log_path)
        except FileNotFoundError:
            raise RecordError(
                f"the job {self.id} has no log ({self.log_path})",
                hint=f"how it ended: wb jobs show {self.id}",
                kind="no_log",
            ) from None
        except OSError as error:
            raise cannot_read(self.log_path, error) from error

    def cancel(self, grace_s: float = GRACE_S) -> JobState:
        """End it: TERM to its processes, `grace_s` seconds for a checkpoint, KILL. Blocks.

        Harmless on a job that has ended.

        Raises:
            RecordError: It runs on another host, or does not end.
        """
        if self.ended:
            return self.state
        if self.spec.get("host") != os.uname().nodename:
            raise RecordError(
                f"the job {self.id} runs on {self.spec.get('host')}",
                hint=f"cancel it there: wb jobs cancel {self.id}",
            )
        self.folder.request_cancel(grace_s)
        deadline = time.monotonic() + grace_s
        self._terminate()
        while not self.ended and time.monotonic() < deadline + 2.0:
            time.sleep(0.05)
        if not self.ended:
            # Its wrapper is dead or stopped: its own command is still known to be itself.
            send(self.folder.identity("process"), signal.SIGKILL, group=True)
            send(self.folder.identity("wrapper"), signal.SIGKILL, group=False)
            self.wait(5.0)
        if self.state == "lost":
            self.folder.finish("cancelled", exit_code=None, message="cancelled", by="canceller")
        if not self.ended:
            raise RecordError(
                f"the job {self.id} does not end: something still holds {self.folder.alive}",
                hint=f"see who: fuser -v {self.folder.alive}",
            )
        return self.state

    def _terminate(self) -> None:
        """TERM to the one who ends the job: its wrapper, else its supervisor, else its command."""
        wrapper = self.folder.identity("wrapper")
        if is_alive(wrapper):
            send(wrapper, signal.SIGTERM, group=False)
        elif self.folder.identity("process"):
            send(self.folder.identity("process"), signal.SIGTERM, group=True)
        else:
            send(self.folder.identity("supervisor"), signal.SIGTERM, group=False)

    def retry(self) -> Job:
        """Start the same command again as a new job; an unfinished run that it left is resumed.

        Raises:
            RecordError: It has not ended yet.
        """
        if not self.ended:
            raise RecordError(
                f"the job {self.id} is still {self.state}",
                hint=f"cancel it: wb jobs cancel {self.id}",
            )
        argv, run_id = list(self.spec.get("argv") or []), self.unfinished_run()
        return start(
            resuming(argv, run_id) if run_id else argv,
            title=self.title,
            env=self.spec.get("env") or {},
            run_id=run_id,
            gpus=self.spec.get("gpus") or (),
            cwd=self.spec.get("cwd"),
            retry_of=self.id,
        )

    def unfinished_run(self) -> str | None:
        """The newest of its runs, where there is more to do for that one: `retry` resumes it."""
        from sessions.runs import Run

        try:
            return self.run_id if self.run_id and Run.open(self.run_id).state != "done" else None
        except NoSuchRecord:
            return None

    def remove(self) -> None:
        """Delete its folder. Raises `RecordError` where it has not ended."""
        if not self.ended:
            raise RecordError(f"the job {self.id} is still {self.state}", hint="cancel it first")
        # Those who wrote the result may still be on their way out, with a file in hand.
        end = time.monotonic() + 5.0
        while self.folder.has_company() and time.monotonic() < end:
            time.sleep(0.02)
        try:
            shutil.rmtree(self.path)
        except OSError as error:
            raise cannot_write(self.path, error) from error


def start(
    argv: Sequence[str],
    *,
    title: str,
    env: Mapping[str, str] | None = None,
    run_id: str | None = None,
    gpus: Sequence[str | int] | None = None,
    cwd: str | Path | None = None,
    retry_of: str | None = None,
) -> Job:
    """Start a command that outlives this process; returns when its supervisor stands.

    Args:
        argv: The command; `wb` as its first word is this very installation.
        title: What to call it in lists.
        env: Variables for it beside those of this process. Those with a secret name are passed
            on and not written down, so a retry takes them from its own environment.
        run_id: The run that it resumes, where known before.
        gpus: Numbers or UUIDs of the GPUs that it needs for itself: it is queued until they are
            free, and sees no others. `None` asks `$WB_GPU` (`0` or `0,1`), `()` means none.
        cwd: Where it runs; here where not given.
        retry_of: The job that it repeats.

    Raises:
        RecordError: There is no such command, it holds a secret, or the home cannot be written.
    """
    folder = launch(
        [str(word) for word in argv],
        title=title,
        env=dict(env or {}),
        gpus=asked_gpus() if gpus is None else [str(gpu) for gpu in gpus],
        cwd=Path(cwd or Path.cwd()).absolute(),
        facts={"run_id": run_id, "retry_of": retry_of},
    )
    return Job(folder.path)


def list_jobs() -> list[Job]:
    """All jobs, newest first; one that is damaged is among them, see `Job.damage`."""
    folder = jobs_dir(create=False)
    return [Job(folder / ident) for ident in reversed(job_ids())]


def job_ids() -> list[str]:
    """The ids of all jobs, oldest first."""
    folder = jobs_dir(create=False)
    return [name for name in names_in(folder) if is_there(folder / name / "spec.json")]
