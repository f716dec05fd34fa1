"""An interrupt that lets what was begun end well: the first sets a flag, the next breaks off.

Guarantee: the handler that was there is back when the block is left. For the main thread alone,
since no other gets signals.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Gives a flag that the first interrupt raises, so that what was said is kept.

    Raises:
        KeyboardInterrupt: At the second one.
    """
    pressed = False

    def press(_number: int, _frame: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
