"""The bytes of a server's response, cut into chunks; what has no end is cut off.

Guarantee: never more than `LONGEST_LINE` bytes are held, and what is compressed is not read at
all; a stream ends with its reason when it goes on past the tokens that were asked for, past
`LONGEST_STREAM` bytes, or gives nothing but signs of life for too long. One without a finish
reason is not taken for an answer. Not for what a chunk means: that is `remote_body`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.models.remote_model import RemoteModel
from workbench.serving.remote.errors import (
    check_stream,
    event_of,
    half,
    malformed,
    overlong,
    stalled,
    too_long,
)

if TYPE_CHECKING:
    import httpx

LONGEST_LINE = 16 * 1024 * 1024
LONGEST_STREAM = 256 * 1024 * 1024
LONGEST_REFUSAL = 64 * 1024


@dataclass
class StreamLimits:
    """What one stream may cost; it is told what comes, and raises where that is too much.

    Attributes:
        there: Whose stream it is.
        tokens: New tokens that were asked for; `None` where no bound was sent.
        stall_s: Seconds without a word of the answer, however much else comes.
    """

    there: RemoteModel
    tokens: int | None
    stall_s: float
    _bytes: int = 0
    _tokens: int = 0
    _pieces: int = 0
    _last: float = field(default_factory=time.monotonic)

    def received(self, count: int) -> None:
        """So many bytes came. Raises `WbError`."""
        self._bytes += count
        if self._bytes > LONGEST_STREAM:
            raise too_long(LONGEST_STREAM, "an answer")
        if time.monotonic() - self._last > self.stall_s:
            raise stalled(self.there, self.stall_s)

    def said(self, event: Mapping[str, Any]) -> None:
        """A chunk came. Raises `WbError`."""
        if event.get("wb"):  # an engine of ours tells how far a load is
            self._last = time.monotonic()
        if not says(event):
            return
        self._last = time.monotonic()
        logprobs = _first(event).get("logprobs")
        entries = logprobs.get("content") if isinstance(logprobs, dict) else None
        self._tokens += len(entries) if isinstance(entries, list) else 0
        self._pieces += 1
        # A piece is a token or more, but behind some proxies a letter; a few tokens too many are
        # how some servers count.
        if self.tokens is not None and (
            self._tokens > self.tokens + 16 or self._pieces > 4 * self.tokens + 256
        ):
            raise overlong(self.there, self.tokens, max(self._tokens, self._pieces))


async def chunks(
    response: httpx.Response, there: RemoteModel, key: str, budget: StreamLimits
) -> AsyncIterator[dict[str, Any]]:
    """The chunks of a stream up to its end, which is one only after a finish reason.

    Args:
        response: Opened, its body unread.
        there: Whose it is.
        key: Struck out of what the server says of errors.
        budget: What it may cost.

    Raises:
        WbError: It says an error, is no stream of chunks, or exceeds its budget.
        Again: It broke off.
    """
    check_stream(there, response.headers)
    finished = False
    check_plain(there, response.headers)
    async for line in _lines(response, budget):
        event = event_of(there, line, key)
        if event == {}:
            break
        if event is not None:
            budget.said(event)
            finished = finished or bool(_first(event).get("finish_reason"))
            yield event
    if not finished:
        raise half(there)


def check_plain(there: RemoteModel, headers: Mapping[str, str]) -> None:
    """Raise `ModelError` for a compressed body: it has no size until it is read."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise malformed(there, f"a body compressed as {encoding!r}, which was not asked for")


def says(event: Mapping[str, Any]) -> bool:
    """Whether there is something in a chunk that somebody may have seen."""
    first = _first(event)
    delta = first.get("delta")
    return bool(first.get("logprobs")) or bool(isinstance(delta, dict) and delta.get("content"))


def _first(event: Mapping[str, Any]) -> dict[str, Any]:
    choices = event.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


async def bounded(response: httpx.Response, limit: int) -> bytes:
    """A body, or its first `limit` bytes."""
    body = bytearray()
    async for block in response.aiter_raw():
        body += block
        if len(body) > limit:
            break
    return bytes(body[:limit])


async def _lines(response: httpx.Response, budget: StreamLimits) -> AsyncIterator[bytes]:
    """Lines as they come, none beyond the bound."""
    rest = bytearray()
    async for block in response.aiter_raw():
        budget.received(len(block))
        rest += block
        if b"\n" in block:
            *lines, last = rest.split(b"\n")
            for line in lines:
                yield bytes(line).rstrip(b"\r")
            rest = bytearray(last)
        if len(rest) > LONGEST_LINE:
            raise too_long(LONGEST_LINE)
    if rest:
        yield bytes(rest)
