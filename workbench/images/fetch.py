"""Images at URLs: fetched only when asked for, never from a private address.

Guarantee: http and https only; every address that a name stands for is public, or the request is
refused; the connection goes to the address that was checked (a name cannot change its meaning in
between); each redirect is checked anew; size, also once decompressed, and time, from the first
name asked for to the last byte, are bounded; no message repeats a secret of a URL. What was
fetched is kept in the cache, so an image is fetched once. Proxies of the environment are not used.
A fetch that nobody waits for any more can be given up (`fetched_unless`), at once and whole.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit, urlunsplit

from sessions.redact import without_secrets
from workbench.bounds import MAX_IMAGE_BYTES
from workbench.errors import Cancelled, ImageError

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 20.0  # without a byte
TOTAL_S = 60.0  # in all, however steadily the bytes drip
MAX_REDIRECTS = 5
_LOOK_S = 0.05  # how soon it is seen that a fetch was given up

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_SPECIAL_V6 = tuple(
    map(
        ipaddress.ip_network,
        # Protocol assignments (Teredo, benchmarks, ORCHID), documentation, 6to4.
        ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_SPECIAL_V4 = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24"),
            *("192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("224.0.0.0/4", "240.0.0.0/4"),
        ),
    )
)


_given_up: ContextVar[Callable[[], bool] | None] = ContextVar("given_up", default=None)


@contextmanager
def fetched_unless(given_up: Callable[[], bool]) -> Iterator[None]:
    """Have what this thread fetches meanwhile end with `Cancelled` once `given_up()` says so."""
    before = _given_up.set(given_up)
    try:
        yield
    finally:
        _given_up.reset(before)


def fetch_image(url: str, *, allowed: bool = False) -> bytes:
    """The bytes at `url`, from the cache or over the network.

    Args:
        url: http or https.
        allowed: The dataset was added with `--fetch`; `WB_FETCH=1` allows it for a process.

    Raises:
        ImageError: Not allowed, refused, unreachable, too large, or no answer in time.
        Cancelled: It was given up.
    """
    kept = _cache_path(url)
    if kept is not None and kept.is_file():
        return kept.read_bytes()
    if not allowed and os.environ.get("WB_FETCH", "") not in ("1", "true", "yes"):
        raise ImageError(
            f"the image is at {without_secrets(url)}, and URLs are fetched only when asked for",
            hint="add the dataset with --fetch, or set WB_FETCH=1",
        )
    data = download(url)
    if kept is not None:
        _keep(kept, data)
    return data


def download(url: str) -> bytes:
    """Fetch `url`, following at most `MAX_REDIRECTS` redirects, each to a public address.

    Raises:
        ImageError: See the module.
        Cancelled: It was given up.
    """
    import asyncio

    ended: list[bytes | BaseException] = []
    under_way: list[Callable[[], object]] = []

    async def fetch() -> bytes:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        under_way.append(lambda: loop.call_soon_threadsafe(task.cancel))
        return await _in_time(url)

    def work() -> None:
        try:
            ended.append(asyncio.run(fetch()))
        except BaseException as error:
            ended.append(error)

    # A loop of its own: only cancelling ends every wait, and the caller may have a loop already.
    thread = threading.Thread(target=work, name="fetch", daemon=True)
    thread.start()
    given_up = _given_up.get()
    while thread.is_alive():
        thread.join(None if given_up is None else _LOOK_S)
        if given_up is not None and thread.is_alive() and given_up():
            for cancel in under_way:
                with suppress(RuntimeError):  # its loop has just ended
                    cancel()
            raise Cancelled(f"{without_secrets(url)[:500]} is waited for no more")
    if isinstance(ended[0], BaseException):
        raise ended[0]
    return ended[0]


async def _in_time(url: str) -> bytes:
    """As `download`, in at most `TOTAL_S` from the first name asked for to the last byte."""
    import asyncio

    import httpx

    name = without_secrets(url)[:500]
    try:
        async with asyncio.timeout(TOTAL_S):
            return await _followed(url, name)
    except TimeoutError:
        raise ImageError(f"{name} was not whole after {TOTAL_S:.0f} s", hint="try again") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        # The address that was connected to, and a URL in the message, say nothing to the user.
        why = without_secrets(str(error) or type(error).__name__)[:300]
        raise ImageError(
            f"{name} cannot be fetched: {why}", hint="try again, or check the network"
        ) from None


async def _followed(url: str, name: str) -> bytes:
    import httpx

    async with httpx.AsyncClient(
        trust_env=False, timeout=TIMEOUT_S, follow_redirects=False
    ) as client:
        for _ in range(MAX_REDIRECTS + 1):
            pinned, headers, extensions = await _pin(url, name)
            async with client.stream(
                "GET", pinned, headers=headers, extensions=extensions
            ) as response:
                if response.has_redirect_location:
                    url = urljoin(url, response.headers["location"])
                    continue
                if response.status_code != 200:
                    raise ImageError(
                        f"{name} answered {response.status_code}",
                        hint="the image may be gone; the sample is counted as failed",
                    )
                encoding = response.headers.get("content-encoding", "")
                return decoded(await _bounded(response, name), encoding, name)
    raise ImageError(f"{name} redirects more than {MAX_REDIRECTS} times")


def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of `host`, all of them public.

    `WB_FETCH_ALLOW` (comma-separated hosts) names the exceptions, for a mirror on one's own net.

    Raises:
        ImageError: The name does not resolve, or stands for an address that is not public.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ImageError(f"the host {host!r} cannot be resolved: {error}") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    exceptions = {h.strip() for h in os.environ.get("WB_FETCH_ALLOW", "").split(",") if h.strip()}
    if host in exceptions:
        return addresses
    for address in addresses:
        if not is_public(address):
            raise ImageError(
                f"{host} is the private address {address}; images are not fetched from there",
                hint="allow the host by name in WB_FETCH_ALLOW if you trust the dataset",
            )
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is everybody's: a global unicast one of no special purpose.

    IPv4 that is mapped into IPv6, or translated by the well-known NAT64 prefix, counts as itself.
    The registries of special purposes are IANA's (RFC 6890 and its updates); this list is closed
    where `ipaddress.is_global` depends on the version of Python.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None or ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        return ip in _GLOBAL_UNICAST and not any(ip in special for special in _SPECIAL_V6)
    return not any(ip in special for special in _SPECIAL_V4)


async def _pin(url: str, start: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """The URL with its host replaced by a checked address, and what makes that work with TLS."""
    import asyncio

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ImageError(
            f"{start} leads to {without_secrets(url)[:200]!r}, which is not http or https"
        )
    if parts.username or parts.password:
        raise ImageError(f"{parts.hostname}: a URL with a password in it is not fetched")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        written = parts.netloc.rpartition(":")[2][:20]
        raise ImageError(
            f"{start} names the port {written!r}, and there is none beyond 65535",
            hint="correct the URL in the data",
        ) from None
    resolver = ThreadPoolExecutor(1, "resolve")
    try:
        asked = resolver.submit(public_addresses, parts.hostname, port)
        address = (await asyncio.wrap_future(asked))[0]
    finally:
        resolver.shutdown(wait=False)  # a resolver that hangs is not waited for
    netloc = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    pinned = urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, ""))
    host = parts.netloc.rpartition("@")[2]
    headers = {"Host": host, "User-Agent": "vlm-workbench", "Accept": "image/*"}
    headers["Accept-Encoding"] = "identity"
    return pinned, headers, {"sni_hostname": parts.hostname}


async def _bounded(response: httpx.Response, name: str) -> bytes:
    """The body as it came, given up as soon as it is larger than an image may be."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_IMAGE_BYTES:
            raise _too_large(name)
    return bytes(body)


