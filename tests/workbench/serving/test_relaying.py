"""A stream that the gateway relays and whose client leaves at any moment leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from workbench.serving.gateway import _relayed


class Stream:
    """What the engine answers: one block, then it ends when it is told to."""

    def __init__(self) -> None:
        self.ends = asyncio.Event()

    async def aiter_raw(self):
        yield b"a block"
        await self.ends.wait()


async def test_a_client_that_leaves_as_the_stream_ends_leaves_no_exception_behind():
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
    stream = Stream()
    relayed = _relayed(stream, asyncio.Event())  # type: ignore[arg-type]
    assert await anext(relayed) == b"a block"
    client = asyncio.ensure_future(anext(relayed))
    for _ in range(3):
        await asyncio.sleep(0)  # until it waits for the next block
    stream.ends.set()
    client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client
    del client, relayed
    gc.collect()
    await asyncio.sleep(0)
    assert not complaints
