"""Tickets that are decoded together: they join at any token, and share what memory there is.

Guarantee: a failure belongs to its ticket, and those who are at it already go on. Where memory runs
out the batch is taken apart and its tickets are read anew, fewer at once; what was said already is
not said again, since the same prompt, knobs and seed give the same tokens. Only a ticket that does
not fit alone fails. One thread; the queue is the worker's.
"""

from __future__ import annotations

import traceback
from itertools import count
from typing import TYPE_CHECKING, Protocol

from sessions.errors import WbError
from workbench.errors import ModelError
from workbench.inference.admission import Request, admit
from workbench.inference.batch import LiveBatch
from workbench.inference.capacity import (
    OUT_OF_MEMORY,
    alone,
    out_of_memory_explained,
    prompt_length,
    shrink,
    size_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.inference.prefix_cache import PrefixCache
    from workbench.models.base import LoadedModel
    from workbench.sample import Token
    from workbench.serving.engine_request import EngineRequest, Event


class RequestQueue(Protocol):
    """What hands tickets out and takes their answers; see `workbench.serving.worker.Worker`."""

    def take(
        self, loaded: LoadedModel, fits: Callable[[Sequence[EngineRequest], EngineRequest], bool]
    ) -> list[EngineRequest]:
        """Tickets that can join now; `fits` is asked whether one more can beside those taken."""
        ...

    def put_back(self, tickets: Sequence[EngineRequest]) -> None:
        """Serve these before all others, in their order."""
        ...

    def tell(self, ticket: EngineRequest, token: Token, visible: str) -> None:
        """Hand a token on."""
        ...

    def finish(self, ticket: EngineRequest, event: Event, visible: str = "") -> None:
        """Hand the last event of a ticket on."""
        ...


class Scheduler:
    """A running batch and its tickets."""

    def __init__(
        self, queue: RequestQueue, loaded: LoadedModel, prefixes: PrefixCache | None
    ) -> None:
        """An empty batch.

        Args:
            queue: Where tickets come from.
            loaded: The model that all of them are for.
            prefixes: Beginnings of prompts that have been read.
        """
        self._queue = queue
        self._loaded = loaded
        self._prefixes = prefixes
        self._live = LiveBatch(loaded, prefixes)
        self._tickets: dict[
            int, EngineRequest
        ] = {}  # by the id of their row, in the order they joined

    def run(self, first: EngineRequest) -> None:
        """Decode a ticket and all that can join it on the way."""
        joining = [first]
        try:
            while joining or self._live.rows:
                self._admit(joining)
                joining = []
                self._step()
                joining = self._queue.take(self._loaded, self._fits)
        except Exception as error:
            failure = as_failure(error)
            left = {id(t): t for t in (*self._tickets.values(), *joining)}
            for ticket in left.values():
                self._queue.finish(ticket, failure)

    def _admit(self, joining: list[EngineRequest]) -> None:
        """Read the prompts of those who join: in one forward, or apart where one is bad."""
        if not joining:
            return
        try:
            with out_of_memory_explained(self._prefixes):
                rows = admit(self._live, [request_of(ticket) for ticket in joining])
        except Exception as error:
            failure = as_failure(error)
        else:
            for row, ticket in zip(rows, joining, strict=True):
                self._tickets[id(row)], ticket.columns = ticket, row.columns
            return
        # Behind the `except`: what the failed forward held is free again.
        if failure.kind == OUT_OF_MEMORY and (len(joining) > 1 or self._live.rows):
            shrink(self._loaded, [*(r.columns for r in self._live.rows), *map(self._size, joining)])
            self._queue.put_back(joining)
        elif len(joining) == 1:
            self._queue.finish(joining[0], self._alone(failure, joining[0]))
        else:
            for ticket in joining:
                self._admit([ticket])

    def _step(self) -> None:
        """One token for each; where memory runs out all are asked again, fewer at once."""
        try:
            with out_of_memory_explained(self._prefixes):
                self._pick()
                self._live.advance()
        except ModelError as error:
            tickets = list(self._tickets.values())
            if error.kind != OUT_OF_MEMORY:
                raise
            if len(tickets) == 1:
                raise self._alone(error, tickets[0]) from error
        else:
            return
        shrink(self._loaded, [r.columns for r in self._live.rows if id(r) in self._tickets])
        self._live, self._tickets = LiveBatch(self._loaded, self._prefixes), {}
        self._queue.put_back(tickets)

    def _pick(self) -> None:
        for row, token in self._live.pick():
            ticket = self._tickets[id(row)]
            if token is not None and len(row.tokens) > ticket.told:
                ticket.told = len(row.tokens)
                self._queue.tell(ticket, token, row.visible())
            if row.finish is not None:
                del self._tickets[id(row)]
                row.load_s = ticket.load_s
                event = row.failure or row.answer()
                self._queue.finish(ticket, event, row.visible())

    def _fits(self, others: Sequence[EngineRequest], ticket: EngineRequest) -> bool:
        """Whether a ticket can join beside the rows and the others that join with it."""
        if not self._live.open:
            return False
        if self._loaded.max_batch_tokens is None or (not self._live.rows and not others):
            return True
        sizes = [*(r.columns for r in self._live.rows), *map(self._size, (*others, ticket))]
        return size_of(sizes) <= self._loaded.max_batch_tokens

    def _size(self, ticket: EngineRequest) -> int:
        """Columns that a ticket may come to."""
        if ticket.columns == 0:
            length = prompt_length(self._loaded, ticket.messages)
            ticket.columns = length + ticket.decoding.max_new_tokens
        return ticket.columns

    def _alone(self, failure: WbError, ticket: EngineRequest) -> WbError:
        if failure.kind != OUT_OF_MEMORY:
            return failure
        new = ticket.decoding.max_new_tokens
        return alone(failure, self._size(ticket) - new, new)


def request_of(ticket: EngineRequest) -> Request:
    """A chat's ticket as the loop takes it; one that is asked anew is not cut short of itself."""
    asked = count()
    told = ticket.told

    def cancelled() -> bool:  # before each token, once
        return next(asked) >= told and ticket.asked_to_end()

    return Request(ticket.messages, ticket.decoding, ticket.labels, cancelled, ticket.started)


def as_failure(error: Exception) -> WbError:
    """Our own errors as they are; a bug or a failure inside torch in one line.

    Its traceback goes to the log.
    """
    if isinstance(error, WbError):
        return error
    traceback.print_exception(error)
    first = (str(error).strip().splitlines() or [""])[0]
    return ModelError(
        f"the model failed: {type(error).__name__}: {first}"[:500],
        hint="the traceback is in the log: wb engine log",
        kind="internal",
    )
