"""A Hugging Face hub on loopback, for tests and benchmarks: repositories, and every way to fail.

It answers as the real one does where clients can tell: repository info and trees in pages under
`/api/{models,datasets}/`, `resolve` with `X-Repo-Commit` and `ETag`, a redirect with
`X-Linked-Size` and `X-Linked-Etag` to signed URLs on a second host for large files, ranges,
`X-Error-Code` with errors. Not for uploads.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.hub_content import Asked, Blob, Fault, Repo
from tests.hub_handler import Handler

LARGE = (".parquet", ".safetensors", ".bin", ".zip", ".arrow", ".gz")


class Hub:
    """A hub that runs; use it as a context, its address is `url`.

    Attributes:
        asked: Every request so far, the newest last.
        latency_s: Waited before each answer.
        connections: How many were opened to it.
    """

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.latency_s = 0.0
        self.connections = 0
        self._lock = threading.Condition()
        self._hub, self._cdn = Server(self), Server(self)
        self.url, self.cdn_url = self._hub.url, self._cdn.url

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; whoever is held is let go."""
        for fault in self.faults:
            if fault.hold is not None:
                fault.hold.set()
        self._hub.stop()
        self._cdn.stop()

    def hang_up(self) -> None:
        """End the connections that clients keep."""
        self._hub.hang_up()
        self._cdn.hang_up()

    def commit(
        self,
        repo: str,
        files: Path | Mapping[str, bytes | Path],
        *,
        kind: str = "datasets",
        ref: str = "main",
        forget: bool = False,
        token: str | None = None,
        gated: bool = False,
    ) -> str:
        """Give a repository this content under `ref`, and return the commit's id.

        Args:
            repo: `owner/name`.
            files: Path in the repository to content, or a folder that holds all of it.
            kind: `datasets` or `models`.
            ref: A branch, or `refs/convert/parquet`.
            forget: Take older commits away, as a squashed history does.
            token: Whoever reads it must send this token.
            gated: Without it, say that the repository is gated.
        """
        if isinstance(files, Path):
            paths = (path for path in sorted(files.rglob("*")) if path.is_file())
            files = {path.relative_to(files).as_posix(): path for path in paths}
        blobs = {
            path: Blob(content, path.endswith(LARGE)) for path, content in sorted(files.items())
        }
        facts = repr([ref, [(path, blob.oid) for path, blob in blobs.items()]])
        sha = hashlib.sha1(facts.encode()).hexdigest()
        found = self.repos.setdefault((kind, repo), Repo())
        if forget:
            found.commits.clear()
        found.commits[sha], found.refs[ref] = blobs, sha
        found.token, found.gated = token, gated
        return sha

    def rename(self, old: str, new: str, kind: str = "datasets") -> None:
        """Move a repository; its old name redirects to the new one."""
        self.repos[kind, new] = self.repos[kind, old]
        self.repos[kind, old] = Repo(moved_to=new)

    def fault(self, where: str = "", **facts: Any) -> Fault:
        """Let something go wrong; see `Fault`."""
        self.faults.append(fault := Fault(where, **facts))
        return fault

    def ranges(self, where: str = "") -> list[str]:
        """The ranges of files that were asked for and sent, in order."""
        return [a.range for a in self.asked if a.range and where in a.path and "/cdn/" in a.path]

    def wait_for(self, wanted: Callable[[Asked], bool], seconds: float = 30) -> bool:
        """Wait until such a request has arrived; false where none does in time."""
        with self._lock:
            return self._lock.wait_for(lambda: any(map(wanted, self.asked)), seconds)

    def take(self, asked: Asked) -> Fault:
        """Note a request, and what shall happen to it."""
        with self._lock:
            self.asked.append(asked)
            self._lock.notify_all()
            for fault in self.faults:
                if fault.times > 0 and fault.where in asked.path:
                    fault.times -= 1
                    return fault
        return Fault()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub
        self._open: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.hub.connections += 1
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def stop(self) -> None:
        """Listen no more, not even to whoever keeps a connection."""
        self.shutdown()
        self.server_close()
        self.hang_up()

    def hang_up(self) -> None:
        """End the connections that are open."""
        for request in list(self._open):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is what these tests are about."""
