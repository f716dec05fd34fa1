"""Requests to a Hugging Face hub: ranges of files, retried where that helps, else one clear error.

Guarantee: a dropped connection, a time-out, 429 and 5xx are tried again a limited number of times
with growing pauses, going on where the bytes stopped; what trying again cannot mend (401, 403,
404) is a `HubError` that says what to do. The token goes to the hub alone, never to where it
redirects, and is in no message. Nothing here starts a thread; offline nothing is sent.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from workbench.data.hub_env import HubError, Remote, endpoint, is_offline, token
from workbench.data.hub_refusal import Again, changed, refusal

if TYPE_CHECKING:
    import httpx

TRIES = 5  # in a row, without much gained in between
LITTLE = 4096  # bytes; a stream that breaks after fewer has gained nothing
FIRST_PAUSE_S = 0.5  # doubled after each
LONGEST_PAUSE_S = 8.0
LONGEST_WAIT_S = 60.0  # that a hub may ask for by Retry-After; beyond it the user is told
TIMEOUT_S = 20.0  # without a byte
DOWN_S = 15.0  # after the last try failed, others fail at the first for so long
MAX_REDIRECTS = 5
MAX_ANSWER = 64 * 1024 * 1024  # of JSON, in bytes


_lock = threading.Lock()
_client: httpx.Client | None = None
_signed: dict[str, str] = {}  # a file's URL -> where the hub last redirected to
_down: dict[str, float] = {}  # host -> until when it is taken to be unreachable


def _forget() -> None:
    """In a forked child: connections of the parent's are not ours."""
    global _lock, _client
    _lock, _client = threading.Lock(), None
    _signed.clear()
    _down.clear()


os.register_at_fork(after_in_child=_forget)


def client() -> httpx.Client:
    """The process's client; it may be used from several threads."""
    global _client
    import httpx

    with _lock:
        if _client is None:
            host = urlsplit(endpoint()).hostname or ""
            local = host in ("localhost", "::1") or host.startswith("127.")
            timeout = httpx.Timeout(TIMEOUT_S, connect=10.0, pool=60.0)
            _client = httpx.Client(
                timeout=timeout,
                follow_redirects=False,
                trust_env=not local,  # the user's proxies, but not to this machine itself
                headers={"User-Agent": "vlm-workbench", "Accept-Encoding": "identity"},
            )
        return _client


def get_json(url: str, what: str) -> tuple[Any, Mapping[str, str]]:
    """A document of the hub's API and the answer's headers.

    Args:
        url: Under `endpoint()`.
        what: Who is asked about, for messages.

    Raises:
        HubError: See the module.
    """
    import json

    _check_online(what)
    failed = 0
    while True:
        try:
            with _send(url, {}, what) as response:
                body, headers = _whole(response, what), response.headers
            break
        except Again as failure:
            failed += 1
            _wait(failure, failed, url, what)
    _down.pop(urlsplit(url).netloc, None)
    try:
        return json.loads(body), headers
    except ValueError as error:
        raise HubError(
            f"the hub's answer about {what} is no JSON",
            hint=f"is {endpoint()} a Hugging Face hub?",
            lasting=True,
        ) from error


def _whole(response: httpx.Response, what: str) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise HubError(f"the hub's answer about {what} does not end", lasting=True)
    return bytes(body)


def read_range(remote: Remote, start: int, stop: int) -> bytes:
    """The bytes from `start` to before `stop`. Raises `HubError`."""
    body = bytearray()
    for chunk in iter_range(remote, start, stop):
        body += chunk
    return bytes(body)


def iter_range(remote: Remote, start: int, stop: int) -> Iterator[bytes]:
    """The bytes from `start` to before `stop` as they come; a broken stream is taken up again.

    Raises:
        HubError: See the module; also where the file is no longer the one that was listed.
    """
    _check_online(remote.name)
    at, failed = start, 0
    while at < stop:
        before = at
        try:
            for chunk in _stream(remote, at, stop):
                at += len(chunk)
                yield chunk
            if at < stop:
                raise Again(f"the connection ended {stop - at:,} bytes early")
        except Again as failure:
            # What moved on is no failure in a row, whatever cut it off.
            failed = failed + 1 if at - before < LITTLE else 1
            _wait(failure, failed, remote.url, remote.name)
    _down.pop(urlsplit(remote.url).netloc, None)


def _stream(remote: Remote, at: int, stop: int) -> Iterator[bytes]:
    """One request; what is sent beyond or before the range is dropped."""
    headers = {"Range": f"bytes={at}-{stop - 1}"}
    with _send(remote.url, headers, remote.name, remote) as response:
        skip = 0
        if response.status_code == 200 and (at or stop < remote.size):
            skip = at  # a server without ranges: read past what is not wanted
        elif response.status_code == 206:
            _check_range(response, remote, at)
        left = stop - at
        for chunk in response.iter_bytes():
            if skip:
                dropped = min(skip, len(chunk))
                chunk, skip = chunk[dropped:], skip - dropped
            if chunk:
                yield chunk[:left]
                left -= len(chunk)
            if left <= 0:
                return


