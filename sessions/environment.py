"""What a run ran on: written beside it, so that a figure can be traced to its machine.

Guarantee: imports nothing heavy (versions come from package metadata), and holds no variable
whose name or value looks secret; a URL in one loses its password. Not for choosing devices.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from sessions.ids import now
from sessions.redact import without_secrets
from sessions.version import wb_version

PACKAGES = (
    "torch torchvision transformers peft accelerate bitsandbytes datasets evaluate tokenizers "
    "safetensors numpy pyarrow pillow"
)
# Variables that change what is computed; everything else stays where it is.
_TELLING = re.compile(r"(WB|CUDA|OMP|MKL|PYTORCH|TORCH|HF|TRANSFORMERS|NCCL|SLURM)_[A-Z0-9_]+")
_SECRET = re.compile(
    r"TOKEN|SECRET|PASS|CREDENTIAL|AUTH|API_?KEY|ACCESS_?KEY|PRIVATE|(^|_)KEY(_|$)"
)
_SHORTEST_SECRET = 8


def is_secret_name(name: str) -> bool:
    """Whether a variable of that name is one whose value must never be written down."""
    return bool(_SECRET.search(name.upper()))


def secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The secret variables of an environment, by name; too short values are no secrets."""
    return {
        name: value
        for name, value in environ.items()
        if is_secret_name(name) and len(value) >= _SHORTEST_SECRET
    }


@cache
def versions() -> dict[str, str]:
    """The versions that an answer depends on: `wb`, `python` and the packages that compute it."""
    names = ("torch", "transformers", "tokenizers", "peft", "bitsandbytes", "pillow")
    return {
        "wb": wb_version(),
        "python": platform.python_version(),
        **package_versions(names),
    }


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """The installed version of each package that is installed."""
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str] = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def describe() -> dict[str, Any]:
    """The machine, the versions and the variables that matter, JSON-able."""
    hidden = set(secrets(os.environ).values())
    return {
        "v": 1,
        "ts": now(),
        "wb_version": wb_version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": platform.node(),
        "cpus": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "packages": package_versions(PACKAGES.split()),
        "env": {
            name: without_secrets(value)
            for name, value in sorted(os.environ.items())
            if _TELLING.fullmatch(name)
            and not is_secret_name(name)
            and not any(secret in value for secret in hidden)
        },
    }
