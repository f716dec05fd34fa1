"""Requests to a Hugging Face hub: ranges of files, retried where that helps, else one clear error.

Guarantee: a dropped connection, a time-out, 429 and 5xx are tried again a limited number of times
with growing pauses, going on where the bytes stopped; what trying again cannot mend (401, 403,
404) is a `HubError` that says what to do. Nothing here starts a thread; offline nothing is sent.
How one request is sent: see `workbench.data.hub.send`.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from workbench.data.hub import send
from workbench.data.hub.environment import HubError, Remote, endpoint, is_offline
from workbench.data.hub.refusal import RetryableHubError, changed
from workbench.data.hub.send import Send

if TYPE_CHECKING:
    import httpx

TRIES = 5  # in a row, without much gained in between
LITTLE = 4096  # bytes; a stream that breaks after fewer has gained nothing
FIRST_PAUSE_S = 0.5  # doubled after each
LONGEST_PAUSE_S = 8.0
LONGEST_WAIT_S = 60.0  # that a hub may ask for by Retry-After; beyond it the user is told
DOWN_S = 15.0  # after the last try failed, others fail at the first for so long
MAX_ANSWER = 64 * 1024 * 1024  # of JSON, in bytes


_down: dict[str, float] = {}  # host -> until when it is taken to be unreachable


def _forget() -> None:
    """In a forked child: connections of the parent's are not ours."""
    send.forget()
    _down.clear()


os.register_at_fork(after_in_child=_forget)


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
            with Send(url, {}, what) as response:
                body, headers = _whole(response, what), response.headers
            break
        except RetryableHubError as failure:
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
                raise RetryableHubError(f"the connection ended {stop - at:,} bytes early")
        except RetryableHubError as failure:
            # What moved on is no failure in a row, whatever cut it off.
            failed = failed + 1 if at - before < LITTLE else 1
            _wait(failure, failed, remote.url, remote.name)
    _down.pop(urlsplit(remote.url).netloc, None)


def _stream(remote: Remote, at: int, stop: int) -> Iterator[bytes]:
    """One request; what is sent beyond or before the range is dropped."""
    headers, exact = {"Range": f"bytes={at}-{stop - 1}"}, False
    with Send(remote.url, headers, remote.name, remote) as response:
        skip = 0
        if response.status_code == 200 and (at or stop < remote.size):
            skip = at  # a server without ranges: read past what is not wanted
        elif response.status_code == 206:
            exact = _check_range(response, remote, at) == stop
        left = stop - at
        for chunk in response.iter_bytes():
            if skip:
                dropped = min(skip, len(chunk))
                chunk, skip = chunk[dropped:], skip - dropped
            if chunk:
                yield chunk[:left]
                left -= len(chunk)
            # A connection is used again only where its answer was read to the very end.
            if left <= 0 and not exact:
                return


def _check_range(response: httpx.Response, remote: Remote, at: int) -> int:
    """Where the range that is sent stops. Raises where it is none that can be used."""
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("content-range", ""))
    if not found or int(found[1]) != at:
        raise RetryableHubError("the answer is not the range that was asked for")
    if found[3] not in ("*", str(remote.size)):
        raise changed(remote)
    return int(found[2]) + 1


def _check_online(what: str) -> None:
    if is_offline():
        raise HubError(
            f"{what} is not on this machine, and HF_HUB_OFFLINE is set",
            hint="unset it, and fetch what is needed with `wb data cache NAME`",
        )


def pause(seconds: float) -> None:
    """Wait between two tries."""
    time.sleep(seconds)


def _wait(failure: RetryableHubError, failed: int, url: str, what: str) -> None:
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
            f"{what} cannot be fetched{times}: {failure}{asked}",
            hint=f"try again later, or check the network and HF_ENDPOINT ({endpoint()})",
        ) from failure
    if wait is None:
        wait = min(FIRST_PAUSE_S * 2 ** (failed - 1), LONGEST_PAUSE_S)
        wait *= 0.75 + random.random() / 2  # many readers shall not come back at once
    pause(wait)
