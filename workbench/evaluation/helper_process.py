"""Another process that asks batches of this run, and the thread here that talks to it.

Guarantee: a process that dies gives its batch back; it never outlives this one. See
`workbench.evaluation.helper` for its side, and `workbench.evaluation.several` for the whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any

from sessions.errors import WbError
from workbench.evaluation.batch_queue import BatchQueue, Lines
from workbench.sample import Sample

_END_S = 5.0
_TAIL = 4096  # bytes of what it printed last


class _HungUp(Exception):
    """The process hung up."""


def spawn(stdin: socket.socket, log: IO[bytes], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a helper in a group of its own: signals of a terminal are the writer's alone."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "workbench.evaluation.helper"],
        stdin=stdin.fileno(),
        stdout=log,
        stderr=log,
        env=dict(env),
        process_group=0,
    )


class HelperProcess:
    """One of them: it takes batches from a queue until the queue is closed."""

    def __init__(
        self, name: str, told: Mapping[str, Any], env: Mapping[str, str], batches: BatchQueue
    ) -> None:
        """Start it.

        Args:
            name: What to call it in messages: `process 2 of 4`.
            told: Its first message: the run, its key, the threads.
            env: Its environment.
            batches: Where batches come from, and lines go.

        Raises:
            WbError: No process could be started.
        """
        self._name, self._told, self._batches = name, told, batches
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._socket, theirs = socket.socketpair()
        self._stream = self._socket.makefile("rwb")
        try:
            with theirs:
                self._process = spawn(theirs, self._log, env)
        except OSError as error:
            raise WbError(
                f"{name} could not be started: {error.strerror or error}", kind="no_process"
            ) from error
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def end(self) -> None:
        """Hang up, and see to it that the process is gone."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(_END_S)
        self._code()
        self._socket.close()
        self._log.close()

    def _work(self) -> None:
        try:
            self._ask(self._told)
            while (batch := self._batches.wait_for_batch()) is not None:
                number, samples = batch
                try:
                    lines = self._lines(samples)
                except BaseException:
                    self._batches.give_back(batch)
                    raise
                self._batches.done(number, lines)
        except _HungUp:
            self._tell_end()
        except BaseException as error:
            self._batches.fail(error)

    def _lines(self, samples: Sequence[Sample]) -> Lines:
        return self._ask({"uids": [sample.uid for sample in samples]})["lines"]

    def _ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer. Raises `_HungUp`, and the error that it met."""
        try:
            self._stream.write(json.dumps(message).encode() + b"\n")
            self._stream.flush()
            line = self._stream.readline()
        except (OSError, ValueError):
            raise _HungUp from None
        if not line.endswith(b"\n"):
            raise _HungUp
        answer = json.loads(line)
        if error := answer.get("error"):
            told = f"{self._name}: {error['message']}"
            raise WbError(told, hint=error.get("hint", ""), kind=error.get("kind", "error"))
        return answer

    def _tell_end(self) -> None:
        """A process that was killed is done without; one that ended by itself has a defect."""
        if self._batches.closed:
            return
        code = self._code()
        if code < 0:
            name = signal.Signals(-code).name
            self._batches.lose(f"{self._name} was ended by {name}; the others asked its samples")
        else:
            self._batches.fail(
                WbError(f"{self._name} ended with exit code {code}: {self._said()}", kind="crash")
            )

    def _code(self) -> int:
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _said(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            size = os.fstat(self._log.fileno()).st_size
            tail = os.pread(self._log.fileno(), _TAIL, max(0, size - _TAIL))
            lines = tail.decode("utf-8", "replace").strip().splitlines()
            return lines[-1] if lines else "it said nothing"
        return "it said nothing"
