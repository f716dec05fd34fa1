"""Identifiers that sort by time, and the clock of the record.

Guarantee: ids made by one process sort in the order of their making; ids of different processes
and hosts do not meet (80 random bits a millisecond). Not secret: they tell when.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from sessions.errors import NoSuchRecord

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u to misread
_LOCK = threading.Lock()
_last: tuple[int, int, int] = (0, 0, 0)  # process, milliseconds, random part

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def new_id() -> str:
    """A ULID in lower case: 26 characters, the first ten of them the time in milliseconds."""
    global _last
    with _LOCK:
        process, moment, chance = os.getpid(), time.time_ns() // 1_000_000, _random80()
        # Within a millisecond, or when the clock goes back, count on: order must hold. A forked
        # child starts anew, else it would count along the same numbers as its parent.
        if process == _last[0] and moment <= _last[1]:
            moment, chance = _last[1], _last[2] + 1
        _last = (process, moment, chance)
    number = (moment << 80) | chance
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def _random80() -> int:
    # The top bit stays clear, so that counting on within a millisecond cannot overflow.
    return int.from_bytes(os.urandom(10), "big") >> 1


def short_id(ident: str) -> str:
    """What a table shows of an id: its end, since ids of one day begin alike."""
    return ident[-6:] if len(ident) == 26 else ident


def now() -> str:
    """The time as the record writes it: ISO 8601, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_safe_name(name: str) -> bool:
    """Whether `name` can be a file or folder of the record: no separator, no leading dot."""
    return bool(_SAFE_NAME.fullmatch(name))


def resolve(wanted: str, known: Iterable[str], what: str, hint: str = "") -> str:
    """The one id that `wanted` is, begins or ends (four characters at least for an end).

    Args:
        wanted: What the user typed; `last` is the newest.
        known: All ids there are.
        what: `run`, `job`, `session` or `record`, for the message.
        hint: Where to look if there is none; empty for the command that lists them.

    Raises:
        NoSuchRecord: None or several match; the message names them.
    """
    ids = sorted(known)
    if wanted in ids:
        return wanted
    if wanted == "last" and ids:
        return ids[-1]
    lower = wanted.lower()
    found = [i for i in ids if lower and i.lower().startswith(lower)]
    found = found or [i for i in ids if len(lower) >= 4 and i.lower().endswith(lower)]
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        raise NoSuchRecord(
            f"{wanted!r} fits {len(found)} {what}s: {some}",
            hint="type more of it",
            kind="ambiguous_name",
        )
    raise NoSuchRecord(f"there is no {what} {wanted!r}", hint=hint or f"see: wb {what}s list")