def decoded(body: bytes, encoding: str, name: str) -> bytes:
    """A body out of its `Content-Encoding`, given up as soon as it is larger than an image may be.

    We ask for none. One layer of deflate is read all the same; two, or another kind, are refused.

    Raises:
        ImageError: Too large, damaged or not read.
    """
    layers = [word.strip().lower() for word in encoding.split(",")]
    layers = [word for word in layers if word not in ("", "identity")]
    if not layers:
        return body
    if len(layers) > 1 or layers[0] not in ("gzip", "x-gzip", "deflate"):
        raise ImageError(
            f"{name} comes compressed as {', '.join(layers)[:60]!r}, which is not read",
            hint="an image is compressed already; ask whoever serves it",
        )
    opened = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib by its header
    try:
        out = opened.decompress(body, MAX_IMAGE_BYTES + 1)
    except zlib.error as error:
        raise ImageError(f"{name} is damaged: {error}") from None
    if len(out) > MAX_IMAGE_BYTES:
        raise _too_large(name)
    if not opened.eof:
        raise ImageError(f"{name} is cut off before its end", hint="try again")
    return out


def _too_large(name: str) -> ImageError:
    return ImageError(f"{name} is larger than {MAX_IMAGE_BYTES:,} bytes")


def _cache_path(url: str) -> Path | None:
    """Where the image of this URL is kept; `None` where there is no writable cache."""
    from sessions.errors import RecordError
    from sessions.paths import cache_dir

    key = hashlib.sha256(url.encode()).hexdigest()
    try:
        return cache_dir() / "images" / key[:2] / key
    except (OSError, RecordError):
        return None


def _keep(path: Path, data: bytes) -> None:
    """Keep what was fetched; a full or read-only cache only means that it is fetched again."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
