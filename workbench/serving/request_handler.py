"""One request and its answer over HTTP: body in, JSON or server-sent events out.

Guarantee: however an exchange ends (answered, failed, the client gone) its tickets are cancelled
and forgotten. A stream says something at least once a second, so that a silent engine is a dead
one; where the work itself stands still for `stall_s` it says what it is at.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sessions.errors import WbError
from sessions.ids import new_id
from workbench.errors import (
    Cancelled,
    EngineError,
    ImageError,
    PromptTooLong,
    UnknownName,
    UsageError,
)
from workbench.sample import Answer
from workbench.serving.chat_stream import WAITING, ChatStream, choice, signature, sse, usage
from workbench.serving.engine_request import EngineRequest, Event, JsonResult, LoadStage
from workbench.serving.event_queue import EventQueue
from workbench.serving.protocol import MAX_BODY, STILL, ChatRequest

HEARTBEAT_S = 0.5
_STATUS: tuple[tuple[type[WbError], int], ...] = (
    (UnknownName, 404),
    (UsageError, 400),
    (ImageError, 400),
    (PromptTooLong, 400),
    (Cancelled, 499),
    (EngineError, 503),
)
_DONE = "data: [DONE]\n\n"


class TooLarge(UsageError):
    """A body beyond the bound."""

    kind = "too_large"


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object in a request.

    Raises:
        TooLarge: It has more than `MAX_BODY` bytes; the rest is not read.
        UsageError: It is no JSON object.
    """
    body = await read_bytes(request)
    try:
        parsed = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the body is no JSON: {error}", kind="bad_request") from error
    if not isinstance(parsed, dict):
        raise UsageError("the body wants a JSON object", kind="bad_request")
    return parsed


async def read_bytes(request: Request) -> bytes:
    """The body as it came; the rest of one beyond `MAX_BODY` is not read. Raises `TooLarge`."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > MAX_BODY:
        raise TooLarge(f"the request has {int(length):,} bytes; at most {MAX_BODY:,} are read")
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > MAX_BODY:
            raise TooLarge(f"the request has more than {MAX_BODY:,} bytes")
    return bytes(body)


def error_json(error: WbError) -> dict[str, Any]:
    """An error as OpenAI's clients read it; `kind`, `hint` and `class` are our own."""
    status = status_of(error)
    code = "context_length_exceeded" if isinstance(error, PromptTooLong) else error.kind
    return {
        "error": {
            "message": error.message,
            "type": "invalid_request_error" if status < 500 else "server_error",
            "param": None,
            "code": code,
            "kind": error.kind,
            "hint": error.hint,
            "class": type(error).__name__,
        }
    }


def status_of(error: WbError) -> int:
    """The HTTP status that says the same."""
    if isinstance(error, TooLarge):
        return 413
    return next((status for cls, status in _STATUS if isinstance(error, cls)), 500)


def error_response(error: WbError) -> JSONResponse:
    """A refusal."""
    status = status_of(error)
    # What failed in a model fails again: OpenAI's client, which repeats a 500, is told so.
    headers = {"x-should-retry": "false"} if status in (499, 500) else None
    return JSONResponse(error_json(error), status, headers)


