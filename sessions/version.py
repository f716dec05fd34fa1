"""Which `wb` wrote a record: the version of the installed distribution."""

from __future__ import annotations

from functools import cache

DISTRIBUTION = "vlm-workbench"


@cache
def wb_version() -> str:
    """The installed version, `0+unknown` where `wb` runs uninstalled."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0+unknown"
