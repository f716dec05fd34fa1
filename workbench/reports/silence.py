"""What stands where a model answered without a word: an empty place says nothing to its reader."""

from __future__ import annotations

_ENDS = {
    "stop": "end of turn",
    "length": "the limit of new tokens",
    "cancelled": "cancelled",
    "error": "failed",
}


def answered_nothing(tokens: int | None = None, finish_reason: str | None = None) -> str:
    """`the model answered nothing (0 tokens, end of turn)`.

    Args:
        tokens: How many it wrote, also where none of them is a word; `None` where unknown.
        finish_reason: As `Answer.finish_reason`; left out where the record does not say.
    """
    known = [] if tokens is None else [f"{tokens:,} token" + ("" if tokens == 1 else "s")]
    if finish_reason:
        known.append(_ENDS.get(finish_reason, finish_reason))
    return "the model answered nothing" + (f" ({', '.join(known)})" if known else "")
