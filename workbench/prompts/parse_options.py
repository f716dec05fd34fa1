"""Reading which option of a multiple choice an answer names: by letter, by text, or by both.

Guarantee: strict, as `parse`: a letter counts where it is marked as one ("B", "(b)", "B) green",
"Answer: B"), a text where it is the only option that is named; a letter beside another option's
text is unparsed. "A red disc" names no letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_LAST = re.compile(r"(?is)^.*\b(?:answer|option|choice)\b(?:\s+is)?\s*[:=]?\s*(?=\S)")
_ALONE = re.compile(r"(?i)^[\s(\[*_\"']*([a-z])[\s)\].:,;!*_\"']*$")
_BEFORE = re.compile(
    r"(?i)^[\s(\[*_\"']*([a-z])(?:[)\].:,][\s*_\"']*|\s+[-\u2013\u2014]\s+)(.*)$", re.S
)
_SAID = re.compile(
    r"(?i)\b(?:answer|option|choice)(?:\s+is)?\s*[:=]?\s*[(\[*_\"']*([a-z])(?=[)\].:,;!*_\"']|\s*$|\n)"
)


def is_options(words: Mapping[str, str]) -> bool:
    """Whether the labels are the letters of options whose texts are known too."""
    letters = sorted(set(words.values()))
    wanted = [chr(ord("A") + i) for i in range(len(letters))]
    lettered = len(letters) > 1 and letters == wanted and set(letters) < set(words)
    return lettered and all(words[letter] == letter for letter in letters)


def read_option(text: str, words: Mapping[str, str]) -> tuple[str | None, str]:
    """The letter that an answer names and what is said beside it.

    Args:
        text: The answer without blocks of reasoning.
        words: Letter -> letter, and an option's text -> its letter.
    """
    first, _, rest = text.strip().partition("\n")
    letters = set(words.values())
    for said in (first, _LAST.sub("", text.strip()), text.strip()):
        if match := _ALONE.match(said):
            letter = match[1].upper()
            return (letter, rest.strip()) if letter in letters else (None, text.strip())
        match = _BEFORE.match(said)
        if match and match[1].upper() in letters:
            letter = match[1].upper()
            named = _named(match[2], words)
            return (letter if named <= {letter} else None), match[2].strip()
    said_letters = {found.upper() for found in _SAID.findall(text)} & letters
    named = _named(text, words)
    found = said_letters if said_letters else named
    if len(found) != 1 or (named and named != found):
        return None, text.strip()
    return next(iter(found)), text.strip()


def _named(text: str, words: Mapping[str, str]) -> set[str]:
    """The options whose texts stand in a text; of texts within each other the longest."""
    left, found = text.casefold(), set()
    for word in sorted((w for w in words if words[w] != w), key=len, reverse=True):
        pattern = rf"(?<!\w){re.escape(word.casefold())}(?!\w)"
        left, count = re.subn(pattern, " ", left)
        if count:
            found.add(words[word])
    return found
