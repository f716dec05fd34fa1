"""A process that asks batches of a run which another process writes.

    python -P -m workbench.evaluation.helper

Its standard input is a socket; each message is a line of JSON. It is told the run, loads the model
and says so, then answers `{"uids": […]}` by `{"lines": […]}`, or by an error. Guarantee: it writes
no run, and it ends at once when the other side is gone. Not for people: see `run-eval --processes`.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import threading
from dataclasses import replace
from io import BufferedRWPair
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError

if TYPE_CHECKING:
    from workbench.evaluation.prepared import PreparedEvaluation


def main() -> None:
    """Serve one run, until the other side hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells everyone; the writer decides
    stream = socket.socket(fileno=os.dup(0)).makefile("rwb")
    asked: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(stream, asked), daemon=True).start()
    try:
        evaluation = _prepared(asked.get())
        _say(stream, {"ready": True})
        while True:
            _say(stream, {"lines": _lines(evaluation, asked.get()["uids"])})
    except WbError as error:
        _say(stream, error.to_json())


def _listen(stream: BufferedRWPair, asked: queue.SimpleQueue[dict[str, Any]]) -> None:
    """What is asked; nobody waits for the lines of a batch whose writer is gone."""
    try:
        for line in stream:
            asked.put(json.loads(line))
    except OSError:
        pass
    os._exit(0)


def _say(stream: BufferedRWPair, message: dict[str, Any]) -> None:
    try:
        stream.write(json.dumps(message).encode() + b"\n")
        stream.flush()
    except OSError:
        os._exit(0)


def _prepared(told: dict[str, Any]) -> PreparedEvaluation:
    """The evaluation of a run, with a model of our own.

    Raises:
        WbError: It cannot be made ready, or is another one here.
    """
    from sessions.runs import Run
    from workbench.evaluation.prepare import prepare
    from workbench.evaluation.resuming import resumed_config

    config = replace(resumed_config(Run.open(told["run"])), threads=told["threads"])
    evaluation = prepare(config)
    if evaluation.settings_key != told["settings_key"]:
        raise WbError(
            "the model or the data are not those that the run began with",
            hint="they changed since: start a new run",
            kind="other_run",
        )
    return evaluation


def _lines(evaluation: PreparedEvaluation, uids: list[str]) -> list[dict[str, Any]]:
    from workbench.evaluation.batch import ask_batch

    return ask_batch(evaluation, [evaluation.source.get(uid) for uid in uids])


if __name__ == "__main__":
    main()
