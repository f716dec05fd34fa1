"""How many samples a run has answered, read and failed at, in words: in lists, pages and reports.

Guarantee: standard library only; what a run does not count is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def counted_words(counts: Mapping[str, Any]) -> str:
    """`10 of 10 samples, 0 unparsed, 0 failed, 2 truncated`; what is not counted is left out."""
    names = ("unparsed", "failed", "truncated", "unlabelled")
    words = [f"{counts[name]} {name}" for name in names if name in counts]
    words += [f"{counts['recorded']} from the record"] if counts.get("recorded") else []
    return ", ".join([f"{counts.get('done', 0)} of {counts.get('total', 0)} samples", *words])
