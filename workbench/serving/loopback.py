"""Sockets that listen to this machine alone.

Guarantee: nothing is ever bound to an address that is not loopback.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import ip_address

from workbench.errors import EngineError, UsageError


def loopback(host: str) -> str:
    """The loopback address that a host means. Raises `UsageError` for any other one."""
    name = "127.0.0.1" if host.lower() == "localhost" else host.strip("[]")
    with suppress(ValueError):
        if ip_address(name).is_loopback:
            return name
    raise UsageError(
        f"--host {host!r} is no loopback address",
        hint="it is served to this machine alone: 127.0.0.1 or ::1; from another one reach it "
        "through ssh -L",
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to a loopback address.

    Args:
        host: As `loopback` takes it.
        port: 0 for a free one.

    Raises:
        UsageError: `host` is no loopback address.
        EngineError: The port is taken, or may not be bound.
    """
    address = loopback(host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise EngineError(
            f"{address}:{port} cannot be listened on: {error.strerror or error}",
            hint="choose another --port; 0 is a free one",
            kind="port_taken",
        ) from error
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """What clients call their base URL."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
