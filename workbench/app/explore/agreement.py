"""How far several answers to one question agree, in words."""

from __future__ import annotations

from collections.abc import Sequence


def agreement(texts: Sequence[str]) -> str:
    """How far some answers agree: `all 3 the same`; empty for fewer than two."""
    count, different = len(texts), len(set(texts))
    if count < 2:
        return ""
    each = "both" if count == 2 else f"all {count}"
    if different in (1, count):
        return f"{each} the same" if different == 1 else f"{each} different"
    return f"{different} answers among {count}"
