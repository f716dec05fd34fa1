"""One thing that can be chosen in a picker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Choice:
    """One thing that can be chosen.

    Attributes:
        title: Its name.
        about: A few words, or a preview.
        value: What the modal returns for it.
    """

    title: str
    about: str
    value: Any
