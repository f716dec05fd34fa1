"""Libraries that one file of tests needs: all workers read that file, one of them imports them."""

from __future__ import annotations

import importlib
from typing import Any


class Later:
    """A module that is imported when something of it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)
