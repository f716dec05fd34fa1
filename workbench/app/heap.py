"""How often the garbage collector walks over the objects of the bench.

A full collection walks over all widgets, styles and modules, which stops the event loop for 100 to
200 ms: longer than anything a key costs. What the start made is never garbage.
"""

from __future__ import annotations

import gc

_YOUNG = 5_000  # new objects until the young are looked through; Python's own is 700


def leave_out_the_start() -> None:
    """Take all objects of now out of later collections. Once for a process: it cannot be undone."""
    gc.freeze()
    _, middle, old = gc.get_threshold()
    gc.set_threshold(_YOUNG, middle, old)
