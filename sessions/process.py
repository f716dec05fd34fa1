"""Who a process is, so that a signal never meets a stranger who was given the same number.

Guarantee: `is_alive` is true only for the very process that `identify` saw: same host, same boot,
same pid, same start time. Not for telling whether a job is alive: its lock does.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def identify(pid: int) -> dict[str, Any]:
    """What tells this process from every other: host, boot, pid and start time."""
    return {
        "host": os.uname().nodename,
        "boot": boot_id(),
        "pid": pid,
        "start": start_time(pid),
    }


def is_alive(identity: Mapping[str, Any] | None) -> bool:
    """Whether that very process is alive here; a zombie is not."""
    if not identity or identity.get("host") != os.uname().nodename:
        return False
    pid, start = identity.get("pid"), identity.get("start")
    if not isinstance(pid, int) or pid <= 1 or not start or identity.get("boot") != boot_id():
        return False
    return start_time(pid) == start


def send(identity: Mapping[str, Any] | None, number: signal.Signals, *, group: bool) -> bool:
    """Signal that very process, or the group that it leads; whether there was such a one."""
    if not identity or not is_alive(identity):
        return False
    with suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(identity["pid"], number)
        else:
            os.kill(identity["pid"], number)
        return True
    return False


def boot_id() -> str:
    """Changes with every start of the machine; empty where it cannot be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def start_time(pid: int) -> str:
    """When the process was started, in the kernel's words; empty for none and for a zombie."""
    try:
        fields = _stat(pid)
    except FileNotFoundError:
        return "" if Path("/proc/self/stat").exists() else _start_by_ps(pid)
    except (OSError, IndexError):
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]


def group_members(group: int) -> list[int]:
    """The living processes of a process group (Linux; empty elsewhere)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            fields = _stat(int(entry.name))
            if int(fields[2]) == group and fields[0] not in {"Z", "X"}:
                found.append(int(entry.name))
    return found


def wait_for_end(identity: Mapping[str, Any], timeout_s: float | None = None) -> bool:
    """Wait for a process that is not our child; whether it ended in time."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    try:
        descriptor = os.pidfd_open(identity["pid"])
    except (OSError, AttributeError):
        descriptor = -1
    try:
        while is_alive(identity):
            left = 1.0 if deadline is None else min(1.0, deadline - time.monotonic())
            if left <= 0:
                return False
            if descriptor >= 0:
                select.select([descriptor], [], [], left)
            else:
                time.sleep(min(0.2, left))
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    return True


def _stat(pid: int) -> list[str]:
    """The fields of `/proc/<pid>/stat` from the third on: state, parent, group, ..."""
    text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    # The second is the command's name, which may hold spaces and brackets of its own.
    return text[text.rindex(")") + 2 :].split()


def _start_by_ps(pid: int) -> str:
    with suppress(OSError, subprocess.SubprocessError):
        out = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5
        ).stdout.strip()
        state, _, started = out.partition(" ")
        return "" if state.startswith("Z") else started.strip()
    return ""
