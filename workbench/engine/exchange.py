"""One request and its answer over HTTP: body in, JSON or server-sent events out.

Guarantee: however an exchange ends (answered, failed, the client gone) its tickets are cancelled
and forgotten. A stream says something at least once a second, so that a silent engine is a dead
one.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sessions.errors import WbError
from sessions.ids import new_id
from workbench.engine.protocol import MAX_BODY, ChatRequest, answer_json, token_json
from workbench.engine.worker import Event, Progress, Result, Ticket
from workbench.errors import (
    Cancelled,
    EngineError,
    ImageError,
    PromptTooLong,
    UnknownName,
    UsageError,
)
from workbench.sample import Answer, Token

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
_WAITING = ": waiting\n\n"


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


def _sse(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


class Exchange:
    """One client's request on its way through the worker."""

    def __init__(
        self,
        request: Request,
        submit: Callable[[list[Ticket]], None],
        forget: Callable[[str], object],
    ) -> None:
        """Begin an exchange.

        Args:
            request: What came in.
            submit: Queues its tickets.
            forget: Called with its id when it is over.
        """
        self.id = request.headers.get("x-wb-request") or new_id()
        self._request = request
        self._submit = submit
        self._forget = forget
        self._events: asyncio.Queue[tuple[int, Event, str]] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._tickets: list[Ticket] = []

    def _emit(self, index: int) -> Callable[[Event, str], None]:
        def emit(event: Event, visible: str) -> None:
            # The loop may be closed when the engine leaves; then nobody is there to be told.
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._events.put_nowait, (index, event, visible))

        return emit

    def _start(self, tickets: list[Ticket]) -> None:
        self._tickets = tickets
        self._submit(tickets)

    def _end(self) -> None:
        for ticket in self._tickets:
            ticket.cancelled.set()
        self._forget(self.id)

    async def _next(self) -> tuple[int, Event, str] | None:
        """The next event, or `None` after a heartbeat's time without one."""
        try:
            return await asyncio.wait_for(self._events.get(), HEARTBEAT_S)
        except TimeoutError:
            return None

    async def _until_gone(self) -> tuple[int, Event, str]:
        """The next event. Raises `Cancelled` where the client has gone."""
        while True:
            found = await self._next()
            # Asked with every token, not in the pauses alone: a busy model makes none.
            if await self._request.is_disconnected():
                raise Cancelled("the client has gone")
            if found is not None:
                return found

    # -- our own calls -----------------------------------------------------------------------

    async def call(self, kind: str, **ticket: Any) -> Response:
        """Load, explain or release: progress as events, then the result; always a stream."""
        self._start([Ticket(id=self.id, kind=kind, emit=self._emit(0), **ticket)])
        return self._streaming(self._call_events())

    async def _call_events(self) -> AsyncIterator[str]:
        while True:
            found = await self._next()
            if found is None:
                yield _WAITING
                continue
            event = found[1]
            if isinstance(event, Progress):
                yield _sse({"progress": {"stage": event.stage, "share": event.share}})
            elif isinstance(event, Result):
                yield _sse({"result": event.body})
                return
            elif isinstance(event, WbError):
                yield _sse(error_json(event))
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
                Ticket(
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
            index, event, _ = await self._until_gone()
            if isinstance(event, WbError):
                raise event
            if isinstance(event, Answer):
                answers[index] = event
        choices = [_choice(index, answers[index], wanted) for index in sorted(answers)]
        return self._head(wanted, "chat.completion") | {
            "system_fingerprint": self._fingerprint(),
            "choices": choices,
            "usage": _usage(list(answers.values())),
        }

    async def _chat_events(self, wanted: ChatRequest) -> AsyncIterator[str]:
        head = self._head(wanted, "chat.completion.chunk")
        shown = dict.fromkeys(range(len(wanted.decodings)), "")
        answers: list[Answer] = []

        def chunk(index: int, delta: dict[str, Any], **more: Any) -> dict[str, Any]:
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
            return head | {"choices": [choice | more]}

        for index in shown:
            yield _sse(chunk(index, {"role": "assistant", "content": ""}))
        while len(answers) < len(shown):
            found = await self._next()
            if found is None:
                yield _WAITING
                continue
            index, event, visible = found
            if isinstance(event, WbError):
                yield _sse(error_json(event))
                return
            if isinstance(event, Progress):
                told = {"progress": {"stage": event.stage, "share": event.share}}
                # Other clients look into `choices[0]` of whatever comes.
                yield _sse(head | {"choices": [], "wb": told}) if wanted.progress else _WAITING
            elif isinstance(event, Token):
                entry = {"content": [token_json(event)]} if wanted.logprobs else None
                text, shown[index] = visible[len(shown[index]) :], visible
                yield _sse(chunk(index, {"content": text}, logprobs=entry))
            elif isinstance(event, Answer):
                answers.append(event)
                rest = event.text[len(shown[index]) :]
                more: dict[str, Any] = {"finish_reason": _finish(event)}
                if wanted.logprobs and wanted.decodings[index].num_beams > 1:
                    more["logprobs"] = {"content": [token_json(t) for t in event.tokens]}
                last = chunk(index, {"content": rest} if rest else {}, **more)
                last |= {"system_fingerprint": self._fingerprint()}
                yield _sse(last | {"wb": {"answer": answer_json(event), "index": index}})
        if wanted.usage:
            yield _sse(head | {"choices": [], "usage": _usage(answers)})

    def _fingerprint(self) -> str | None:
        """Which weights answered, as OpenAI's protocol says it; `None` before they have."""
        identity = next((t.identity for t in self._tickets if t.identity), "")
        return f"wb-{identity[:16]}" if identity else None

    def _head(self, wanted: ChatRequest, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.id}",
            "object": kind,
            "created": int(time.time()),
            "model": wanted.spec.model,
        }


def _choice(index: int, answer: Answer, wanted: ChatRequest) -> dict[str, Any]:
    return {
        "index": index,
        "message": {"role": "assistant", "content": answer.text, "refusal": None},
        "logprobs": {"content": [token_json(t) for t in answer.tokens]}
        if wanted.logprobs
        else None,
        "finish_reason": _finish(answer),
        "wb": answer_json(answer),
    }


def _finish(answer: Answer) -> str:
    # OpenAI has no word for an answer that its own client broke off.
    return answer.finish_reason if answer.finish_reason in ("stop", "length") else "stop"


def _usage(answers: list[Answer]) -> dict[str, int]:
    prompt = answers[0].prompt_tokens if answers else 0
    new = sum(len(answer.tokens) for answer in answers)
    return {"prompt_tokens": prompt, "completion_tokens": new, "total_tokens": prompt + new}
