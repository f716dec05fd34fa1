"""A terminal that is not there, for benchmarks of the bench: what would be sent to it is counted.

Textual's headless driver leaves out the making of escape sequences, which a real terminal costs.
"""

from __future__ import annotations

from typing import Any


class Sent:
    """Characters and writes that would have reached the terminal."""

    characters = 0
    writes = 0


def count_output() -> type[Sent]:
    """From now on an app under `run_test` makes what it would send; returns the count of it."""
    from textual.drivers.headless_driver import HeadlessDriver

    def write(_driver: HeadlessDriver, data: str) -> None:
        Sent.characters += len(data)
        Sent.writes += 1

    driver: Any = HeadlessDriver
    driver.is_headless = property(lambda _driver: False)
    driver.write = write
    return Sent
