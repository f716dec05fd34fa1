"""Moments of the record and spans of time in words: one form for commands, bench and progress."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime


def seconds_of(stamp: object) -> float | None:
    """Seconds since the epoch of a timestamp in either form that the records use, else `None`."""
    if isinstance(stamp, (int, float)) and not isinstance(stamp, bool):
        return float(stamp)
    if isinstance(stamp, str):
        try:
            when = datetime.fromisoformat(stamp)
        except ValueError:
            return None
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return None


def duration(seconds: float | None) -> str:
    """A span of time in at most six characters: `46ms`, `7.9s`, `41s`, `7m02s`, `3h20m`, `5d`."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if 0 < seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    if 0 < seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d"


def ago(stamp: object, now: float | None = None) -> str:
    """How long ago in at most four characters: `now`, `41s`, `7m`, `3h`, `5d`, `2y`.

    Args:
        stamp: A moment as `seconds_of` takes it; "–" if it is none.
        now: Seconds since the epoch; `None` for the present.
    """
    then = seconds_of(stamp)
    if then is None:
        return "–"
    whole = max(0.0, (time.time() if now is None else now) - then)
    for limit, unit, letter in ((60, 1, "s"), (3600, 60, "m"), (86400, 3600, "h")):
        if whole < limit:
            return "now" if whole < 2 else f"{int(whole // unit)}{letter}"
    days = int(whole // 86400)
    return f"{days}d" if days < 1000 else f"{days // 365}y"


def clock(stamp: object) -> str:
    """The local time of day, `14:02:31`; a dash where the record does not say."""
    then = seconds_of(stamp)
    if then is None:
        return "–"
    return datetime.fromtimestamp(then).astimezone().strftime("%H:%M:%S")
