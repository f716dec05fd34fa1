"""The terminal that a command prints to: one door, and nothing that acts on it gets through.

Guarantee: after `protect()` whatever is written to stdout or stderr, by whomever (`click.echo`,
`print`, a warning, the traceback of a bug), is cleaned where that stream is a terminal. What goes
into a pipe or a file stays as it is. Our own styling has two ways past: `redraw` for a line that
moves, and `workbench.console` for rich, which cleans every segment before it is styled.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

from workbench.text import clean, harmless


class CleanStream:
    """A terminal's text stream through which only text passes.

    Attributes:
        raw: The stream itself, for what was cleaned piece by piece and then styled.
    """

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        """Write what is left of a text; a carriage return is kept only as its first character.

        A bar of another package begins so; in the middle of a text it would overwrite what stands
        before it.
        """
        back, rest = ("\r", text[1:]) if text[:1] == "\r" else ("", text)
        self.raw.write(back + harmless(rest.replace("\r\n", "\n").replace("\r", "\n")))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name in ("buffer", "raw"):  # bytes would pass unseen; click looks for it
            raise AttributeError(name)
        return getattr(self.raw, name)


def protect() -> None:
    """Have what this process prints to a terminal cleaned, from now on."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, CleanStream) and stream.isatty():
            setattr(sys, name, CleanStream(stream))


def styled(stream: Any) -> TextIO:
    """The stream under the cleaning, for what is made of cleaned pieces and our own styling."""
    return cast(TextIO, stream.raw if isinstance(stream, CleanStream) else stream)


def redraw(text: str) -> None:
    """Draw the moving line of stderr anew; an empty text takes it away."""
    stream = styled(sys.stderr)
    stream.write("\r\x1b[2K" + clean(text, newlines=False))
    stream.flush()
