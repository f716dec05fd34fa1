"""The settings file as text: read it, change one setting in it.

Guarantee: a change replaces the file at once, under a lock, and keeps the user's comments, order
and spelling of the rest. Not for what the settings mean: `workbench.config` does that.
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
        if after == _said(before):
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
    return _said(after)


def _said(table: Mapping[str, Any]) -> dict[str, Any]:
    """Without a table that says nothing."""
    return {name: item for name, item in table.items() if item != {}}


def _edited(old: str, name: str, value: Any, after: Mapping[str, Any]) -> str:
    """The text with one setting changed, where that says the same as `after`; else `after` alone.

    The latter is for text that tomllib and tomlkit read differently.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        candidate = _with_setting(old, name, value)
        if _said(load_toml(candidate)) == after:
            return candidate
    except (TOMLKitError, ValueError, KeyError, RecursionError):
        pass
    return tomlkit.dumps(after)


def _with_setting(old: str, name: str, value: Any) -> str:
    import tomlkit

    ended = old if not old or old.endswith("\n") else f"{old}\n"
    place: Any = tomlkit.parse(ended)
    document, key = place, name
    if is_binding(name):
        key = name.removeprefix(f"{_TABLE}.")
        if not isinstance(document.get(_TABLE), dict):
            document[_TABLE] = tomlkit.table()
        place = document[_TABLE]
    if value is None:
        place.pop(key, None)
    elif place is document and key not in document and (head := _settings_in(ended)):
        # Not at the end, where a comment stands that is on what follows it.
        return head + tomlkit.dumps({key: value}) + ended[len(head) :]
    else:
        place[key] = value
    return tomlkit.dumps(document)


def _settings_in(text: str) -> str:
    """The beginning of the text up to its last setting outside of any table; may be empty."""
    import tomlkit
    from tomlkit.items import AoT, Table

    document = tomlkit.parse(text)
    plain = [key is not None and not isinstance(item, (AoT, Table)) for key, item in document.body]
    del document.body[len(plain) - plain[::-1].index(True) if any(plain) else 0 :]
    head = document.as_string()
    return head if text.startswith(head) else ""
