"""From a raw answer to (label or unparsed, explanation): strict, and written down.

The rule, in order:

1. Markup, quotes, brackets, `<think>` blocks and list letters are set aside; case does not matter.
2. Only the given label words are read, as whole words. No synonyms, no other languages.
3. A label word counts where it is a *verdict*: it opens a sentence or clause ("True. The …",
   "Answer: true"), or is said of the statement ("the hypothesis is neutral", "so it is false").
   A label word inside a description ("a neutral background", "true colours") does not.
4. A negated label ("not offensive", "isn't true") excludes that label; where all but one are
   excluded, that one is meant ("not true"; "neither entails nor contradicts"), else nothing is.
5. Hedged and conditional sentences ("might be true", "true if", "not very offensive"), verdicts on
   a part ("true for the left image"), questions, and sentences in another language are not read.
6. Two different verdicts anywhere, or two label words at once ("true or false"), or none:
   unparsed. An answer is never guessed.

Not for open answers' scoring: without labels the first line is the answer as it stands, and
`training.metrics` normalises it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.prompts.parse_marks import THINK, blank, flat_text, normal
from workbench.prompts.parse_reason import reason_of
from workbench.prompts.parse_verdict import judge, split_words
from workbench.prompts.parse_words import FOREIGN, REASONS


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
    base = normal(text)
    if not words:
        return _open_answer(base)
    return _Reader(base, words).read()


def _open_answer(text: str) -> Parsed:
    text = blank(THINK, text).strip()
    text = re.sub(r"^(?:(?:short |final )?answer|a)\s*:\s*", "", text, flags=re.I)
    first, _, rest = text.partition("\n")
    first = re.sub(r"[*_`#]{1,3}", "", first).strip().strip("\"'\u201c\u201d\u2018\u2019").strip()
    first = first.rstrip(".!;,").strip()
    return Parsed(first or None, rest.strip())


_SENTENCE = re.compile(r"[^.!?;。！？\n]*[.!?;。！？\n]?")
_CLAUSE = re.compile(r"\s*(?:,|:|=|—|–|->|→|⇒|\s-+\s|\bbut\b)\s*", re.I)
_EXPLAINS = re.compile(r"\s*(?::|—|–|\s-+\s)(?!\s*(?:or|and)\b)")
_LIST_WORDS = frozenset(
    ("or", "and", "both", "either", "labels", "label", "options", "choices", "answer")
)
_IN_THEORY = re.compile(
    r"\s*(?:in (?:theory|principle|general)|generally|usually|ideally|hopefully|perhaps|possibly"
    r"|presumably|theoretically|maybe)\s*,",
    re.I,
)
_HEADS = re.compile(r"\s*(?::|—|–|->|→|⇒|=|-\s)")
_CONCLUDES = re.compile(r"\s*(?:so|hence|thus|therefore)\b", re.I)
_OUT_OF = re.compile(r"\s*(?:between|among|out of|of)\b", re.I)
_ASIDES = re.compile(
    r"\b(?:i would|i'd|i'll|i will|we would|we'll|we will|let us|let's|let me)"
    r"(?= (?:say|answer|call|choose|pick|select|label|conclude|classify|rate|judge|consider)\b)"
    r"|\b(?:i|we|one) can (?:conclude|say|infer|deduce|see)\b(?: that\b)?",
    re.I,
)
_NEG_RAISED = re.compile(
    r"\b(?:(?:do|does|did) ?n[o']t|don't|doesn't) (?:think|believe|consider|feel|find)\b"
    r"(?: that\b)?"
    r"|\b(?:is|it's) ?(?:not|n't)(?: really)? the case that\b|\bisn't the case that\b"
    r"|\b(?:is not|isn't|it's not|not) (?:true|correct) that(?= (?:the|this) (?:statement|sentence"
    r"|hypothesis|claim|meme|image) (?:is|was)\b)",
    re.I,
)
_NEGATED_HEAD = re.compile(
    r"\b(?:it's|it is) (?:incorrect|wrong) to (?:say|call)\b(?: that\b)?", re.I
)
# "true, except for …", "true (if one counts the puppy)".
_CONDITION = re.compile(
    r"\s*,?\s*(?:except|if|unless|provided|assuming|as long as|depending|only (?:if|when))\b", re.I
)
# "Hateful: no": the label is the name of a field.
_FIELD = re.compile(r"\s*[:=]\s*(yes|no|true|false|[01])\s*(?:$|[,;.\n])", re.I)
# "the image is hateful, the text is not"; "not hateful, but with the text it is".
_TAKEN_BACK = {
    True: re.compile(r"\b(?:(?:is|are|does|do|was) not|(?:is|are|does|do|was)n't)\s*$", re.I),
    False: re.compile(r"\b(?:it|this|they|that) (?:is|are|does|do|was)\s*$", re.I),
}


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
        self.flat = flat_text(base, letters=any(len(word) == 1 for word in words))
        self.words = {self._key(word): label for word, label in words.items()}
        self.labels = tuple(dict.fromkeys(words.values()))
        self.pattern = self._word_pattern(words)

    @staticmethod
    def _key(word: str) -> str:
        return " ".join(re.split(r"[\s_-]+", word.casefold()))

    @staticmethod
    def _word_pattern(words: Mapping[str, str]) -> re.Pattern[str]:
        def one(word: str) -> str:
            # "not offensive" is also written "not-offensive" and "not_offensive".
            body = r"[\s_-]+".join(re.escape(part) for part in re.split(r"[\s_-]+", word))
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
        # Where something is affirmed, what was ruled out before it belongs to the reasons.
        meant = [v for v in verdicts if v.affirmed] or verdicts
        first, last = meant[0], meant[-1]
        return Parsed(label, reason_of(self.base, first.start, first.end, alone=first is last))

    def _decide(self, verdicts: Sequence[_Verdict]) -> str | None:
        said = {v.label for v in verdicts if v.affirmed}
        denied = {v.label for v in verdicts if not v.affirmed}
        left = [label for label in self.labels if label not in denied]
        if not said and denied and len(left) == 1:
            return left[0]
        if len(said) != 1 or said & denied:
            return None
        return next(iter(said))

    def _sentence(self, start: int, end: int) -> list[_Verdict]:
        """The verdicts of one sentence; none where it names several labels at once."""
        text = self.flat[start:end].rstrip(" .!;。！\n")
        said = split_words(text)
        if set(said) & FOREIGN or (_IN_THEORY.match(text) and said[0] not in self.words):
            return []
        flipped = bool(_NEG_RAISED.search(text) or _NEGATED_HEAD.search(text))
        for pattern in (_NEG_RAISED, _NEGATED_HEAD, _ASIDES):
            text = blank(pattern, text)
        verdicts: list[_Verdict] = []
        mentioned: set[str] = set()
        # What is named among reasons, or to choose from, is no list of labels.
        reasons = bool(_OUT_OF.match(text))
        for left, right in self._clauses(text):
            hits = list(self.pattern.finditer(text, left, right))
            named = {self._label(hit) for hit in hits}
            if len(named) > 1 and (heading := self._repeats_the_choice(text, left, right)):
                mentioned |= set() if reasons or heading == "heading" else named
                continue
            for hit in hits:
                reasons = reasons or bool(set(split_words(text[left : hit.start()])) & REASONS)
                verdict = self._judge(text, start, left, right, hit)
                if verdict is not None:
                    place = (start + hit.start(), start + hit.end())
                    verdicts.append(_Verdict(self._label(hit), verdict != flipped, *place))
                    mentioned -= mentioned if _CONCLUDES.match(text, left) else set()
                elif not reasons:
                    mentioned.add(self._label(hit))
            reasons = reasons or bool(verdicts and _EXPLAINS.match(text, right))
            if self._taken_back(text, left, right, verdicts):
                return []
        return self._unless_listed(text, verdicts, mentioned)

    def _taken_back(self, text: str, left: int, right: int, verdicts: list[_Verdict]) -> bool:
        """Whether a clause without a label of its own says the opposite of the verdict before."""
        last = verdicts[-1] if verdicts else None
        if last is None or self.pattern.search(text, left, right):
            return False
        word = self.base[last.start : last.end].casefold()
        # "not hateful" can be a label word of its own.
        says_so = last.affirmed != word.startswith(("not", "non"))
        return word not in ("yes", "no") and bool(_TAKEN_BACK[says_so].search(text[left:right]))

    def _label(self, hit: re.Match[str]) -> str:
        return self.words[self._key(hit[0])]

    def _repeats_the_choice(self, text: str, left: int, right: int) -> str:
        """Whether a clause that names several labels is a mere list of them, and of which kind."""
        clause = text[left:right]
        # "true/false: …" repeats the choice; without the colon it is two labels at once.
        if _is_list(clause, self.pattern):
            return "heading" if _HEADS.match(text, right) else "list"
        return "heading" if _OUT_OF.match(clause) else ""

    def _judge(
        self, text: str, start: int, left: int, right: int, hit: re.Match[str]
    ) -> bool | None:
        """Judge a label word; one in brackets by what stands in the brackets."""
        place, end = start + hit.start(), start + hit.end()
        if self._part_of_a_name(place, end) or _CONDITION.match(text, hit.end()):
            return None
        inside = self.base[start + left : place]
        opening = max(inside.rfind("("), inside.rfind("["))
        if (
            opening > max(inside.rfind(")"), inside.rfind("]"))
            and not inside[:opening][-1:].isalnum()
        ):
            left += opening
        bracket = self.base[end : start + right].lstrip(" *_\"'”’")[:1] in ("(", "[")
        found = judge(text[left : hit.start()], hit[0], text[hit.end() : right], bracket=bracket)
        if found is not None and (value := _FIELD.match(self.flat, end)):
            return found == (value[1].casefold() in ("yes", "true", "1"))
        return found

    def _part_of_a_name(self, start: int, end: int) -> bool:
        """`is_true`, `!true`, `~true`: marks that are set aside as markup belong to the word."""
        before, after = self.base[max(0, start - 2) : start], self.base[end : end + 2]
        return (
            (before[-1:] == "_" and before[:1].isalnum())
            or (after[:1] == "_" and after[1:].isalnum())
            or (before[-1:] in ("!", "¬", "~") and not before[:-1].strip())
        )

    def _unless_listed(
        self, text: str, verdicts: list[_Verdict], mentioned: set[str]
    ) -> list[_Verdict]:
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


def _is_list(text: str, pattern: re.Pattern[str]) -> bool:
    """Whether nothing but labels, joiners and a heading stand in the text."""
    rest = split_words(pattern.sub(" ", text))
    return set(rest) <= _LIST_WORDS
