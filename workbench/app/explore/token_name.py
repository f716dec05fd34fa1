"""A token named in a line, so that no two different tokens look alike.

Not for running text: see `answer.shown_token`.
"""

from __future__ import annotations

_SIGNS = {"\n": "⏎", "\t": "⇥", "\r": "␍", "\xa0": "⍽"}


def token_name(text: str) -> str:
    """`␣Yes`, `⏎`, `\\u200b`: what would not be seen has a sign; nothing at all is `∅`.

    Blanks between words stay blanks: they are seen there.
    """
    start = len(text) - len(text.lstrip(" "))
    end = len(text.rstrip(" "))
    signs = [_sign(sign, at < start or at >= end) for at, sign in enumerate(text)]
    return "".join(signs) or "∅"


def _sign(sign: str, at_an_end: bool) -> str:
    if sign == " ":
        return "␣" if at_an_end else " "
    if sign in _SIGNS or not sign.isprintable():
        return _SIGNS.get(sign) or f"\\u{ord(sign):04x}"
    return sign
