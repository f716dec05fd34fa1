"""What a clause says that tells what a picture or a text holds.

"It contains no offensive language", "there is nothing offensive about it", "neither the text nor
the image is offensive". Not for labels that are names or poles: "no dog" is said of a scene.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.prompts.parse_words import CONTENT, CONTENT_GOES_ON

# "contains no offensive content", "there is nothing offensive about it".
_HAS = r"(?:contains?|includes?|has|have|conveys?|promotes?|expresses|uses?)"
_HAS_NONE = re.compile(
    rf"(?:\b(?:does not|doesn't|do not|don't) {_HAS}(?: any)?|\b{_HAS} no"
    r"|\b(?:there is|there's|there are|i see|i find|see|find|it shows) no)$"
)
_HAS_SOME = re.compile(
    rf"^(?:it|this|(?:the|this) (?:meme|image|text|picture|post)) {_HAS}(?: an?)?$"
)
_NOTHING = re.compile(
    r"^(?:(?:there is|there's|i see|i find|it (?:has|contains)|(?:the|this) (?:meme|image) "
    r"(?:has|contains))(?: clearly| really)? nothing"
    r"|(?:i|we) (?:don't|do not|can't|cannot) (?:see|find) anything"
    r"|there (?:isn't|is not) anything|(?:doesn't|does not) contain anything"
    r"|nothing (?:about|in) (?:it|this|the meme|this meme) is|nothing here is)$"
)


_NEITHER = re.compile(r"^neither (?:the|this) \w+ nor (?:the|this) \w+ (?:is|are)$")


def judge_content(said: str, after: Sequence[str]) -> bool | None:
    """Whether the label is affirmed of what is held, or denied; `None` where nothing is told.

    Args:
        said: The words before the label, folded.
        after: Those after it.
    """
    if _NOTHING.match(said) and (not after or after[0] in ("about", "in", "here", "to", "or")):
        return False
    if _NEITHER.match(said) and not after:
        return False
    if after[:1] in (["or"], ["and"]) and after[2:3] and after[2] in CONTENT:
        after = after[2:]  # "no offensive or hateful language"
    if not after or after[0] not in CONTENT or (after[1:] and after[1] not in CONTENT_GOES_ON):
        return None
    if said == "no" or _HAS_NONE.search(said):
        return False
    return True if _HAS_SOME.match(said) else None
