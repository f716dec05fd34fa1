"""How a dataset of the hub is read, and where its cached files lie: remembered per dataset.

Guarantee: a mode that was asked for by `--mode` holds for the process and is remembered for every
dataset that is opened under it; without one the remembered mode holds, else that of the settings.
What is remembered is a convenience: where it cannot be read or written, nothing fails.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Literal, cast

from workbench.errors import UsageError

Mode = Literal["auto", "streamed", "cached"]
MODES: tuple[Mode, ...] = ("auto", "streamed", "cached")
_wish: Mode | None = None


def wish_mode(mode: str | None) -> None:
    """Ask for a mode for this process; `None` asks for none. Raises `UsageError`."""
    global _wish
    _wish = None if mode is None else _checked(mode)


def mode_of(name: str) -> Mode:
    """How a dataset is to be read: as wished, as remembered, as set; then remembers a wish."""
    if _wish is not None:
        if _read(name).get("mode") != _wish:
            remember(name, mode=_wish)
        return _wish
    kept = _read(name).get("mode")
    if kept in MODES:
        return cast(Mode, kept)
    from workbench.config import load_settings

    return cast(Mode, load_settings(strict=False).mode)


def folder_of(name: str) -> Path:
    """Where the files of a dataset are cached: as it was told to, else under the home."""
    from sessions.paths import home

    kept = _read(name).get("folder")
    return Path(kept) if isinstance(kept, str) and kept else home(create=False) / "hub" / name


def remember(name: str, **facts: Any) -> None:
    """Remember `mode` or `folder` of a dataset; a `None` forgets it."""
    from sessions.atomic import write_json
    from sessions.errors import RecordError

    body = {k: v for k, v in (_read(name) | facts).items() if v is not None}
    if "mode" in body:
        body["mode"] = _checked(body["mode"])
    with contextlib.suppress(RecordError, OSError):
        from workbench.data.tables.mapping import datasets_dir

        datasets_dir(create=True)
        write_json(_path(name), {"v": 1} | body)


def forget(name: str) -> None:
    """Remember nothing of a dataset; its cached files stay."""
    with contextlib.suppress(OSError):
        _path(name).unlink(missing_ok=True)


def _checked(mode: str) -> Mode:
    if mode not in MODES:
        raise UsageError(f"{mode!r} is no mode", hint=f"the modes are {', '.join(MODES)}")
    return cast(Mode, mode)


def _read(name: str) -> dict[str, Any]:
    from sessions.atomic import read_json
    from sessions.errors import RecordError

    with contextlib.suppress(RecordError, OSError):
        body = read_json(_path(name))
        if body is not None and body.get("v") == 1:
            return {key: value for key, value in body.items() if key != "v"}
    return {}


def _path(name: str) -> Path:
    from workbench.data.tables.mapping import check_name, datasets_dir

    return datasets_dir() / f"{check_name(name)}.hub.json"
