"""`wb engine serve` in a thread of the test: the same front, without the price of a process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

TOKEN = "a-token-of-the-tests-0123456789"


@contextlib.contextmanager
def fronted(token: str = TOKEN) -> Iterator[str]:
    """A front on a free port; gives its base URL."""
    from workbench.serving import gateway
    from workbench.serving.loopback import listen, url_of

    listener = listen("127.0.0.1", 0)
    url = url_of(listener)
    ready = threading.Event()
    leave = []

    def on_ready(stop) -> None:
        leave.append(stop)
        ready.set()

    thread = threading.Thread(
        target=lambda: asyncio.run(gateway.serve(listener, token, on_ready)), daemon=True
    )
    thread.start()
    assert ready.wait(20)
    try:
        yield url
    finally:
        leave[0]()
        thread.join(20)
        assert not thread.is_alive()
