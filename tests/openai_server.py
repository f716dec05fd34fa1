"""A stand-in OpenAI-compatible server on loopback, well or ill as it is told to be."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = "some/vlm"


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that closed its connection in the middle."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class OpenAIServer:
    """Answers `text(body)`, after doing to one request after the other what `script` says.

    Attributes:
        script: What is done to the next chat requests: `None` for nothing, a `Status`, or one of
            `hang`, `break`, `half`, `malformed`, `page`, `error`, or without an end: `on_and_on`,
            `long_line`, `heartbeats`, `drip`; `packed` is compressed twice.
        requests: `(path, headers, body)` of each request that came.
        most: So many chat requests were under way at once.
        released: Set to end those that hang.
        left: Set when the client of one that hangs has closed the connection.
    """

    def __init__(
        self, owner: str = "vllm", text: Callable[[dict], str] = lambda body: "Yes.", port: int = 0
    ) -> None:
        self.owner, self.text = owner, text
        self.script: list[Any] = []
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.most = self.now = 0
        self.released = threading.Event()
        self.left = threading.Event()
        self.gate: threading.Barrier | None = None
        self.lock = threading.Lock()
        self.listing: Any = None
        self.fingerprint = "fp-1"
        self.finish = "stop"

        server = self

        class Handler(_Handler):
            stand_in = server

        self._http = _Http(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self.model = f"openai:{self.url}#{NAME}"

    @property
    def chats(self) -> list[dict[str, Any]]:
        """The bodies of the chat requests."""
        return [body for path, _, body in self.requests if path.endswith("/chat/completions")]

    def __enter__(self) -> OpenAIServer:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()


class Status:
    """A refusal: a status, with headers and a body."""

    def __init__(self, status: int, message: str = "no", **headers: str) -> None:
        self.status, self.message = status, message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def __repr__(self) -> str:
        """The same in every process: tests are named by it."""
        return f"{self.status} {self.message}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: OpenAIServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        mine = self.stand_in
        mine.requests.append((self.path, dict(self.headers), None))
        if isinstance(mine.listing, Status):
            self._refuse(mine.listing)
            return
        entry = {"id": NAME, "object": "model", "owned_by": mine.owner, "root": "/weights/a"}
        self._send(200, json.dumps(mine.listing or {"object": "list", "data": [entry]}).encode())

    def do_POST(self) -> None:
        mine = self.stand_in
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with mine.lock:
            mine.requests.append((self.path, dict(self.headers), body))
            deed = mine.script.pop(0) if mine.script else None
            mine.now += 1
            mine.most = max(mine.most, mine.now)
        try:
            if mine.gate is not None:
                with contextlib.suppress(threading.BrokenBarrierError):
                    mine.gate.wait(10)
            self._do(deed, body)
        finally:
            with mine.lock:
                mine.now -= 1

    def _do(self, deed: Any, body: dict[str, Any]) -> None:
        if isinstance(deed, Status):
            self._refuse(deed)
        elif deed == "hang":
            while not self.stand_in.released.is_set():
                ready, _, _ = select.select([self.connection], [], [], 0.02)
                if ready and not self.connection.recv(1, socket.MSG_PEEK):
                    self.stand_in.left.set()
                    break
            self.close_connection = True
        elif deed == "page":
            self._send(200, b"<html>It works!</html>", "text/html")
        else:
            self._stream(deed, body)

    def _refuse(self, deed: Status) -> None:
        error = {"error": {"message": deed.message, "type": "x", "code": None}}
        self._send(deed.status, json.dumps(error).encode(), headers=deed.headers)

    def _send(
        self, status: int, data: bytes, kind: str = "application/json", headers: Any = None
    ) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, deed: Any, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        if deed == "packed":
            self.send_header("content-encoding", "gzip, gzip")
        self.end_headers()
        if deed in ("on_and_on", "long_line", "heartbeats", "drip"):
            self._without_end(deed, body)
            return
        words = self.stand_in.text(body).split(" ")
        pieces = [word if i == 0 else f" {word}" for i, word in enumerate(words)]
        self._event(self._chunk({"role": "assistant", "content": ""}))
        for number, piece in enumerate(pieces):
            if number == 1 and deed in ("break", "half", "malformed", "error"):
                break
            self._event(self._chunk({"content": piece}, body, piece))
        if deed == "break":
            self.close_connection = True
            self.connection.close()
            return
        if deed == "malformed":
            self._bytes(b"data: {oops\n\n")
        elif deed == "error":
            self._event({"error": {"message": "out of cheese", "code": 400}})
        elif deed != "half":
            self._event(
                self._chunk({}) | {"choices": [self._choice({}, finish=self.stand_in.finish)]}
            )
            usage = {"prompt_tokens": 11, "completion_tokens": len(pieces), "total_tokens": 0}
            self._event(self._chunk({}) | {"choices": [], "usage": usage})
            self._bytes(b": a comment\n\ndata: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _without_end(self, deed: str, body: dict[str, Any]) -> None:
        """Until the client has left, or the test is over."""
        pieces = {
            "on_and_on": f"data: {json.dumps(self._chunk({'content': ' on'}, body, ' on'))}\n\n",
            "long_line": "data: " + "x" * 65536,
            "heartbeats": ": still here\n\n",
            "drip": "x",
        }
        piece = pieces[deed].encode()
        pause = 0.02 if deed in ("heartbeats", "drip") else 0.0
        self.close_connection = True
        with contextlib.suppress(OSError):
            while not self.stand_in.released.wait(pause):
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.stand_in.left.set()

    def _chunk(self, delta: Any, body: Any = None, piece: str = "") -> dict[str, Any]:
        logprobs = None
        if piece and body and body.get("logprobs"):
            top = [{"token": piece, "logprob": -0.5}] * body["top_logprobs"]
            logprobs = {"content": [{"token": piece, "logprob": -0.5, "top_logprobs": top}]}
        return {
            "id": "x",
            "object": "chat.completion.chunk",
            "model": NAME,
            "system_fingerprint": self.stand_in.fingerprint,
            "choices": [self._choice(delta, logprobs)],
        }

    @staticmethod
    def _choice(delta: Any, logprobs: Any = None, finish: str | None = None) -> dict[str, Any]:
        return {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}

    def _event(self, body: dict[str, Any]) -> None:
        self._bytes(f"data: {json.dumps(body)}\n\n".encode())

    def _bytes(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
