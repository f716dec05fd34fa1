"""The bytes of a server's response, cut into chunks; what has no end is cut off.

Guarantee: never more than `LONGEST_LINE` bytes are held; a stream without a finish reason is not
taken for an answer. Not for what a chunk means: that is `remote_body`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from workbench.engine.remote_errors import check_stream, event_of, half, too_long
from workbench.models.elsewhere import Elsewhere

if TYPE_CHECKING:
    import httpx

LONGEST_LINE = 16 * 1024 * 1024
LONGEST_REFUSAL = 64 * 1024


async def chunks(
    response: httpx.Response, there: Elsewhere, key: str
) -> AsyncIterator[dict[str, Any]]:
    """The chunks of a stream up to its end, which is one only after a finish reason.

    Args:
        response: Opened, its body unread.
        there: Whose it is.
        key: Struck out of what the server says of errors.

    Raises:
        WbError: It says an error, or is no stream of chunks.
        Again: It broke off.
    """
    check_stream(there, response.headers)
    finished = False
    async for line in _lines(response):
        event = event_of(there, line, key)
        if event == {}:
            break
        if event is not None:
            finished = finished or bool(_first(event).get("finish_reason"))
            yield event
    if not finished:
        raise half(there)


def says(event: dict[str, Any]) -> bool:
    """Whether there is something in a chunk that somebody may have seen."""
    first = _first(event)
    delta = first.get("delta")
    return bool(first.get("logprobs")) or bool(isinstance(delta, dict) and delta.get("content"))


def _first(event: dict[str, Any]) -> dict[str, Any]:
    choices = event.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


async def bounded(response: httpx.Response, limit: int) -> bytes:
    """A body, or its first `limit` bytes."""
    body = bytearray()
    async for block in response.aiter_bytes():
        body += block
        if len(body) > limit:
            break
    return bytes(body[:limit])


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """Lines as they come, none beyond the bound."""
    rest = bytearray()
    async for block in response.aiter_bytes():
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
