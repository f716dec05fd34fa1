"""The engine as a process: where its socket, lock and log lie, and how it is started.

Guarantee: at most one engine for a user and a home, by a lock that ends with the process, whatever
ends it; the socket is 0600 in a folder that is 0700, never open to others for even a moment.
Torch-free. Not for talking to it: `workbench.serving.client`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

from workbench.errors import EngineError

_LOG_LIMIT = 4 * 1024 * 1024
DEFAULT_IDLE_MINUTES = 30.0
DEFAULT_STALL_S = 30.0


def socket_path() -> Path:
    """Where the engine listens."""
    from sessions.paths import runtime_dir

    return runtime_dir() / "engine.sock"


def lock_path() -> Path:
    """Locked for as long as an engine lives."""
    from sessions.paths import runtime_dir

    return runtime_dir() / "engine.lock"


def log_path() -> Path:
    """What the engine says."""
    from sessions.paths import home

    return home() / "engine.log"


def is_running() -> bool:
    """Whether an engine of this user and home is alive, answering or not."""
    from sessions.locks import is_held

    return is_held(lock_path())


def take_lock() -> int | None:
    """Lock for life; the descriptor, or `None` where another engine holds it."""
    from sessions.locks import flock

    path = lock_path()
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    # Whoever asks `is_running` holds the lock for an instant: that is not another engine. Not
    # for longer: an engine that lost the race must not come up when the winner is stopped.
    for _ in range(5):
        with contextlib.suppress(BlockingIOError):
            flock(fd, path, wait=False)
            os.ftruncate(fd, 0)
            os.pwrite(fd, str(os.getpid()).encode(), 0)
            return fd
        time.sleep(0.01)
    os.close(fd)
    return None


def lock_owner() -> int | None:
    """The pid of the engine that holds the lock, `None` where there is none."""
    if not is_running():
        return None
    try:
        pid = int(lock_path().read_text("ascii"))
    except (OSError, ValueError):
        return None
    return pid if pid > 1 else None


def bind_socket() -> socket.socket:
    """Listen on the engine's socket; call it with the lock held.

    A socket that a dead engine left is replaced: the lock says that nobody listens on it.
    """
    path = socket_path()
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(128)
    listener.setblocking(False)
    return listener


def spawn(idle_minutes: float | None = None) -> subprocess.Popen[bytes]:
    """Start an engine in a session of its own, its words going to the log.

    Raises:
        EngineError: No process could be started.
        RecordError: The home cannot be written.
    """
    argv = [sys.executable, "-P", "-m", "workbench.serving.server"]
    if idle_minutes is not None:
        argv += ["--idle-minutes", str(idle_minutes)]
    log = log_path()
    with contextlib.suppress(OSError):
        if log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
    try:
        with open_log(log) as stream:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                env=child_environment(),
                cwd="/",
            )
    except OSError as error:
        raise EngineError(
            f"the engine cannot be started: {error.strerror or error}",
            hint=f"is {log.parent} writable, and {sys.executable} a Python?",
        ) from error


def open_log(path: Path) -> BinaryIO:
    """The log, appended to, private."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return os.fdopen(fd, "ab")


def child_environment() -> dict[str, str]:
    """The environment of a process that runs a module of this installation."""
    env = dict(os.environ)
    # `-P` keeps the working directory off the path; a checkout that is not installed is named.
    here = str(Path(__file__).resolve().parents[2])
    env["PYTHONPATH"] = os.pathsep.join(p for p in (here, env.get("PYTHONPATH")) if p)
    home = env.get("WB_HOME")
    if home:  # the engine stands in `/`: a relative home would be another one
        env["WB_HOME"] = str(Path(home).expanduser().absolute())
    return env


def log_tail(lines: int = 20) -> list[str]:
    """The last lines of the log, empty where there is none."""
    try:
        with log_path().open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 64 * 1024))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]
