"""The examples field: which few-shot examples are wanted, in the words of the commands or shorter.

    2                          two of each label from the train split, by the seed
    2 from:demo/dev            from another split
    tag:hard   2 tag:hard      all bookmarks with a tag, or two of each label of them
    2 right:3f2a               of those that a run got right
    demo/train/7 demo/train/9  these, in this order
    --shots 2 --shots-tag hard the flags themselves

Guarantee: what is typed is read without reading any data; what it cannot mean is a `UsageError`
in the words of the flags.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.prompts.shots import ShotWish

MOST = 64  # examples of each label: more fill any model's context
ABOUT = (
    "few-shot examples: 2 (of each label), tag:NAME, right:RUN, from:DATASET/SPLIT, or UIDs; "
    "--shots, --shot, --shots-tag, --shots-right-in and --shots-from work too"
)
_FLAGS = {
    "--shots": "count",
    "--shots-from": "source",
    "--shots-tag": "tag",
    "--shots-right-in": "right_in",
    "--shot": "uids",
}
_SHORT = {"from": "source", "tag": "tag", "right": "right_in", "run": "right_in"}


def read_shots(text: str, seed: int = 0) -> ShotWish:
    """What was typed, drawn by a seed. Raises `UsageError`."""
    from workbench.prompts.shots import ShotWish

    try:
        words = shlex.split(text.replace(",", " "))
    except ValueError as error:
        raise UsageError(f"the examples cannot be read: {error}", kind="bad_knob") from error
    facts: dict[str, Any] = {}
    uids: list[str] = []
    at = iter(words)
    for word in at:
        name, value = _pair(word, at)
        if name == "uids":
            uids.append(value)
        elif name in facts:
            raise UsageError(f"examples: {word} is said twice", kind="bad_knob")
        else:
            facts[name] = _count(value) if name == "count" else value
    wish = ShotWish(seed=seed, uids=tuple(uids), **facts)
    if problems := wish.problems():
        raise UsageError("; ".join(problems), kind="bad_knob")
    return wish


def _pair(word: str, rest: Any) -> tuple[str, str]:
    """(what it sets, to what) of a word, with the one after it where it is a flag."""
    flag, equals, value = word.partition("=")
    if flag in _FLAGS:
        value = value if equals else next(rest, "")
        if not value:
            raise UsageError(f"{flag} wants a value", kind="bad_knob")
        return _FLAGS[flag], value
    short, colon, value = word.partition(":")
    if colon and short in _SHORT:
        if not value:
            raise UsageError(f"{short}: wants a name after it", kind="bad_knob")
        return _SHORT[short], value
    if word.count("/") >= 2:
        return "uids", word
    return "count", word


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= MOST:
        return int(text)
    raise UsageError(
        f"examples wants a whole number from 0 to {MOST}, got {text!r}",
        hint="or tag:NAME, right:RUN, from:DATASET/SPLIT, UIDs",
        kind="bad_knob",
    )


def shot_flags(wish: ShotWish | None) -> list[str]:
    """The flags that ask a command for the same examples; the seed is not among them."""
    if wish is None or not wish:
        return []
    flags = ["--shots", str(wish.count)] if wish.count else []
    for flag, value in (
        ("--shots-from", wish.source),
        ("--shots-tag", wish.tag),
        ("--shots-right-in", wish.right_in),
    ):
        flags += [flag, value] if value else []
    return flags + [part for uid in wish.uids for part in ("--shot", uid)]
