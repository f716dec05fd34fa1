"""How much work one piece of somebody's data may make, and the one error that says it was more.

Guarantee: each budget is checked before, or while, the work is done, and its error names the
budget, what was found and the setting that raises it. The defaults lie far above what real data
needs. Not for the size of a dataset: a table may have any number of rows.
"""

from __future__ import annotations

import os

from workbench.errors import DataError

MAX_IMAGE_BYTES = 64 * 1024 * 1024
"""Of one image, in a file, in a row or at a URL."""
MAX_SCANS = 100
"""Passes over one JPEG; encoders write about ten. Each costs as much as decoding it anew."""
MAX_COLUMNS = 4096
"""Columns of a table, and fields of one of its rows."""
MAX_PICKLE_STEPS = 2_000_000
"""Instructions of a pickle that are followed, and items that it may spread out into; a batch of
CIFAR-10 has about 50,000."""


def budget(name: str, default: int) -> int:
    """What is in force: `WB_<NAME>` where that is a positive number, else the default."""
    value = os.environ.get(f"WB_{name.upper()}", "")
    return int(value) if value.isdecimal() and int(value) > 0 else default


def max_scans() -> int:
    """The setting `max_scans`."""
    return budget("max_scans", MAX_SCANS)


def max_columns() -> int:
    """The setting `max_columns`."""
    return budget("max_columns", MAX_COLUMNS)


def too_many_columns(what: str, found: int, most: int) -> DataError:
    """The error for a table, or a row of one, that is too wide."""
    return DataError(
        f"{what} has {found:,} columns; at most {most:,} are read",
        hint="keep the columns that are needed, or: wb config set max_columns N",
        kind="over_budget",
    )


def jpeg_scans(data: bytes, most: int) -> int:
    """How many scans a JPEG has; exact only where it may have more than `most`.

    A scan begins with the marker FF DA. Those two bytes also occur by chance in a segment (a
    thumbnail, a colour profile) and never in compressed pixels, where FF is followed by 00.
    """
    found = data.count(b"\xff\xda")
    return found if found <= most else _walked_scans(data)


def _walked_scans(data: bytes) -> int:
    """The scans of the first picture, from segment to segment by their lengths."""
    at, scans = 2, 0
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        marker = data[at + 1]
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD7:  # stuffed, fill, restart
            at += 1 if marker == 0xFF else 2
        elif marker == 0xD9:  # the end of the picture
            break
        else:
            scans += marker == 0xDA
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return scans
