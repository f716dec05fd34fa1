"""HTTP to an OpenAI-compatible server: bounded, patient, cancellable; no meaning of its own.

Guarantee: so many requests at once and no more; 408, 429, 5xx and lost connections are tried
again, later each time and not before `Retry-After`, up to a limit; a redirect is never followed;
the key goes into one header and nowhere else, and is struck out of whatever a server says. What
has no end (a line, a body, an answer, a silence) is cut off. Used from any thread; the requests
run in one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.errors import UsageError
from workbench.models.remote_model import RemoteModel
from workbench.serving.remote import errors
from workbench.serving.remote.errors import RetryableError, failed, hide
from workbench.serving.remote.stream import (
    LONGEST_LINE,
    LONGEST_REFUSAL,
    StreamLimits,
    bounded,
    check_plain,
    chunks,
    says,
)

if TYPE_CHECKING:
    import httpx

MAX_AT_ONCE = 64
_ASK_S = 0.2  # how often `cancelled` is asked while nothing comes


@dataclass(frozen=True)
class RetryPolicy:
    """How long a server is waited for.

    Attributes:
        attempts: How often a request is sent at most.
        first_s: Before the second attempt; doubled each time, a random part of it added.
        longest_s: Between two attempts at most.
        asked_s: A `Retry-After` beyond this many seconds is a failure.
        silence_s: Without a byte for so long the connection counts as lost.
        connect_s: To connect.
        stall_s: Without a word of the answer for so long it counts as hung, whatever else comes.
    """

    attempts: int = 6
    first_s: float = 0.5
    longest_s: float = 30.0
    asked_s: float = 300.0
    silence_s: float = 300.0
    connect_s: float = 10.0
    stall_s: float = 1800.0

    def wait_s(self, attempt: int, asked: float | None) -> float:
        """Seconds before the attempt after this one (from 0)."""
        pause = min(self.longest_s, self.first_s * 2**attempt)
        # Half of it by chance: clients that were refused together must not come back together.
        return max(pause * (0.5 + random.random() / 2), asked or 0.0)


def retry_policy() -> RetryPolicy:
    """The usual one; `WB_REMOTE_SILENCE_S` says how long a silence is borne."""
    value = os.environ.get("WB_REMOTE_SILENCE_S", "")
    try:
        seconds = float(value) if value else 0.0
    except ValueError:
        seconds = 0.0
    return RetryPolicy(silence_s=seconds, stall_s=6 * seconds) if seconds > 0 else RetryPolicy()


def key() -> str:
    """The key: `WB_OPENAI_API_KEY` where it is set, if only to nothing, else `OPENAI_API_KEY`.

    Raises:
        UsageError: It cannot be sent. Its value is not said.
    """
    name = "WB_OPENAI_API_KEY" if "WB_OPENAI_API_KEY" in os.environ else "OPENAI_API_KEY"
    value = os.environ.get(name, "").strip()
    if not value.isascii() or not (value.isprintable() and " " not in value):
        raise UsageError(f"{name} holds what no key holds", hint="a newline or a letter too many?")
    return value


@dataclass(frozen=True)
class Restart:
    """What came so far is void: the request is sent again."""


@dataclass(frozen=True)
class RateLimited:
    """The server wants time.

    Attributes:
        why: In a few words.
        seconds: Until it is asked again.
    """

    why: str
    seconds: float


Event = dict[str, Any] | Restart | RateLimited | None


class HttpClient:
    """Connections to one server."""

    def __init__(self, there: RemoteModel, at_once: int, retry_policy: RetryPolicy) -> None:
        """Connect to nothing yet.

        Args:
            there: Where.
            at_once: Requests under way at the same time at most.
            retry_policy: How long it is waited for.
        """
        self.there = there
        self.retry_policy = retry_policy
        self._key = key()
        self._at_once = min(max(at_once, 1), MAX_AT_ONCE)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._http: httpx.AsyncClient | None = None
        self._places: asyncio.Semaphore | None = None

    # -- from any thread ---------------------------------------------------------------------

    def models(self, cancelled: Callable[[], bool]) -> Any:
        """`GET /models`, parsed; `None` where the server has no such list. Raises `WbError`."""
        for event in self._events("GET", "/models", None, cancelled, restart=True):
            if isinstance(event, dict):
                return event.get("body")
            if event is None:
                break
        return None

    def chat(
        self, body: dict[str, Any], cancelled: Callable[[], bool], *, restart: bool
    ) -> Iterator[Event]:
        """The events of a streamed completion; `None` last where `cancelled` said so.

        Args:
            body: The request.
            cancelled: Asked a few times a second.
            restart: Send it again, after a `Restart`, when it broke off half-way; otherwise only
                as long as nothing has come.

        Raises:
            WbError: It failed, or went on failing.
        """
        return self._events("POST", "/chat/completions", body, cancelled, restart=restart)

    def close(self) -> None:
        """Break off what is under way and drop the connections."""
        with self._lock:
            loop, self._loop, thread, self._thread = self._loop, None, self._thread, None
        if loop is None or thread is None:
            return

        async def leave() -> None:
            under_way = asyncio.all_tasks() - {asyncio.current_task()}
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
            await loop.shutdown_asyncgens()
            if self._http is not None:
                await self._http.aclose()
                self._http = None

        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(leave(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)

    def _events(
        self,
        verb: str,
        path: str,
        body: dict[str, Any] | None,
        cancelled: Callable[[], bool],
        *,
        restart: bool,
    ) -> Iterator[Event]:
        inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        work = self._work(verb, path, body, inbox.put, restart)
        task = asyncio.run_coroutine_threadsafe(work, self._running())
        try:
            while True:
                if cancelled():
                    yield None
                    return
                try:
                    event = inbox.get(timeout=_ASK_S)
                except queue.Empty:
                    continue
                if event is _END:
                    return
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            task.cancel()  # closes the connection, which frees the place at the other end

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="elsewhere", daemon=True
                )
                self._thread.start()
                self._places = asyncio.Semaphore(self._at_once)
            return self._loop

    # -- in the loop -------------------------------------------------------------------------

    async def _work(
        self, verb: str, path: str, body: Any, tell: Callable[[Any], None], restart: bool
    ) -> None:
        try:
            await self._persist(verb, path, body, tell, restart)
            tell(_END)
        except WbError as error:
            tell(error)
        except Exception as error:
            tell(WbError(hide(f"{type(error).__name__}: {error}"[:300], self._key), kind="crash"))

    async def _persist(
        self, verb: str, path: str, body: Any, tell: Callable[[Any], None], restart: bool
    ) -> None:
        assert self._places is not None
        for attempt in range(self.retry_policy.attempts):
            came = seen = False
            try:
                async with self._places:
                    async for event in self._once(verb, path, body):
                        came, seen = True, seen or says(event)
                        tell(event)
                return
            except RetryableError as again:
                seconds = self.retry_policy.wait_s(attempt, again.after_s)
                last = attempt + 1 >= self.retry_policy.attempts
                if last or (seen and not restart) or seconds > self.retry_policy.asked_s:
                    raise again.final(attempt + 1, seconds) from again
                if came:
                    tell(Restart())
                tell(RateLimited(again.why, seconds))
            await asyncio.sleep(seconds)

    async def _once(self, verb: str, path: str, body: Any) -> AsyncIterator[dict[str, Any]]:
        import httpx

        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        waiting = self.retry_policy.stall_s
        try:
            async with contextlib.AsyncExitStack() as stack:
                async with asyncio.timeout(waiting):  # headers can drip as bodies can
                    response = await stack.enter_async_context(
                        self._client().stream(
                            verb, self.there.url + path, json=body, headers=headers
                        )
                    )
                if response.status_code != 200:
                    waiting = self.retry_policy.silence_s
                    text = await self._whole(response, LONGEST_REFUSAL)
                    raise failed(
                        self.there, response.status_code, response.headers, text, self._key
                    )
                if verb == "GET":
                    waiting = self.retry_policy.silence_s
                    text = await self._whole(response, LONGEST_LINE)
                    yield {"body": errors.parsed(self.there, text)}
                    return
                budget = StreamLimits(self.there, _most_tokens(body), self.retry_policy.stall_s)
                async for event in chunks(response, self.there, self._key, budget):
                    yield event
        except TimeoutError as error:
            raise errors.silent(self.there, error, waiting) from None
        except httpx.TimeoutException as error:
            raise errors.silent(self.there, error, self.retry_policy.silence_s) from None
        except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
            raise errors.lost(self.there, error, self._key) from None

    async def _whole(self, response: httpx.Response, limit: int) -> bytes:
        """A short body, which has the time of one silence to come whole."""
        check_plain(self.there, response.headers)
        async with asyncio.timeout(self.retry_policy.silence_s):
            return await bounded(response, limit)

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            import httpx

            from sessions.version import wb_version

            self._http = httpx.AsyncClient(
                # A redirect could lead the key and the images to another host.
                follow_redirects=False,
                timeout=httpx.Timeout(
                    self.retry_policy.silence_s, connect=self.retry_policy.connect_s, pool=None
                ),
                limits=httpx.Limits(max_connections=MAX_AT_ONCE, max_keepalive_connections=16),
                headers={
                    "user-agent": f"vlm-workbench/{wb_version()}",
                    "accept-encoding": "identity",
                },
                # A proxy of the environment is for hosts beyond this one.
                trust_env=not self.there.is_loopback,
            )
        return self._http


def _most_tokens(body: Any) -> int | None:
    """The bound that a request asks for, by either of its names."""
    for name in ("max_tokens", "max_completion_tokens"):
        if isinstance(body, dict) and isinstance(body.get(name), int):
            return body[name]
    return None


_END = object()
