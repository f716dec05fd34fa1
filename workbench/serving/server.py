"""The engine's HTTP side: OpenAI's chat completions and our own calls, on a private Unix socket.

Guarantee: one engine per user and home; bodies are bounded; a client that goes away stops its
generation within one token; errors have OpenAI's form with our `kind` and `hint` beside it. The
event loop never touches a model: `worker` does. Run as `python -P -m workbench.serving.server`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sessions.environment import versions
from sessions.errors import WbError
from sessions.version import wb_version
from workbench.errors import UnknownName, UsageError
from workbench.models.spec import ModelSpec
from workbench.serving import process
from workbench.serving.engine_request import EngineRequest
from workbench.serving.protocol import (
    OWNER,
    PROTOCOL,
    read_adapters,
    read_chat,
    read_images,
    read_messages,
)
from workbench.serving.request_handler import RequestHandler, Stall, error_response, read_body
from workbench.serving.worker import Worker

Handler = Callable[[Request], Awaitable[Response]]


class EngineRoutes:
    """The routes, and the state that they share."""

    def __init__(self, worker: Worker, idle_s: float, leave: Callable[[], None]) -> None:
        self.worker = worker
        self.idle_s = idle_s
        self.stall_s = float(os.environ.get("WB_ENGINE_STALL_S") or process.DEFAULT_STALL_S)
        self.leave = leave
        self.tickets: dict[str, list[EngineRequest]] = {}
        self.started = time.time()

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            ("/v1/chat/completions", self.chat, "POST"),
            ("/v1/models", self.models, "GET"),
            ("/v1/models/{id:path}", self.one_model, "GET"),
            ("/wb/status", self.status, "GET"),
            ("/wb/load", self.load, "POST"),
            ("/wb/release", self.release, "POST"),
            ("/wb/explain", self.explain, "POST"),
            ("/wb/features", self.features, "POST"),
            ("/wb/cancel/{id}", self.cancel, "POST"),
            ("/wb/stop", self.stop, "POST"),
        ]
        return Starlette(
            routes=[Route(path, _guarded(call), methods=[verb]) for path, call, verb in routes]
        )

    def submit(self, tickets: list[EngineRequest]) -> None:
        """Queue the tickets of one exchange under its id, until they are answered."""
        self.tickets[tickets[0].id] = tickets
        for ticket in tickets:
            self.worker.submit(ticket)

    def exchange(self, request: Request) -> RequestHandler:
        """A new exchange, forgotten when it ends."""
        stall = Stall(self.worker.at, self.stall_s)
        return RequestHandler(
            request, self.submit, lambda ident: self.tickets.pop(ident, None), stall
        )

    async def chat(self, request: Request) -> Response:
        """`POST /v1/chat/completions`."""
        wanted = read_chat(await read_body(request))
        return await self.exchange(request).chat(wanted)

    async def load(self, request: Request) -> Response:
        """`POST /wb/load`: `{"spec", "adapters"}`; progress as events, then the model."""
        body = await read_body(request)
        wishes = {"adapters": read_adapters(body.get("adapters"))}
        return await self.exchange(request).call("load", spec=_spec(body), body=wishes)

    async def release(self, request: Request) -> Response:
        """`POST /wb/release`: give the memory of the model back."""
        return await self.exchange(request).call("release")

    async def explain(self, request: Request) -> Response:
        """`POST /wb/explain`: `{"spec", "messages", "answer_text", "token", ...}`."""
        body = await read_body(request)
        spec = _spec(body)
        messages = read_messages(body.pop("messages", None))
        rest = {k: v for k, v in body.items() if k not in ("spec", "stream")}
        return await self.exchange(request).call("explain", spec=spec, messages=messages, body=rest)

    async def features(self, request: Request) -> Response:
        """`POST /wb/features`: `{"spec", "images"}`; the vision tower's mean for each picture."""
        body = await read_body(request)
        wish = {"images": read_images(body.get("images"))}
        return await self.exchange(request).call("features", spec=_spec(body), body=wish)

    async def cancel(self, request: Request) -> Response:
        """`POST /wb/cancel/{id}`: whether there was such a request."""
        tickets = self.tickets.get(request.path_params["id"], [])
        for ticket in tickets:
            ticket.cancelled.set()
        return JSONResponse({"cancelled": bool(tickets)})

    async def models(self, request: Request) -> Response:
        """`GET /v1/models`: `demo`, what is loaded, and what the hub's cache holds."""
        return JSONResponse({"object": "list", "data": await self._models()})

    async def one_model(self, request: Request) -> Response:
        """`GET /v1/models/{id}`. Raises `UnknownName`."""
        wanted = request.path_params["id"]
        for model in await self._models():
            if model["id"] == wanted:
                return JSONResponse(model)
        raise UnknownName(f"there is no model {wanted!r}", hint="see: GET /v1/models")

    async def _models(self) -> list[dict[str, Any]]:
        from workbench.models.catalog import list_models

        names = [info.name for info in await asyncio.to_thread(list_models)]
        loaded = self.worker.status()["model"]
        if loaded and loaded["model"] not in names:
            names.insert(0, loaded["model"])
        return [
            {"id": name, "object": "model", "created": int(self.started), "owned_by": OWNER}
            for name in names
        ]

    async def status(self, request: Request) -> Response:
        """`GET /wb/status`."""
        idle = time.monotonic() - self.worker.last_active
        return JSONResponse(
            {
                "pid": os.getpid(),
                "protocol": PROTOCOL,
                "version": wb_version(),
                "versions": versions(),
                "uptime_s": time.time() - self.started,
                "idle_s": 0.0 if self.worker.busy else idle,
                "leaves_after_s": self.idle_s,
                "process_bytes": _resident(),
                **self.worker.status(),
            }
        )

    async def stop(self, request: Request) -> Response:
        """`POST /wb/stop`: end what runs, then leave."""
        asyncio.get_running_loop().call_soon(self.shut_down)
        return JSONResponse({"stopping": True, "pid": os.getpid()})

    def shut_down(self) -> None:
        """Cancel everything and leave."""
        for tickets in list(self.tickets.values()):
            for ticket in tickets:
                ticket.cancelled.set()
        self.worker.stop()
        self.leave()

    async def watch_idle(self) -> None:
        """Leave when nothing was asked for a while; 0 means never."""
        while self.idle_s > 0:
            await asyncio.sleep(min(5.0, self.idle_s / 4))
            quiet = time.monotonic() - self.worker.last_active
            if not self.worker.busy and not self.tickets and quiet > self.idle_s:
                print(f"leaving after {quiet:.0f} idle seconds", flush=True)  # noqa: T201
                self.shut_down()
                return


