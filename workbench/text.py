"""Text from data and models, made safe before it meets a terminal or markup.

Two depths. `clean()` is for where a text is shown: whole escape sequences go. `harmless()` is the
last line of defence under everything that is printed or drawn (`workbench.terminal`, and the
bench's line filter): the single characters that a terminal acts on go, and nothing else does.
What is stored (records, exports) keeps the raw text: only what is shown is cleaned.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# C0 but tab and newline, DEL, C1, zero-width and bidi controls, BOM, interlinear annotation.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    "\ufff9-\ufffb]"
)
# Half of a pair means no character; one that stands for a byte would be written as that byte.
_SURROGATE = re.compile("[\ud800-\udfff]")
# A whole escape sequence goes, not its ESC alone: what is left of a colour code is noise. A string
# without its end is left as text, and so is what follows a lone C1: in real data that is mostly a
# letter in the wrong encoding, and no reason to hide the rest.
_ESCAPE = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]|\x1b[]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)|\x1b[@-_]?"
)
# In JSON such characters can only stand inside strings, where an escape means the same.
_UNSAFE_IN_JSON = re.compile(
    "[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)


def clean(text: object, *, newlines: bool = True) -> str:
    """Return `text` without anything that a terminal would act on.

    Args:
        text: Anything; `str()` is taken of it.
        newlines: Keep line breaks and tabs; otherwise each becomes a single space.
    """
    out = _ESCAPE.sub("", str(text).replace("\r\n", "\n").replace("\r", "\n"))
    out = harmless(out)
    return out if newlines else re.sub(r"[\n\t]+", " ", out)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean question? `, of the names that are nearest in spelling; empty without any."""
    by_case = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_case, n=1)
    return f"did you mean {by_case[near[0]]}? " if near else ""


def harmless(text: str) -> str:
    """`text` without the single characters that a terminal acts on; tabs and newlines stay.

    All of them take no cell, so that the width stays what it was; half a surrogate pair becomes
    U+FFFD, as wide as it.
    """
    if text.isprintable():  # none of them is
        return text
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))


def json_escaped(document: str) -> str:
    """A JSON document with what a terminal would act on written as `\\u....`."""
    out = _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", document)
    return out.encode("utf-8", "backslashreplace").decode()


def counted(n: int, noun: str) -> str:
    """For example `1 run`, `1,000 runs`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
