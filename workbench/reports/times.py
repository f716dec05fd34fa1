"""Moments of the record as seconds, for all who say how long ago something was."""

from __future__ import annotations

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
