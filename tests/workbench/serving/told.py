"""Tickets of the worker's thread, served in the test's own process."""

from __future__ import annotations

import threading

from workbench.inference.decoding import Decoding
from workbench.models.base import LoadedModel
from workbench.models.spec import ModelSpec
from workbench.sample import Token
from workbench.serving.engine_request import EngineRequest
from workbench.serving.worker import Worker


class Told:
    """What a ticket was told, in the worker's thread."""

    def __init__(self, ident: str, spec: ModelSpec, messages, knobs: Decoding) -> None:
        self.tokens: list[Token] = []
        self.last: object = None
        self.done = threading.Event()
        self.ticket = EngineRequest(ident, "chat", self.take, spec, tuple(messages), knobs)

    def take(self, event, visible) -> None:
        if isinstance(event, Token):
            self.tokens.append(event)
        else:
            self.last = event
            self.done.set()


def serve(worker: Worker, model: LoadedModel, conversations, knobs) -> list[Told]:
    told = [Told(str(i), model.spec, c, knobs) for i, c in enumerate(conversations)]
    for one in told:
        worker.submit(one.ticket)
    if not worker.is_alive():
        worker.start()
    for one in told:
        assert one.done.wait(60)
    return told
