"""The servers that someone named here: a record from elsewhere may not send prompts to its own.

A session or run that came from another machine names the server that answered it. Asking it again
would send that server images and the key, so only servers that were typed on this one (`--model`,
the settings, the bench) are asked on a record's word. Guarantee: holds origins, no keys.
"""

from __future__ import annotations

from pathlib import Path

from workbench.errors import UsageError
from workbench.models.remote_model import is_remote, read_remote

VERSION = 1
_MOST = 200


def _path() -> Path:
    from sessions.paths import home

    return home() / "servers.json"


def named() -> list[str]:
    """Origins, the last named first; a file that cannot be read holds none."""
    from sessions.atomic import read_json
    from sessions.errors import WbError

    try:
        found = read_json(_path())
    except (WbError, OSError, ValueError):
        return []
    origins = found.get("servers") if isinstance(found, dict) else None
    return [o for o in origins if isinstance(o, str)] if isinstance(origins, list) else []


def remember(model: str) -> None:
    """Someone named this model here; nothing is done for one that is no server's.

    Raises:
        UsageError: The name is none.
        RecordError: The home cannot be written.
    """
    if not is_remote(model):
        return
    from sessions.atomic import write_json

    origin, known = read_remote(model).origin, named()
    if origin not in known:
        write_json(_path(), {"v": VERSION, "servers": [origin, *known][:_MOST]})


def named_here(model: str) -> str:
    """Remember that this model was named here; what there is to say of that, mostly nothing.

    Raises as `remember`.
    """
    remember(model)
    return warning(model)


def check_named(model: str) -> None:
    """Raise `UsageError` where a record names a server that nobody named here."""
    if not is_remote(model):
        return
    there = read_remote(model)
    if there.origin not in named():
        raise UsageError(
            f"the record names a server that was never named here: {there.origin}",
            hint="it would be sent prompts, images and the key; name it to say that it may: "
            f"--model {there.model}",
            kind="unknown_server",
        )


def warning(model: str) -> str:
    """What to say where a server would get the key in the clear; empty where it would not."""
    if not is_remote(model):
        return ""
    from workbench.serving.remote.http_client import key

    there = read_remote(model)
    if not there.is_open or not key():
        return ""
    return f"the key and the images go to {there.origin} unencrypted: anyone on the way reads them"
