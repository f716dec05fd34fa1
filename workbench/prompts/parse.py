"""From a raw answer to (label or unparsed, explanation): strict, and written down.

The rule, in order:

1. Markup, quotes, brackets, `<think>` blocks and list letters are set aside; case does not matter.
2. Only the given label words are read, as whole words. No synonyms, no other languages.
3. A label word counts where it is a *verdict*: it opens a sentence or clause ("True. The …",
   "Answer: true"), or is said of the statement ("the hypothesis is neutral", "so it is false").
   A label word inside a description ("a neutral background", "true colours") does not.
4. A negated label ("not offensive", "isn't true") excludes that label; with two labels it means
   the other one, with more it means nothing by itself.
5. Hedged and conditional sentences ("might be true", "true if", "whether it is false") and
   questions are not read.
6. Two different verdicts anywhere, or two label words at once ("true or false"), or none:
   unparsed. An answer is never guessed.

Not for open answers' scoring: without labels the first line is the answer as it stands, and
`training.metrics` normalises it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.prompts.parse_words import (
    BLOCKERS,
    FILLERS,
    FOLLOWERS,
    HEDGES,
    LEADS,
    LINKS,
    NEGATORS,
    NOT_THIS,
    REASONS,
    STARTS,
    SUBJECTS,
)


@dataclass(frozen=True)
class Parsed:
    """What an answer says.

    Attributes:
        label: In the dataset's spelling, or the open answer; `None` is "unparsed".
        explanation: What is left of the answer beside the verdict; may be empty.
    """

    label: str | None
    explanation: str = ""


def parse_answer(text: str, labels: Mapping[str, str] | Sequence[str] = ()) -> Parsed:
    """Read an answer strictly; see the module's rule.

    Args:
        text: As the model wrote it.
        labels: Answer word -> label, as `Template.words` gives, or the label words themselves.
            Empty: the answer is open and its first line is the label.
    """
    words = dict(labels) if isinstance(labels, Mapping) else {w: w for w in labels}
    base = unicodedata.normalize("NFKC", text)
    if not words:
        return _open_answer(base)
    return _Reader(base, words).read()


def _open_answer(text: str) -> Parsed:
    text = _blank(_THINK, text).strip()
    text = re.sub(r"^(?:(?:short |final )?answer|a)\s*:\s*", "", text, flags=re.I)
    first, _, rest = text.partition("\n")
    first = re.sub(r"[*_`#]{1,3}", "", first).strip().strip("\"'\u201c\u201d\u2018\u2019").strip()
    first = first.rstrip(".!;,").strip()
    return Parsed(first or None, rest.strip())


_THINK = re.compile(r"<think>.*?(?:</think>|$)", re.S | re.I)
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,40}>|\\boxed|\\text(?:bf|it)?")
_LIST = re.compile(r"(?m)^\s*(?:\(?(?:[A-Da-d]|\d{1,2})[).:]|[-*+>•])\s+")
_MARKS = str.maketrans(dict.fromkeys('*_`#~"“”„«»‹›()[]{}<>|', " ") | {"’": "'", "‘": "'"})
_SENTENCE = re.compile(r"[^.!?;。！？\n]*[.!?;。！？\n]?")
_CLAUSE = re.compile(r"\s*(?:,|:|=|—|–|->|→|⇒|\s-+\s|\bbut\b)\s*", re.I)
_LOOSE_QUOTE = re.compile(r"(?<![^\W\d_])'|'(?![^\W\d_])")
_ASIDES = re.compile(
    r"\b(?:i would|i'd|we would|let us|let's)(?= (?:say|answer|call|choose|pick|label|conclude)\b)",
    re.I,
)
_NEG_RAISED = re.compile(
    r"\b(?:(?:do|does|did) ?n[o']t|don't|doesn't) (?:think|believe|consider|feel)\b(?: that\b)?"
    r"|\b(?:is|it's) ?(?:not|n't)(?: really)? the case that\b|\bisn't the case that\b",
    re.I,
)
_NEGATED_HEAD = re.compile(r"\b(?:incorrect|wrong) to (?:say|call)\b", re.I)


_MAKES_IT = re.compile(
    r"\bmak(?:es?|ing) (?:it|(?:the|this) (?:statement|sentence|claim|hypothesis))$"
)


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """Replace each match by as many spaces, so that places in the text stay the same."""
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


@dataclass(frozen=True)
class _Verdict:
    label: str
    affirmed: bool
    start: int
    end: int


class _Reader:
    """Reads one answer; `base` keeps its places while `flat` has the markup blanked."""

    def __init__(self, base: str, words: Mapping[str, str]) -> None:
        self.base = base
        flat = base
        for pattern in (_THINK, _TAG, _LIST):
            flat = _blank(pattern, flat)
        flat = flat.translate(_MARKS)
        self.flat = _blank(_LOOSE_QUOTE, flat)
        self.words = {self._key(word): label for word, label in words.items()}
        self.labels = tuple(dict.fromkeys(words.values()))
        self.pattern = self._word_pattern(words)

    @staticmethod
    def _key(word: str) -> str:
        return " ".join(word.replace("_", " ").casefold().split())

    @staticmethod
    def _word_pattern(words: Mapping[str, str]) -> re.Pattern[str]:
        def one(word: str) -> str:
            body = r"\s+".join(re.escape(part) for part in word.replace("_", " ").split())
            # "A" is a label, "a" an article.
            return body if len(word) == 1 and word.isalpha() else f"(?i:{body})"

        ordered = sorted(words, key=len, reverse=True)
        union = "|".join(one(word) for word in ordered)
        return re.compile(rf"(?<![\w'])(?:(?<!\w-)|(?<=\bnon-))(?:{union})(?![\w'])(?!-\w)")

    def read(self) -> Parsed:
        verdicts: list[_Verdict] = []
        for match in _SENTENCE.finditer(self.flat):
            if match[0].strip() and not match[0].rstrip().endswith("?"):
                verdicts += self._sentence(match.start(), match.end())
        label = self._decide(verdicts)
        if label is None:
            return Parsed(None, self.base.strip())
        return Parsed(label, self._explanation(verdicts))

    def _decide(self, verdicts: Sequence[_Verdict]) -> str | None:
        said = {v.label for v in verdicts if v.affirmed}
        denied = {v.label for v in verdicts if not v.affirmed}
        if not said and len(self.labels) == 2 and len(denied) == 1:
            return next(label for label in self.labels if label not in denied)
        if len(said) != 1 or said & denied:
            return None
        return next(iter(said))

    def _sentence(self, start: int, end: int) -> list[_Verdict]:
        """The verdicts of one sentence; none where it names several labels at once."""
        text = self.flat[start:end].rstrip(" .!;。！\n")
        flipped = bool(_NEG_RAISED.search(text) or _NEGATED_HEAD.search(text))
        for pattern in (_NEG_RAISED, _NEGATED_HEAD, _ASIDES):
            text = _blank(pattern, text)
        verdicts: list[_Verdict] = []
        mentioned: set[str] = set()
        reasons = False
        for left, right in self._clauses(text):
            clause = text[left:right]
            hits = list(self.pattern.finditer(clause))
            named = {self.words[self._key(hit[0])] for hit in hits}
            if len(named) > 1 and _is_list(clause, self.pattern):
                # "true/false: …" repeats the choice; without the colon it is two labels at once.
                mentioned |= set() if text[right:].lstrip().startswith(":") else named
                continue
            for hit in hits:
                before = clause[: hit.start()]
                reasons = reasons or bool(set(_split(before)) & REASONS)
                label = self.words[self._key(hit[0])]
                verdict = self._reading(clause, hit)
                if verdict is None:
                    if not reasons:
                        mentioned.add(label)
                    continue
                affirmed = verdict != flipped
                verdicts.append(
                    _Verdict(label, affirmed, start + left + hit.start(), start + left + hit.end())
                )
        said = {v.label for v in verdicts if v.affirmed}
        if verdicts and mentioned - said and not (mentioned <= {v.label for v in verdicts}):
            # "true or false", "both entailment and neutral": a list, not a verdict.
            return [] if len(said | mentioned) > 1 else verdicts
        if len(said) > 1 and _is_list(text, self.pattern):
            return []
        return verdicts

    @staticmethod
    def _clauses(text: str) -> list[tuple[int, int]]:
        out, last = [], 0
        for match in _CLAUSE.finditer(text):
            out.append((last, match.start()))
            last = match.end()
        return [*out, (last, len(text))]

    @staticmethod
    def _reading(clause: str, hit: re.Match[str]) -> bool | None:
        """True: affirmed; False: negated; None: no verdict."""
        before_text = clause[: hit.start()]
        for phrase in NOT_THIS:
            if re.search(rf"\b{phrase}(?: an?| the)?\s*$", before_text, re.I):
                return False
        before, after = _split(before_text), _split(clause[hit.end() :])
        return _verdict(before, after)

    def _explanation(self, verdicts: Sequence[_Verdict]) -> str:
        """What follows the first verdict; what precedes it where nothing follows."""
        first, last = verdicts[0], verdicts[-1]
        after = self.base[first.end :]
        lead = self.base[: first.start]
        after = re.sub(r"^[\s\W]+", "", after)
        after = re.sub(r"^(?:because|since|explanation|reason|why)\b[\s:,]*", "", after, flags=re.I)
        if re.search(r"\w", after) and first is last or re.search(r"\w{2,}\W+\w{2,}", after):
            return after.strip()
        sentence_start = max(lead.rfind(ch) for ch in ".!?\n") + 1
        return (
            lead[:sentence_start].strip()
            or re.sub(
                r"[,;:]?\s*(?:so|therefore|thus|hence)?\s*(?:the|it)?[^,;:]*$", "", lead
            ).strip()
        )


def _split(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.casefold())


def _is_list(text: str, pattern: re.Pattern[str]) -> bool:
    """Whether nothing but labels, joiners and a heading stand in the text."""
    rest = _split(pattern.sub(" ", text))
    return set(rest) <= {"or", "and", "both", "either", "labels", "label", "options", "choices"}


def _verdict(before: Sequence[str], after: Sequence[str]) -> bool | None:
    """Judge one label word by the words before and after it in its clause."""
    i, negated, linked = len(before), False, False
    while i > 0:
        word = before[i - 1]
        if word in NEGATORS:
            negated = not negated
        elif word in HEDGES:
            return None
        elif word in LINKS:
            linked = True
        elif word not in FILLERS:
            break
        i -= 1
    rest = list(before[:i])
    if set(rest) & BLOCKERS or set(before) & {"if", "whether", "unless", "would", "could"}:
        return None
    while rest and rest[0] in LEADS and not (len(rest) == 1 and rest[0] in SUBJECTS):
        rest.pop(0)
    opens = not rest
    said_of_subject = bool(rest) and rest[0] in SUBJECTS and (linked or negated or len(rest) == 1)
    if not (opens or said_of_subject or _MAKES_IT.search(" ".join(rest))):
        return None
    if after and after[0] in ("if", "unless", "when", "or"):
        return None
    if after and {"if", "unless"} & set(after[:3]):
        return None
    allowed = STARTS if opens and not before else FOLLOWERS
    if after and after[0] not in allowed:
        return None
    return not negated
