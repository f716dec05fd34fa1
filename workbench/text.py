"""Text from data and models, made safe before it meets a terminal or markup.

ESC, C1 and bidirectional control characters pass through Rich's and Textual's widgets; one
`clean()` where data enters keeps them out. What is stored (records, exports) keeps the raw
text: only what is shown is cleaned.
"""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1, zero-width and bidi controls, BOM, interlinear annotation.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
# A whole escape sequence goes, not its ESC alone: what is left of a colour code is noise.
_ESCAPE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"
    "|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f]).*?(?:\x07|\x1b\\\\|\x9c|$)|\x1b[@-_]?",
    re.S,
)


def clean(text: object, *, newlines: bool = True) -> str:
    """Return `text` without anything that a terminal would act on.

    Args:
        text: Anything; `str()` is taken of it.
        newlines: Keep line breaks and tabs; otherwise each becomes a single space.
    """
    out = _ESCAPE.sub("", str(text).replace("\r\n", "\n").replace("\r", "\n"))
    out = _CONTROL.sub("", out)
    return out if newlines else re.sub(r"[\n\t]+", " ", out)


def counted(n: int, noun: str) -> str:
    """For example `1 run`, `1,000 runs`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