def _spec(body: dict[str, Any]) -> ModelSpec:
    spec = body.get("spec") or {}
    if not isinstance(spec, dict):
        raise UsageError("spec wants an object", kind="bad_request")
    return ModelSpec.from_json(spec)


def _guarded(handler: Handler) -> Handler:
    async def call(request: Request) -> Response:
        try:
            return await handler(request)
        except WbError as error:
            return error_response(error)

    return call


def _resident() -> int | None:
    """Bytes of memory that the process holds, where the system tells."""
    try:
        with open("/proc/self/statm", encoding="ascii") as stream:  # noqa: PTH123
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


async def serve(idle_minutes: float) -> None:
    """Listen until told to leave; call it with the lock held."""
    import uvicorn

    # No access log and no names of requests: prompts are the user's own.
    config = uvicorn.Config(
        app=lambda: None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        http="h11",
        loop="asyncio",
        timeout_graceful_shutdown=3,
        timeout_keep_alive=60,
    )

    class EngineServer(uvicorn.Server):
        def handle_exit(self, sig: int, frame: object) -> None:
            # uvicorn's own way would wait for streams that have no end; ours cancels them first.
            loop.call_soon_threadsafe(engine.shut_down)

    server = EngineServer(config)
    loop = asyncio.get_running_loop()
    worker = Worker(lambda: loop.call_soon_threadsafe(engine.shut_down))
    engine = EngineRoutes(worker, idle_minutes * 60, lambda: setattr(server, "should_exit", True))
    config.app = engine.app()
    worker.start()
    watcher = asyncio.create_task(engine.watch_idle())
    listener = process.bind_socket()
    print(f"engine {os.getpid()} listens, wb {wb_version()}", flush=True)  # noqa: T201
    try:
        await server.serve(sockets=[listener])
    finally:
        watcher.cancel()
        process.socket_path().unlink(missing_ok=True)


def main(argv: list[str] | None = None) -> None:
    """Entry point of the engine's process."""
    parser = argparse.ArgumentParser(prog="workbench.serving.server", description=__doc__)
    parser.add_argument("--idle-minutes", type=float, default=None)
    args = parser.parse_args(argv)
    idle = args.idle_minutes
    if idle is None:
        idle = float(os.environ.get("WB_ENGINE_IDLE_MINUTES") or process.DEFAULT_IDLE_MINUTES)
    if process.take_lock() is None:
        print("another engine is running", flush=True)  # noqa: T201
        sys.exit(0)
    asyncio.run(serve(idle))
    sys.stdout.flush()
    # The model's thread may be inside a long kernel; nothing is left that it could lose.
    os._exit(0)


if __name__ == "__main__":
    main()
