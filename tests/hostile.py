"""Text that acts on a terminal, in every field that is shown; and what a terminal may be sent.

`poison` writes it into every string of a dataclass, so that a field which is added tomorrow is
covered. `acts` reads the bytes that a terminal got and names what no widget or command of ours
has sent by itself.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

WORD = "Xyzzy"  # by which a test knows that the text was drawn at all
# Title, clipboard, link, screen, cursor and colours; the same in C1; bidi; BEL, BS, SO, DEL.
EVIL = (
    f"{WORD}\x1b]2;OWNED\x07\x1b]0;OWNED\x1b\\\x1b]52;c;T1dORUQ=\x07\x1b]8;;http://owned\x07"
    "\x1bP+q\x1b\\\x1b[?47h\x1b[2J\x1b[6n\x1b[5;8mq\x1bc\x1b(0\x1b]2;no end \x9d2;OWNED\x9c\x9b5;8m"
    "\x90q\x9c\x85\x84\u202eevil\u202d\u2066\u2067\u2069\u200e\u200f\u061c\x07\x08\x0e\x7f\r"
)
# Words of a closed vocabulary: another one is refused, or is another record.
CLOSED = frozenset(
    {"v", "kind", "id", "ts", "task", "role", "state", "dtype", "created", "action", "type"}
    | {"started", "ended", "boot_id", "host", "sha256", "quantization", "device", "ended_ts"}
)


def poison(value: Any, closed: frozenset[str] = CLOSED) -> Any:
    """The same value with `EVIL` at the end of every string, dataclasses and containers too."""
    if isinstance(value, str):
        return value + EVIL
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {
            f.name: poison(getattr(value, f.name), closed)
            for f in dataclasses.fields(value)
            if f.init and f.name not in closed
        }
        return dataclasses.replace(value, **changed)
    if isinstance(value, Mapping):
        return {k: v if k in closed else poison(v, closed) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(poison(v, closed) for v in value)
    return value


def filled(cls: type) -> Any:
    """A dataclass with every field of text filled, those with a default of `None` too."""
    made = {}
    for f in dataclasses.fields(cls):
        if (
            f.init
            and f.name not in CLOSED
            and "str" in str(f.type)
            and "Mapping" not in str(f.type)
        ):
            made[f.name] = (f.name,) if "tuple" in str(f.type) else f.name
    return poison(cls(**made))


def poison_files(folder: Path, leave: Callable[[Path], bool] = lambda path: False) -> None:
    """Poison every string in the JSON and JSON-lines files of a folder."""
    for path in [*folder.rglob("*.json"), *folder.rglob("*.jsonl")]:
        if leave(path):
            continue
        lines = path.suffix == ".jsonl"
        text = path.read_text("utf-8")
        found = [json.loads(line) for line in (text.split("\n") if lines else [text]) if line]
        path.write_text("".join(json.dumps(poison(one)) + "\n" for one in found), "utf-8")


# What Textual and rich send, and our moving line: styles, cursor moves, erasing, modes, the
# keyboard protocol, the shape of the pointer.
_SENT = re.compile(
    r"\x1b\[(?!5;8m)[0-9;]*m|\x1b\[\d+;\d+H|\r\x1b\[2K|\x1b\[\?(?P<mode>\d+)(?P<on>[hl])"
    r"|\x1b\[\?(?:2026|2048)\$p|\x1b\[>\d+u|\x1b\[<u|\x1b\]22;[a-z-]+\x07"
    r"|\x1b\]52;c;(?P<copied>[A-Za-z0-9+/=]*)\x07"
)
_MODES = frozenset([7, 25, 1000, 1003, 1004, 1006, 1015, 1016, 1049, 2004, 2026, 2048])
_ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def acts(sent: str) -> list[str]:
    """What in the text that a terminal got is not known to be ours, each with what follows it."""
    found = []

    def ours(match: re.Match[str]) -> str:
        if match["mode"] and int(match["mode"]) not in _MODES:
            found.append(match[0])
        if match["copied"] is not None:
            copied = base64.b64decode(match["copied"]).decode()
            found.extend(f"copied: {c!r}" for c in _ACTS.findall(copied))
            if "OWNED" in copied and copied.strip() == "OWNED":
                found.append(match[0])
        return ""

    rest = _SENT.sub(ours, sent.replace("\r\n", "\n"))
    # One return at the beginning of a line or the end of a frame moves to where text is anyway.
    found += [
        repr(rest[m.start() : m.start() + 24]) for m in _ACTS.finditer(rest.replace("\r", ""))
    ]
    return found
