"""The engine's OpenAI protocol on loopback TCP, for clients that know no Unix socket.

Guarantee: torch-free, and no model is held here: requests go on to the one engine process, which
is started again where it left. Nothing is answered without the token (compared in constant time)
nor under a `Host` that is not this machine's loopback. What is handed on goes to a path of
`_HANDED_ON`: a client's own is compared as it came, and never becomes a part of one of ours. No
header lets a page of another origin read an answer. Neither token nor prompts are written down.
Run by `wb engine serve`.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import socket
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sessions.errors import WbError
from workbench.errors import Cancelled, EngineError, UnknownName
from workbench.serving import process
from workbench.serving.request_handler import error_json, error_response, read_bytes

if TYPE_CHECKING:
    import httpx

MAX_AT_ONCE = 256  # connections; more are told to come again (503)
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_HANDED_ON = ("/v1/chat/completions", "/v1/models")  # the engine's paths, all there are
_ONE_MODEL = "/v1/models/"
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::\d{1,5})?")
_PASSED_ON = ("content-type", "x-wb-request", "x-should-retry")

Scope = MutableMapping[str, Any]


class Gateway:
    """The ASGI application: checks who asks, then hands on to the engine."""

    def __init__(self, token: str, host: str = "127.0.0.1") -> None:
        """Hold the token and nothing else.

        Args:
            token: What a client must say.
            host: The address that is listened on, which a client may call us by.
        """
        self._token = token.encode()
        self._hosts = {*_LOOPBACK_NAMES, host.lower()}
        self._socket = str(process.socket_path())
        self._http: httpx.AsyncClient | None = None
        self._starting = asyncio.Lock()
        self.closing = asyncio.Event()  # set it, and what is under way ends with an error
        self._app = Starlette(
            routes=[
                Route(_HANDED_ON[0], self._chat, methods=["POST"]),
                Route(_HANDED_ON[1], self._models, methods=["GET"]),
                Route(_ONE_MODEL + "{id:path}", self._model, methods=["GET"]),
            ],
            exception_handlers={HTTPException: _no_such_place, WbError: _refused},
        )

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """One request: refused before a byte of its body is read, or handed on."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(Request(scope))
        if refusal is None and not _is_served(scope):
            refusal = _unknown(scope["method"], _raw_path(scope))
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        hosts = request.headers.getlist("host")
        # A page that got its name to point to 127.0.0.1 (DNS rebinding) still says its own name.
        if not hosts or any(_bare(host) not in self._hosts for host in hosts):
            return _error(403, "bad_host", f"the Host {', '.join(hosts)[:80]!r} is not served here")
        said = request.headers.getlist("authorization")
        scheme, _, token = (said[0] if len(said) == 1 else "").partition(" ")
        known = hmac.compare_digest(token.strip().encode(), self._token)
        if scheme.lower() == "bearer" and known:
            return None
        refused = _error(
            401, "invalid_api_key", "the token is missing or wrong: Authorization: Bearer TOKEN"
        )
        refused.headers["www-authenticate"] = "Bearer"
        return refused

    # -- what is handed on ---------------------------------------------------------------------

    async def _chat(self, request: Request) -> Response:
        return await self._hand_on(request, _HANDED_ON[0])

    async def _models(self, request: Request) -> Response:
        return await self._hand_on(request, _HANDED_ON[1])

    async def _model(self, request: Request) -> Response:
        """One of the list, by its name: the name becomes no path of the engine's."""
        wanted, listed = request.path_params["id"], await self._models(request)
        if listed.status_code != 200:
            return listed
        for model in json.loads(bytes(listed.body))["data"]:
            if model["id"] == wanted:
                return JSONResponse(model)
        raise UnknownName(f"there is no model {wanted[:80]!r}", hint="see: GET /v1/models")

    async def _hand_on(self, request: Request, path: str) -> Response:
        answer = await self._answer(request, path, await read_bytes(request))
        headers = {k: v for k, v in answer.headers.items() if k in _PASSED_ON}
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return _Relay(answer, headers, self.closing)
        try:
            return Response(await answer.aread(), answer.status_code, headers)
        except Exception as error:
            raise _died() from error
        finally:
            await answer.aclose()

    async def _answer(self, request: Request, path: str, body: bytes) -> httpx.Response:
        """As `_sent`, from an engine that is started where none listens."""
        with suppress(_Gone):
            return await self._sent(request, path, body)
        # It left when it was idle, or died; what was not sent can be sent again.
        async with self._starting:
            await asyncio.to_thread(_bring_up)
        try:
            return await self._sent(request, path, body)
        except _Gone:
            raise _died() from None

    async def _sent(self, request: Request, path: str, body: bytes) -> httpx.Response:
        """The engine's response, its body unread. Raises `Cancelled` where the client has gone."""
        import httpx

        headers = {"content-type": request.headers.get("content-type", "application/json")}
        upstream = self._client().build_request(
            request.method, path, content=body or None, headers=headers
        )
        sending = asyncio.ensure_future(self._client().send(upstream, stream=True))
        leaving = asyncio.ensure_future(_until_gone(request))
        closing = asyncio.ensure_future(self.closing.wait())
        try:
            await asyncio.wait({sending, leaving, closing}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise _ending() if closing.done() else Cancelled("the client has gone")
            return sending.result()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Gone from error
        except httpx.TransportError as error:
            raise _died() from error
        finally:
            # A request that is broken off here closes its connection, which cancels it there.
            for task in (sending, leaving, closing):
                if not task.done():
                    task.cancel()
                    with suppress(asyncio.CancelledError, Exception):
                        await task

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            import httpx

            self._http = httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(
                    uds=self._socket,
                    # None is kept: on an old connection "not sent" and "not answered" look alike.
                    limits=httpx.Limits(
                        max_connections=MAX_AT_ONCE + 1, max_keepalive_connections=0
                    ),
                ),
                base_url="http://engine",
                timeout=httpx.Timeout(None, connect=5.0),
                trust_env=False,
            )
        return self._http


