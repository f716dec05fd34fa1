"""Half of a UID: a word like `mine` or `mine/test`, which is a dataset and no sample of it.

Guarantee: a hub's dataset is not opened to say what is missing. Not for UIDs that are whole and
name no sample: the source that is asked for it says so.
"""

from __future__ import annotations

from contextlib import suppress

from sessions.errors import BadUid
from sessions.uid import Uid
from workbench.errors import DataError, UnknownName, UsageError


def whole_uid(text: str | Uid) -> Uid:
    """The UID that a text is. Raises `BadUid`, and `UsageError` as `refuse_half_a_uid`."""
    if isinstance(text, str):
        refuse_half_a_uid(text)
    return Uid.parse(text)


def refuse_half_a_uid(text: str) -> None:
    """Raise `UsageError` for a word like `mine` or `mine/a1`: a dataset and no sample of it.

    Nobody asks a model that; it is a UID of which a part was left out.
    """
    if len(text.split()) != 1:
        return
    name, slash, rest = text.strip().partition("/")
    with suppress(BadUid):
        Uid.parse(text)
        return
    # A whole UID needs none of these, and they take longer than to note it down.
    from workbench.data.registry import find_dataset
    from workbench.data.source import open_source

    try:
        info = find_dataset(name).info()
    except (UnknownName, UsageError, DataError):
        return
    wants = f"{name}/SPLIT/{rest or 'ID'}"
    if rest in info.splits:
        wants = f"{name}/{rest}/ID"
        if info.cached and info.splits[rest]:
            with suppress(UnknownName, DataError):
                wants += f", such as {open_source(name, rest).uid_at(0)}"
    raise UsageError(
        f"{text!r} begins with the dataset {name!r} and names no sample of it"
        if slash
        else f"{text!r} is a dataset, and names no sample of it",
        hint=f"a UID is dataset/split/native-id: {wants}; see: wb data info {name}",
    )