class Stall:
    """Tells one client that the work stands still: after `after_s` seconds, and as often again."""

    def __init__(self, at: Callable[[], tuple[str, float] | None], after_s: float) -> None:
        """Begin.

        Args:
            at: What the worker is at, and for how many seconds without progress.
            after_s: `stall_s` of the settings.
        """
        self._at, self._after_s = at, after_s
        self._times = 0

    def told(self) -> str:
        """What is to be said now; mostly nothing."""
        what, seconds = self._at() or ("", 0.0)
        times = int(seconds // self._after_s)
        before, self._times = self._times, times
        return f"{STILL} for {seconds:.0f} s: {what}" if times > before else ""


class RequestHandler:
    """One client's request on its way through the worker."""

    def __init__(
        self,
        request: Request,
        submit: Callable[[list[EngineRequest]], None],
        forget: Callable[[str], object],
        stall: Stall,
    ) -> None:
        """Begin an exchange.

        Args:
            request: What came in.
            submit: Queues its tickets.
            forget: Called with its id when it is over.
            stall: Says where the work stands still.
        """
        self.id = request.headers.get("x-wb-request") or new_id()
        self._request = request
        self._submit = submit
        self._forget = forget
        self._stall = stall
        self._events: EventQueue[tuple[int, Event, str]] = EventQueue()
        self._tickets: list[EngineRequest] = []

    def _emit(self, index: int) -> Callable[[Event, str], None]:
        def emit(event: Event, visible: str) -> None:
            self._events.put((index, event, visible))

        return emit

    def _start(self, tickets: list[EngineRequest]) -> None:
        self._tickets = tickets
        self._submit(tickets)

    def _end(self) -> None:
        for ticket in self._tickets:
            ticket.cancelled.set()
        self._forget(self.id)

    async def _next(self) -> list[tuple[int, Event, str]]:
        """What came meanwhile; empty after a heartbeat's time without anything."""
        return await self._events.take(HEARTBEAT_S)

    # -- our own calls -----------------------------------------------------------------------

    async def call(self, kind: str, **ticket: Any) -> Response:
        """Load, explain or release: progress as events, then the result; always a stream."""
        self._start([EngineRequest(id=self.id, kind=kind, emit=self._emit(0), **ticket)])
        return self._streaming(self._call_events())

    async def _call_events(self) -> AsyncIterator[str]:
        while True:
            found = await self._next()
            if not found:
                still = self._stall.told()
                yield sse({"progress": {"stage": still, "share": 0.0}}) if still else WAITING
            for _, event, _ in found:
                if isinstance(event, LoadStage):
                    yield sse({"progress": {"stage": event.stage, "share": event.share}})
                elif isinstance(event, JsonResult):
                    yield sse({"result": event.body})
                    return
                elif isinstance(event, WbError):
                    yield sse(error_json(event))
                    return

    def _streaming(self, events: AsyncIterator[str]) -> StreamingResponse:
        async def guarded() -> AsyncIterator[str]:
            try:
                async for text in events:
                    yield text
                yield _DONE
            finally:
                self._end()

        return StreamingResponse(
            guarded(), media_type="text/event-stream", headers={"x-wb-request": self.id}
        )

    # -- chat --------------------------------------------------------------------------------

    async def chat(self, wanted: ChatRequest) -> Response:
        """A chat completion, streamed or whole."""
        self._start(
            [
                EngineRequest(
                    id=self.id,
                    kind="chat",
                    emit=self._emit(index),
                    spec=wanted.spec,
                    messages=wanted.messages,
                    decoding=decoding,
                    labels=wanted.labels,
                )
                for index, decoding in enumerate(wanted.decodings)
            ]
        )
        if wanted.stream:
            return self._streaming(self._chat_events(wanted))
        try:
            return JSONResponse(await self._whole(wanted), headers={"x-wb-request": self.id})
        finally:
            self._end()

    async def _whole(self, wanted: ChatRequest) -> dict[str, Any]:
        answers: dict[int, Answer] = {}
        while len(answers) < len(wanted.decodings):
            found = await self._next()
            # Asked with every lot, not in the pauses alone: a busy model makes none.
            if await self._request.is_disconnected():
                raise Cancelled("the client has gone")
            for index, event, _ in found:
                if isinstance(event, WbError):
                    raise event
                if isinstance(event, Answer):
                    answers[index] = event
        choices = [choice(index, answers[index], wanted) for index in sorted(answers)]
        return self._head(wanted, "chat.completion") | {
            **signature(self._tickets[0].answered_by),
            "choices": choices,
            "usage": usage(list(answers.values())),
        }

    async def _chat_events(self, wanted: ChatRequest) -> AsyncIterator[str]:
        told = ChatStream(wanted, self._head(wanted, "chat.completion.chunk"))
        yield "".join(told.begin(index) for index in range(len(wanted.decodings)))
        while len(told.answers) < len(wanted.decodings):
            found = await self._next()
            if not found:
                still = self._stall.told()
                yield told.progress(LoadStage(still, 0.0)) if still else WAITING
            said = []
            for index, event, visible in found:
                if isinstance(event, WbError):
                    yield "".join((*said, sse(error_json(event))))
                    return
                answered_by = self._tickets[index].answered_by
                said.append(told.event(index, event, visible, answered_by))
            yield "".join(said)
        if wanted.usage:
            yield sse(told.head | {"choices": [], "usage": usage(told.answers)})

    def _head(self, wanted: ChatRequest, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.id}",
            "object": kind,
            "created": int(time.time()),
            "model": wanted.spec.model,
        }
