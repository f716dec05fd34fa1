"""The words that narrow a list of samples: one rule for Explore's list and a run's samples.

Guarantee: no import of data or models; a sample is told in `SampleFacts`, wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sessions.verdict import Verdict
from sessions.words import words_of

TERMS = ("is", "label", "said", "tag")

# What `is:` asks of a run, and of samples.
_OF_RUNS = ("wrong", "right", "failed", "unparsed")
_OF_SAMPLES = ("starred", "broken", "bookmarked", "star")


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """What a filter asks of a sample.

    Attributes:
        text: In which words are looked for, in any case.
        label: The gold label.
        said: The label that a run read from the answer, `None` without one.
        verdict: What the run's answer counts as.
        broken: The sample itself cannot be read.
        tags: Of its bookmark, `None` without a bookmark.
    """

    text: str
    label: str | None = None
    said: str | None = None
    verdict: Verdict = "none"
    broken: bool = False
    tags: Sequence[str] | None = None


@dataclass(frozen=True)
class SampleFilter:
    """What the user typed to narrow the list.

    Words must all occur in the text; `is:wrong`, `is:right`, `is:failed`, `is:unparsed`,
    `is:starred`, `is:broken`, `label:X`, `said:X` and `tag:X` ask for the rest. A word in quotes
    may have blanks.
    """

    text: str = ""

    @cached_property
    def words(self) -> list[str]:
        """The words, lower-case."""
        return words_of(self.text.casefold())

    @property
    def of_bookmarks(self) -> bool:
        """Whether a word asks for bookmarks."""
        marked = {f"is:{value}" for value in _OF_SAMPLES if value != "broken"}
        return any(word in marked or word.startswith("tag:") for word in self.words)

    @property
    def of_texts(self) -> bool:
        """Whether a word is looked for in the text."""
        return any(not _asks(word) for word in self.words)

    def problem(self, *, run: bool, readable: bool = False) -> str:
        """Why a word of it can fit nothing, empty where each can.

        Args:
            run: A run says something of the samples.
            readable: All samples could be read, or nobody looked: none is known to be broken.
        """
        offered = (*_OF_RUNS, *_OF_SAMPLES[: 1 if readable else 2])
        for word in self.words:
            key, _, value = word.partition(":")
            if value and key not in TERMS and (near := _near_term(key)):
                known = " ".join(f"{term}:" for term in TERMS)
                return f"{key}: is none of {known}, did you mean {near}:{value}?"
            if key == "is" and value and value not in (*_OF_RUNS, *_OF_SAMPLES):
                return f"{word} is none of is:{' is:'.join(offered)}"
            if value and (key == "said" or (key == "is" and value in _OF_RUNS)) and not run:
                return f"{word} asks for a run beside the list: u in the list chooses one"
            if readable and word == "is:broken":
                return f"{word} is asked of the data, in Explore; is:failed of a run"
        return ""

    def fits(self, sample: SampleFacts) -> bool:
        """Whether a sample stays in the list."""
        return all(_holds(word, sample) for word in self.words)


def _asks(word: str) -> bool:
    """Whether a word asks for something else than for itself."""
    key, _, value = word.partition(":")
    return bool(value) and key in TERMS


def _near_term(typed: str) -> str:
    """The term that was most likely meant, empty where none is near."""
    from difflib import get_close_matches

    swapped = [term for term in TERMS if sorted(term) == sorted(typed)]
    return next(iter(swapped or get_close_matches(typed, TERMS, n=1, cutoff=0.7)), "")


def _holds(word: str, sample: SampleFacts) -> bool:
    if not _asks(word):
        return word in sample.text.casefold()
    key, _, value = word.partition(":")
    if key == "is":
        if value == "broken":
            return sample.broken
        return sample.tags is not None if value in _OF_SAMPLES else sample.verdict == value
    if key == "tag":
        return value in (tag.casefold() for tag in sample.tags or ())
    return ((sample.label if key == "label" else sample.said) or "").casefold() == value