class _Gone(Exception):
    """Nobody listens on the engine's socket; nothing was sent."""


class _Relay(StreamingResponse):
    """The engine's events as they come; closed at both ends however it ends."""

    def __init__(
        self, answer: httpx.Response, headers: dict[str, str], closing: asyncio.Event
    ) -> None:
        super().__init__(_relayed(answer, closing), answer.status_code, headers)
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._answer.aclose()


async def _relayed(answer: httpx.Response, closing: asyncio.Event) -> AsyncIterator[bytes]:
    import httpx

    blocks = aiter(answer.aiter_raw())
    over = asyncio.ensure_future(closing.wait())
    block: asyncio.Future[bytes] | None = None
    try:
        while True:
            block = asyncio.ensure_future(anext(blocks))
            await asyncio.wait({block, over}, return_when=asyncio.FIRST_COMPLETED)
            if not block.done():
                yield _event(_ending())
                return
            yield block.result()
    except StopAsyncIteration:
        return
    except (httpx.TransportError, httpx.StreamError):
        yield _event(_died())
    finally:
        for task in (over, block):
            if task is not None:
                task.cancel()
                # Also of one that ended as the client left: nobody else takes its exception.
                with suppress(asyncio.CancelledError, Exception):
                    await task


def _event(error: WbError) -> bytes:
    return f"data: {json.dumps(error_json(error))}\n\n".encode()


def _ending() -> EngineError:
    return EngineError("`wb engine serve` is ending", hint="the engine stays", kind="stopping")


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _bring_up() -> None:
    from workbench.serving.client import Engine

    Engine.connect(start=True).close()


def _died() -> EngineError:
    return EngineError(
        "the engine is gone; the next request starts it again",
        hint="see: wb engine log",
        kind="engine_died",
    )


def _bare(host: str) -> str:
    """A `Host` without its port and brackets; empty where it is none."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]).lower() if found else ""


def _error(status: int, code: str, message: str) -> JSONResponse:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status)


def _raw_path(scope: Scope) -> str:
    """The target as it came, nothing decoded and no dots resolved."""
    return bytes(scope["raw_path"]).decode("ascii", "replace")


def _is_served(scope: Scope) -> bool:
    path = _raw_path(scope)
    return path in _HANDED_ON or path.startswith(_ONE_MODEL)


def _unknown(method: str, path: str, status: int = 404) -> JSONResponse:
    return _error(status, "unknown_url", f"{method} {path[:80]!r} is not served here")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, WbError)
    return error_response(error)


async def _no_such_place(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _unknown(request.method, _raw_path(request.scope), error.status_code)


async def serve(
    listener: socket.socket, token: str, on_ready: Callable[[Callable[[], None]], None]
) -> None:
    """Serve until SIGINT, SIGTERM or being told.

    Args:
        listener: From `loopback.listen`; closed at the end.
        token: What clients must say.
        on_ready: Called when requests are answered, with a function that ends it.
    """
    import uvicorn

    front, loop = Gateway(token, listener.getsockname()[0]), asyncio.get_running_loop()
    config = uvicorn.Config(
        app=front,
        # No access log: prompts, names and tokens are the user's own.
        log_level="warning",
        access_log=False,
        lifespan="off",
        http="h11",
        ws="none",
        loop="asyncio",
        limit_concurrency=MAX_AT_ONCE,
        timeout_graceful_shutdown=1,
        server_header=False,
        proxy_headers=False,
    )

    class GatewayServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_ready(self.leave)

        def leave(self) -> None:
            self.should_exit = True
            # It would wait for streams that have no end.
            loop.call_soon_threadsafe(front.closing.set)

        def handle_exit(self, sig: int, frame: object) -> None:
            self.leave()  # uvicorn's own way raises the signal again when all is done

    await GatewayServer(config).serve(sockets=[listener])
