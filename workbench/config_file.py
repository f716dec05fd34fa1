"""The settings file as text: read it, change one line of it.

Guarantee: a change replaces the file at once, under a lock, and keeps the user's comments and
order; where a line cannot be changed alone the file is written anew with the same settings. Not
for what the settings mean: `workbench.config` does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sessions.atomic import atomic_write
from sessions.locks import HeldLock
from sessions.paths import cannot_read, home
from sessions.plain_files import load_toml, read_text
from workbench.errors import UsageError

FILE_NAME = "config.toml"
_TABLE = "keymap"


def config_path() -> Path:
    """The settings file; it need not exist."""
    return home(create=False) / FILE_NAME


def read_file() -> dict[str, Any]:
    """The file's settings, `{}` where there is none.

    Raises:
        UsageError: It is not TOML.
        RecordError: It cannot be read.
    """
    try:
        return load_toml(read_text(config_path()))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise cannot_read(config_path(), error) from error
    except ValueError as error:
        raise UsageError(
            f"{config_path()} is not TOML: {error}",
            hint='mend that line; for example: images = "halfcell"',
            kind="bad_setting",
        ) from None


def is_binding(name: str) -> bool:
    """Whether `name` is `keymap.BINDING`."""
    return name.startswith(f"{_TABLE}.") and len(name) > len(_TABLE) + 1


def change(name: str, value: Any) -> bool:
    """Set one setting, or take it out where `value` is `None`; whether the file changed.

    Raises:
        UsageError: The file is not TOML as it is.
        RecordError: It cannot be written.
    """
    lock = HeldLock(home() / f".{FILE_NAME}.lock", wait=True)
    try:
        before = read_file()
        after = _changed(before, name, value)
        if after == before:
            return False
        path = config_path()
        old = read_text(path) if path.exists() else ""
        atomic_write(path, _edited(old, name, value, after))
        return True
    finally:
        lock.release()


def _changed(table: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    after = dict(table)
    place, key = after, name
    if is_binding(name):
        key = name.removeprefix(f"{_TABLE}.")
        keys = after.get(_TABLE)
        place = after[_TABLE] = dict(keys) if isinstance(keys, dict) else {}
    if value is None:
        place.pop(key, None)
    else:
        place[key] = value
    return {name: item for name, item in after.items() if item != {}}


def _edited(old: str, name: str, value: Any, after: Mapping[str, Any]) -> str:
    """The new text, changed in one line where that says the same as `after`."""
    import tomli_w

    section, key = (_TABLE, name.removeprefix(f"{_TABLE}.")) if is_binding(name) else ("", name)
    line = "" if value is None else tomli_w.dumps({key: value})
    candidate = _one_line_changed(old, section, key, line)
    try:
        if load_toml(candidate) == after:
            return candidate
    except ValueError:
        pass
    return tomli_w.dumps(after)


def _one_line_changed(old: str, section: str, key: str, line: str) -> str:
    lines = old.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    here, header, last = "", -1, -1
    for index, existing in enumerate(lines):
        if existing.lstrip().startswith("["):
            here = existing.strip().strip("[]").strip()
            header = index if here == section else header
        elif here == section:
            if existing.partition("=")[0].strip().strip("\"'") == key:
                return "".join([*lines[:index], line, *lines[index + 1 :]])
            last = index if existing.strip() else last
    if section and header < 0:
        return "".join([*lines, f"\n[{section}]\n", line])
    # Behind the last setting of its section, so that a comment on top stays on top.
    at = max(header, last) + 1
    return "".join([*lines[:at], line, *lines[at:]])
