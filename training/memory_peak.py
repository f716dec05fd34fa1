"""The most memory that this process has held, as a training records it.

Guarantee: of a CPU the resident size of the process itself (libraries included; not what its
parent held before it was started), of GPUs what torch had allocated on them. `None` where the
system does not tell. Not for saying whether a model fits: see `workbench.models.memory`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")


def peak_memory(device_type: str) -> dict[str, Any]:
    """`{"of": "gpu" | "process", "bytes": n | None}`.

    Args:
        device_type: As `torch.device.type` has it.
    """
    if device_type == "cuda":
        import torch

        counts = range(torch.cuda.device_count())
        return {"of": "gpu", "bytes": sum(torch.cuda.max_memory_allocated(n) for n in counts)}
    return {"of": "process", "bytes": _resident()}


def _resident() -> int | None:
    # Linux's getrusage counts what the parent held at the fork; VmHWM begins anew with the program.
    try:
        for line in _STATUS.read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        import resource
    except ImportError:
        return None
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024


def larger(before: Any, now: dict[str, Any]) -> dict[str, Any]:
    """The larger of two peaks, of which the first is what an earlier stretch recorded, if any."""
    if not isinstance(before, dict) or before.get("of") != now["of"]:
        return now
    found = [n for n in (before.get("bytes"), now["bytes"]) if isinstance(n, int)]
    return {**now, "bytes": max(found, default=None)}
