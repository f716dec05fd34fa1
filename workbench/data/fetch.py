"""Images at URLs: fetched only when asked for, never from a private address.

Guarantee: http and https only; every address that a name stands for is public, or the request is
refused; the connection goes to the address that was checked (a name cannot change its meaning in
between); each redirect is checked anew; size and time are bounded. What was fetched is kept in
the cache, so an image is fetched once. Proxies of the environment are not used.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit, urlunsplit

from workbench.data.images import MAX_BYTES
from workbench.errors import ImageError

TIMEOUT_S = 20.0  # without a byte
TOTAL_S = 60.0  # in all, however steadily the bytes drip
MAX_REDIRECTS = 5


def fetch_image(url: str, *, allowed: bool = False) -> bytes:
    """The bytes at `url`, from the cache or over the network.

    Args:
        url: http or https.
        allowed: The dataset was added with `--fetch`; `WB_FETCH=1` allows it for a process.

    Raises:
        ImageError: Not allowed, refused, unreachable, too large, or no answer in time.
    """
    kept = _cache_path(url)
    if kept is not None and kept.is_file():
        return kept.read_bytes()
    if not allowed and os.environ.get("WB_FETCH", "") not in ("1", "true", "yes"):
        raise ImageError(
            f"the image is at {url}, and URLs are fetched only when asked for",
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
    """
    import httpx

    start = url
    with httpx.Client(trust_env=False, timeout=TIMEOUT_S, follow_redirects=False) as client:
        for _ in range(MAX_REDIRECTS + 1):
            pinned, headers, extensions = _pin(url, start)
            try:
                with client.stream(
                    "GET", pinned, headers=headers, extensions=extensions
                ) as response:
                    if response.is_redirect:
                        url = urljoin(url, response.headers["location"])
                        continue
                    if response.status_code != 200:
                        raise ImageError(
                            f"{start} answered {response.status_code}",
                            hint="the image may be gone; the sample is counted as failed",
                        )
                    return _bounded(response, start)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                raise ImageError(
                    f"{start} cannot be fetched: {str(error) or type(error).__name__}",
                    hint="try again, or check the network",
                ) from error
    raise ImageError(f"{start} redirects more than {MAX_REDIRECTS} times")


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
    """Whether an IP address can be reached by everybody (IPv4 inside IPv6 is unpacked first)."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):  # NAT64
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _pin(url: str, start: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """The URL with its host replaced by a checked address, and what makes that work with TLS."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ImageError(f"{start} leads to {url[:200]!r}, which is not http or https")
    if parts.username or parts.password:
        raise ImageError(f"{parts.hostname}: a URL with a password in it is not fetched")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = public_addresses(parts.hostname, port)[0]
    netloc = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    pinned = urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, ""))
    host = parts.netloc.rpartition("@")[2]
    headers = {"Host": host, "User-Agent": "vlm-workbench", "Accept": "image/*"}
    return pinned, headers, {"sni_hostname": parts.hostname}


def _bounded(response, name: str) -> bytes:  # noqa: ANN001 - httpx.Response
    """The body, given up as soon as it is larger than an image may be."""
    body, end = bytearray(), time.monotonic() + TOTAL_S
    for chunk in response.iter_bytes(64 * 1024):
        body += chunk
        if len(body) > MAX_BYTES:
            raise ImageError(f"{name} is larger than {MAX_BYTES:,} bytes")
        if time.monotonic() > end:
            raise ImageError(f"{name} was not whole after {TOTAL_S:.0f} s", hint="try again")
    return bytes(body)


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
