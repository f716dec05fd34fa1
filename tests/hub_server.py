"""A Hugging Face hub on loopback, for tests and benchmarks: repositories, and every way to fail.

It answers as the real one does where clients can tell: repository info and trees in pages under
`/api/{models,datasets}/`, `resolve` with `X-Repo-Commit` and `ETag`, a redirect with
`X-Linked-Size` and `X-Linked-Etag` to signed URLs on a second host for large files, ranges,
`X-Error-Code` with errors. Not for uploads.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

PAGE = 50  # entries of a tree in one answer, where the real hub gives 1000
LARGE = (".parquet", ".safetensors", ".bin", ".zip", ".arrow")
CHUNK = 64 * 1024


@dataclass
class Blob:
    """One version of a file: bytes, or a file on disk that is sent as it lies."""

    content: bytes | Path
    large: bool

    def __post_init__(self) -> None:
        body = self.content
        self.size = len(body) if isinstance(body, bytes) else body.stat().st_size
        sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % self.size)
        for chunk in self.read(0, self.size):
            sha256.update(chunk)
            git.update(chunk)
        self.sha256, self.oid = sha256.hexdigest(), git.hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.oid

    def read(self, start: int, stop: int):
        """The bytes from `start` to `stop`, in chunks."""
        if isinstance(self.content, bytes):
            for at in range(start, stop, CHUNK):
                yield self.content[at : min(at + CHUNK, stop)]
            return
        with self.content.open("rb") as file:
            file.seek(start)
            while start < stop:
                chunk = file.read(min(CHUNK, stop - start))
                if not chunk:
                    return
                start += len(chunk)
                yield chunk


@dataclass
class Repo:
    """A repository: its commits, and which names stand for which of them."""

    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    token: str | None = None  # who reads it must send this one
    gated: bool = False
    moved_to: str = ""


@dataclass
class Fault:
    """What happens to the next requests whose path holds `where`.

    Attributes:
        status: Answer with this instead; 0 to answer rightly.
        headers: Sent with it.
        drop_after: Cut the connection after so many bytes of the body.
        hold: Wait for this before the body is sent: a slow hub without a clock.
        times: How many requests it happens to.
    """

    where: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    drop_after: int | None = None
    hold: threading.Event | None = None
    times: int = 1


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    range: str
    authorization: str


class Hub:
    """A hub that runs; use it as a context, its address is `url`.

    Attributes:
        asked: Every request so far, the newest last.
        latency_s: Waited before each answer.
    """

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.latency_s = 0.0
        self._lock = threading.Condition()
        self._hub, self._cdn = _Server(self), _Server(self)
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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is what these tests are about."""