def _check_range(response: httpx.Response, remote: Remote, at: int) -> None:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", ""))
    if not found or int(found[1]) != at:
        raise Again("the answer is not the range that was asked for")
    if found[2] not in ("*", str(remote.size)):
        raise changed(remote)


class _send:  # noqa: N801 - reads as a function
    """A request whose redirects are followed by hand; a context that gives the last answer.

    The address of a redirect is kept and used again until it is refused: a file costs one
    request to the hub, and then one per range.
    """

    def __init__(
        self, url: str, headers: dict[str, str], what: str, remote: Remote | None = None
    ) -> None:
        self._url, self._headers, self._what, self._remote = url, headers, what, remote
        self._response: httpx.Response | None = None

    def __enter__(self) -> httpx.Response:
        import httpx

        try:
            self._response = self._follow()
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Again(_reason(error)) from error
        return self._response

    def __exit__(self, kind: type | None, error: BaseException | None, _trace: object) -> None:
        import httpx

        if self._response is not None:
            self._response.close()
        if isinstance(error, (httpx.HTTPError, OSError)):
            raise Again(_reason(error)) from error

    def _follow(self) -> httpx.Response:
        kept = _signed.get(self._url) if self._remote else None
        if kept is not None:
            response = self._get(kept)
            if response.status_code in (200, 206):
                return response
            response.close()  # it has expired, or points to another version: ask the hub anew
            _signed.pop(self._url, None)
        url = self._url
        for _ in range(MAX_REDIRECTS + 1):
            response = self._get(url)
            if not response.is_redirect:
                return self._checked(response)
            self._check_version(response)
            target = urljoin(url, response.headers["location"])
            _check_redirect(url, target, self._what)
            response.close()
            url = target
            if self._remote and urlsplit(url).netloc != urlsplit(self._url).netloc:
                _signed[self._url] = url
        raise HubError(f"{self._what} redirects more than {MAX_REDIRECTS} times", lasting=True)

    def _get(self, url: str) -> httpx.Response:
        headers = dict(self._headers)
        secret = token()
        if secret and urlsplit(url).netloc == urlsplit(endpoint()).netloc:
            headers["Authorization"] = f"Bearer {secret}"
        request = client().build_request("GET", url, headers=headers)
        return client().send(request, stream=True)

    def _checked(self, response: httpx.Response) -> httpx.Response:
        if response.status_code in (200, 206):
            self._check_version(response)
            return response
        try:
            error = refusal(response, self._what, self._remote)
        finally:
            response.close()
        raise error

    def _check_version(self, response: httpx.Response) -> None:
        """Raise where the hub says that the content is another than was listed."""
        if self._remote is None or "x-repo-commit" not in response.headers:
            return
        named = response.headers.get("x-linked-etag") or response.headers.get("etag") or ""
        etag = named.removeprefix("W/").strip('"')
        if etag and self._remote.etag and etag != self._remote.etag:
            response.close()
            raise changed(self._remote)


def _check_redirect(url: str, target: str, what: str) -> None:
    before, after = urlsplit(url), urlsplit(target)
    safe = after.scheme == "https" or (after.scheme == "http" and before.scheme == "http")
    if not safe or not after.hostname:
        raise HubError(f"{what} redirects to what is not https", lasting=True)


def _check_online(what: str) -> None:
    if is_offline():
        raise HubError(
            f"{what} is not on this machine, and HF_HUB_OFFLINE is set",
            hint="unset it, and fetch what is needed with `wb data cache NAME`",
        )


def pause(seconds: float) -> None:
    """Wait between two tries."""
    time.sleep(seconds)


def _wait(failure: Again, failed: int, url: str, what: str) -> None:
    """Wait before the next try, or raise `HubError` where there shall be none.

    Args:
        failure: The last one.
        failed: How many there were in a row.
        url: What was asked; while its host is known to be down, one try is enough.
        what: For the message.
    """
    host, wait = urlsplit(url).netloc, failure.wait_s
    few = time.monotonic() < _down.get(host, 0.0)
    if failed >= TRIES or few or (wait or 0) > LONGEST_WAIT_S:
        if not few:
            _down[host] = time.monotonic() + DOWN_S
        asked = f"; it asks to wait {wait:.0f} s" if wait else ""
        times = f" after {failed} tries" if failed > 1 else ""
        raise HubError(
            f"{what} cannot be had{times}: {failure}{asked}",
            hint=f"try again later, or check the network and HF_ENDPOINT ({endpoint()})",
        ) from failure
    if wait is None:
        wait = min(FIRST_PAUSE_S * 2 ** (failed - 1), LONGEST_PAUSE_S)
        wait *= 0.75 + random.random() / 2  # many readers shall not come back at once
    pause(wait)


def _reason(error: Exception) -> str:
    from workbench.text import clean

    return clean(str(error) or type(error).__name__, newlines=False)[:200]
