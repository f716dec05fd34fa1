"""How the hub of the tests answers one request: as the real one does where clients can tell."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.hub_content import Asked, Blob, Repo, card, entry

if TYPE_CHECKING:
    from tests.hub_server import Server

PAGE = 50  # entries of a tree in one answer, where the real hub gives 1000

_API = re.compile(r"^/api/(models|datasets)/(.+?)(?:/(revision|tree|paths-info)/([^/]+)(/.*)?)?$")
_FILE = re.compile(r"^/(datasets/)?([^/]+(?:/[^/]+)?)/resolve/([^/]+)/(.+)$")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

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
            self._json([entry(path, files[path]) for path in wanted if path in files])
            return
        siblings: list[dict[str, Any]] = []
        for path, blob in files.items():
            listed: dict[str, Any] = {"rfilename": path}
            if "blobs" in query:
                listed |= {"size": blob.size, "blobId": blob.oid}
                if blob.large:
                    listed["lfs"] = {
                        "sha256": blob.sha256,
                        "size": blob.size,
                        "pointerSize": 134,
                    }
            siblings.append(listed)
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
                "cardData": card(files),
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
        entries = [entry(path, files[path]) for path in inside]
        above = {str(folder) for p in inside for folder in PurePosixPath(p).parents}
        folders = sorted(f for f in above - {"."} if not below or f.startswith(f"{below}/"))
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