_API = re.compile(r"^/api/(models|datasets)/(.+?)(?:/(revision|tree|paths-info)/([^/]+)(/.*)?)?$")
_FILE = re.compile(r"^/(datasets/)?([^/]+(?:/[^/]+)?)/resolve/([^/]+)/(.+)$")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Tests read `Hub.asked`."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer()

    def _answer(self) -> None:
        hub = self.server.hub
        token = self.headers.get("Authorization") or ""
        asked = Asked(self.command, self.path, self.headers.get("Range") or "", token)
        self.fault = hub.take(asked)
        if hub.latency_s:
            time.sleep(hub.latency_s)
        if self.fault.status:
            self._error(self.fault.status, "the hub is told to fail", "", self.fault.headers)
            return
        parts = urlsplit(self.path)
        if parts.path.startswith("/cdn/"):
            self._cdn(parts.path, parse_qs(parts.query), token)
        elif match := _API.match(parts.path):
            kind, repo, what, rev, below = match.groups()
            self._api(kind, unquote(repo), what, unquote(rev or "main"), below or "", parts.query)
        elif match := _FILE.match(parts.path):
            kind, repo, rev, path = match.groups()
            self._resolve(
                "datasets" if kind else "models", repo, unquote(rev), unquote(path), parts
            )
        else:
            self._error(404, "not found")

    def _repo(self, kind: str, repo: str, rev: str) -> tuple[str, dict[str, Blob], Repo] | None:
        """The commit that a revision stands for; the error is sent where there is none."""
        found = self.server.hub.repos.get((kind, repo))
        if found is not None and found.moved_to:
            self._send(
                307, b"", {"Location": self.path.replace(f"/{repo}", f"/{found.moved_to}", 1)}
            )
            return None
        if found is None:
            # The real hub does not tell strangers which names exist.
            signed = bool(self.headers.get("Authorization"))
            self._error(404 if signed else 401, "Repository not found", "RepoNotFound")
            return None
        if found.token and self.headers.get("Authorization") != f"Bearer {found.token}":
            if found.gated:
                words = f"Access to {kind[:-1]} {repo} is restricted and you are not in the list"
                self._error(403, words, "GatedRepo")
            else:
                self._error(401, "Invalid username or password.", "RepoNotFound")
            return None
        sha = found.refs.get(rev, rev)
        if sha not in found.commits:
            self._error(404, f"Invalid rev id: {rev}", "RevisionNotFound")
            return None
        return sha, found.commits[sha], found

    def _api(
        self, kind: str, repo: str, what: str | None, rev: str, below: str, query: str
    ) -> None:
        there = self._repo(kind, repo, rev)
        if there is None:
            return
        sha, files, found = there
        if what == "tree":
            self._tree(files, unquote(below).strip("/"), parse_qs(query))
            return
        if what == "paths-info":
            wanted = json.loads(self.body)["paths"]
            self._json([_entry(path, files[path]) for path in wanted if path in files])
            return
        siblings: list[dict[str, Any]] = []
        for path, blob in files.items():
            entry: dict[str, Any] = {"rfilename": path}
            if "blobs" in query:
                entry |= {"size": blob.size, "blobId": blob.oid}
                if blob.large:
                    entry["lfs"] = {"sha256": blob.sha256, "size": blob.size, "pointerSize": 134}
            siblings.append(entry)
        self._json(
            {
                "_id": "0" * 24,
                "id": repo,
                "sha": sha,
                "private": False,
                "gated": "manual" if found.gated else False,
                "disabled": False,
                "lastModified": "2024-01-01T00:00:00.000Z",
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "cardData": _card(files),
                "siblings": siblings,
            }
            | ({"modelId": repo} if kind == "models" else {})
        )

    def _tree(self, files: dict[str, Blob], below: str, query: Mapping[str, list[str]]) -> None:
        """The files in pages, each naming the next in `Link`."""
        inside = [p for p in files if not below or p.startswith(f"{below}/")]
        if below and not inside:
            self._error(404, f"{below} does not exist", "EntryNotFound")
            return
        entries = [_entry(path, files[path]) for path in inside]
        folders = sorted({p.rpartition("/")[0] for p in inside if "/" in p})
        entries += [{"type": "directory", "oid": "0" * 40, "size": 0, "path": f} for f in folders]
        start = int(query.get("cursor", ["0"])[0])
        headers = {}
        if start + PAGE < len(entries):
            path = urlsplit(self.path).path
            more = f"{self.server.url}{path}?recursive=true&expand=false&cursor={start + PAGE}"
            headers["Link"] = f'<{more}>; rel="next"'
        self._json(entries[start : start + PAGE], headers)

    def _resolve(self, kind: str, repo: str, rev: str, path: str, parts: Any) -> None:
        there = self._repo(kind, repo, rev)
        if there is None:
            return
        sha, files, _ = there
        blob = files.get(path)
        if blob is None:
            headers = {"X-Repo-Commit": sha}
            self._error(404, "Entry not found", "EntryNotFound", headers)
            return
        headers = {"X-Repo-Commit": sha, "Accept-Ranges": "bytes", "ETag": f'"{blob.etag}"'}
        if not blob.large:
            self._send_blob(blob, headers)
            return
        headers |= {"X-Linked-Size": str(blob.size), "X-Linked-Etag": f'"{blob.etag}"'}
        name = quote(f"{kind}/{repo}/{sha}/{path}", safe="")
        signed = f"{self.server.hub.cdn_url}/cdn/{name}?Expires=1999999999&Signature=abc"
        self._send(302, f"Found. Redirecting to {signed}".encode(), headers | {"Location": signed})

    def _cdn(self, path: str, query: Mapping[str, list[str]], token: str) -> None:
        if token or "Signature" not in query:
            self._error(400, "Only one auth mechanism allowed")
            return
        kind, owner, name, sha, inner = unquote(path.removeprefix("/cdn/")).split("/", 4)
        blob = self.server.hub.repos[kind, f"{owner}/{name}"].commits.get(sha, {}).get(inner)
        if blob is None:
            self._error(404, "no such object")
            return
        self._send_blob(blob, {"ETag": f'"{blob.etag}"', "Accept-Ranges": "bytes"})

    def _send_blob(self, blob: Blob, headers: dict[str, str]) -> None:
        """The whole or a range of a file, and what the fault makes of it."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        start, stop, status = 0, blob.size, 200
        if match:
            start, status = int(match[1]), 206
            stop = min(int(match[2]) + 1, blob.size) if match[2] else blob.size
            if start >= blob.size:
                self._error(416, "range", "", {"Content-Range": f"bytes */{blob.size}"})
                return
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{blob.size}"
        self.send_response(status)
        self._headers(headers | {"Content-Length": str(stop - start)})
        if self.command == "HEAD":
            return
        if self.fault.hold is not None:
            self.wfile.flush()
            self.fault.hold.wait(60)
        if self.fault.drop_after is not None:
            for chunk in blob.read(start, min(start + self.fault.drop_after, stop)):
                self.wfile.write(chunk)
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        for chunk in blob.read(start, stop):
            self.wfile.write(chunk)

    def _json(self, body: Any, headers: Mapping[str, str] | None = None) -> None:
        kind = {"Content-Type": "application/json; charset=utf-8"}
        self._send(200, json.dumps(body).encode(), kind | dict(headers or {}))

    def _error(
        self, status: int, words: str, code: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        facts = {"X-Error-Message": words} | ({"X-Error-Code": code} if code else {})
        self._send(status, json.dumps({"error": words}).encode(), facts | dict(headers or {}))

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self._headers(dict(headers) | {"Content-Length": str(len(body))})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _headers(self, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _entry(path: str, blob: Blob) -> dict[str, Any]:
    """A file as a tree lists it."""
    entry: dict[str, Any] = {"type": "file", "oid": blob.oid, "size": blob.size, "path": path}
    if blob.large:
        entry["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": 134}
    return entry


def _card(files: Mapping[str, Blob]) -> dict[str, Any]:
    """What stands between the dashes at the head of the README."""
    import yaml

    if "README.md" not in files:
        return {}
    text = b"".join(files["README.md"].read(0, files["README.md"].size)).decode()
    head = re.match(r"^---\n(.*?)\n---", text, re.S)
    return yaml.safe_load(head[1]) if head else {}
