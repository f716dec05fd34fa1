"""How often the garbage collector walks over the objects of the bench.

A full collection walks over all widgets, styles and modules, which stops the event loop for 100 to
200 ms: longer than anything a key costs. What the start made is never garbage.
"""

from __future__ import annotations

import gc

_YOUNG = 10_000  # new objects until the young are looked through; Python's own is 700


def leave_out_what_is_there() -> None:
    """Take all objects of now out of later collections, in a process of the bench's own."""
    gc.freeze()
    gc.set_threshold(_YOUNG)
