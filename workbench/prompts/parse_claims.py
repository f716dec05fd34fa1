"""An answer's text -> sentences -> clauses -> claims about labels -> one label, or none.

A claim is a label that the answer affirms or denies. Guarantee: one label is decided on only where
all claims agree; a place of a claim is a place in the answer. Not for which words stand for which
label (`parse_terms`), nor for what marks an answer's last word (`parse_final`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from workbench.prompts.parse_idioms import (
    ASIDES,
    CONDITION,
    DEPENDS,
    EARLIER,
    FIELD,
    IN_THEORY,
    NEG_RAISED,
    NEGATED_HEAD,
    OFFERS,
    OPEN_FIELD,
    SUPPOSES,
    TAKEN_BACK,
)
from workbench.prompts.parse_marks import blank, flat_text
from workbench.prompts.parse_terms import POLES, Term, fold
from workbench.prompts.parse_verdict import judge, judge_added, split_words
from workbench.prompts.parse_words import CAUSES, FOREIGN, NEGATORS, REASONS

_SENTENCE = re.compile(r"[^.!?;。！？\n]*[.!?;。！？\n]?")
_CLAUSE = re.compile(r"\s*(?:,|:|=|—|–|->|→|⇒|\s-+\s|\bbut\b)\s*", re.I)
# "The meme targets nobody and is not hateful": the second clause is said of the meme too.
_AND_IS = re.compile(
    r"\s*(?:it|(?:the|this) (?:meme|image|statement|hypothesis|claim|text))\b[^,;:]*?\b"
    r"(?P<cut>and)(?= (?:is|are|therefore|thus|hence|so)\b)",
    re.I,
)
_EXPLAINS = re.compile(r"\s*(?::|—|–|\s-+\s)(?!\s*(?:or|and)\b)")
_LIST_WORDS = frozenset(
    ("or", "and", "both", "either", "labels", "label", "options", "choices", "answer")
)
_HEADS = re.compile(r"\s*(?::|—|–|->|→|⇒|=|-\s)")
_CONCLUDES = re.compile(r"\s*(?:so|hence|thus|therefore)\b", re.I)
_OUT_OF = re.compile(r"\s*(?:between|among|out of|of)\b", re.I)
# "yes or no", "no and yes": a list, where "no dog" is none.
_DETERMINES = re.compile(r"\s+(?!(?:or|and|is|was)\b)\w", re.I)
_JOINS = re.compile(r"(?:/|\b(?:yes or|yes and))\s*$", re.I)


@dataclass(frozen=True)
class Claim:
    """A label that is affirmed or denied, and where its word stands."""

    label: str
    affirmed: bool
    start: int
    end: int


@dataclass(frozen=True)
class Decision:
    """The label of an answer.

    Attributes:
        label: In the dataset's spelling.
        start, end: Where the first claim of it stands.
        alone: Whether it is claimed once.
    """

    label: str
    start: int
    end: int
    alone: bool


class ClaimReader:
    """Reads one answer; `base` keeps its places while `flat` has the markup blanked.

    Args:
        base: The answer, normal; all but its last word may be blank.
        words: Answer word -> label, as the template gives them.
        known: Those and what they plainly mean (`parse_terms.terms`).
    """

    def __init__(self, base: str, words: Mapping[str, str], known: Mapping[str, Term]) -> None:
        self.base = base
        self.flat = flat_text(base, letters=any(len(word) == 1 for word in words))
        self.words = known
        self.labels = tuple(dict.fromkeys(words.values()))
        self.pattern = self._word_pattern([*words, *(known.keys() - {fold(w) for w in words})])

    @staticmethod
    def _word_pattern(words: Iterable[str]) -> re.Pattern[str]:
        def one(word: str) -> str:
            # "not offensive" is also written "not-offensive" and "not_offensive".
            body = r"[\s_-]+".join(re.escape(part) for part in re.split(r"[\s_-]+", word))
            # "A" is a label, "a" an article.
            return body if len(word) == 1 and word.isalpha() else f"(?i:{body})"

        ordered = sorted(words, key=len, reverse=True)
        union = "|".join(one(word) for word in ordered)
        return re.compile(rf"(?<![\w'])(?:(?<!\w-)|(?<=\bnon-))(?:{union})(?![\w'])(?!-\w)")

    def names_a_label(self) -> bool:
        """Whether any label word stands in the text, as a verdict or not."""
        return self.pattern.search(self.flat) is not None

    def decide(self) -> Decision | None:
        """What all claims of the answer agree on; `None` where there is no such thing."""
        verdicts: list[Claim] = []
        question = ""
        for match in _SENTENCE.finditer(self.flat):
            if match[0].rstrip().endswith("?"):
                question += match[0]
            elif match[0].strip():
                found = self._sentence(match.start(), match.end())
                if question:
                    found = [v for v in found if self._is_answered(question, v)]
                verdicts, question = verdicts + found, question if not found else ""
        label = self._label_of(verdicts)
        if label is None:
            return None
        # Where something is affirmed, what was ruled out before it belongs to the reasons.
        meant = [v for v in verdicts if v.affirmed] or verdicts
        first, last = meant[0], meant[-1]
        return Decision(label, first.start, first.end, alone=first is last)

    def _is_answered(self, question: str, verdict: Claim) -> bool:
        """Whether a yes or no after a question of the answer's own says what it seems to.

        "Is it true? Yes." does, "Is it false? Yes." and "Is it harmless? Yes." do not.
        """
        if fold(self.base[verdict.start : verdict.end]) not in ("yes", "no"):
            return True
        hits = [fold(hit[0]) for hit in self.pattern.finditer(question)]
        if question.count("?") > 1 or set(split_words(question)) & NEGATORS:
            return False
        return len(hits) == 1 and self.words[hits[0]].label == self.words["yes"].label

    def _label_of(self, verdicts: Sequence[Claim]) -> str | None:
        said = {v.label for v in verdicts if v.affirmed}
        denied = {v.label for v in verdicts if not v.affirmed}
        left = [label for label in self.labels if label not in denied]
        if not said and denied and len(left) == 1:
            return left[0]
        if len(said) != 1 or said & denied:
            return None
        return next(iter(said))

    def _sentence(self, start: int, end: int) -> list[Claim]:
        """The verdicts of one sentence; none where it names several labels at once."""
        text = self.flat[start:end].rstrip(" .!;。！\n")
        said = split_words(text)
        if set(said) & FOREIGN or (IN_THEORY.match(text) and said[0] not in self.words):
            return []
        if any(idiom.match(text) for idiom in (DEPENDS, EARLIER, OFFERS)):
            return []
        # "No, I don't think so": what stands before a denial is not turned by it.
        denials = [m.end() for p in (NEG_RAISED, NEGATED_HEAD) if (m := p.search(text))]
        turned_from = min(denials, default=len(text) + 1)
        for pattern in (NEG_RAISED, NEGATED_HEAD, ASIDES):
            text = blank(pattern, text)
        verdicts: list[Claim] = []
        mentioned: set[str] = set()
        supposes, causes = bool(SUPPOSES.match(text)), False
        # What is named among reasons, or to choose from, is no list of labels.
        reasons = bool(_OUT_OF.match(text))
        for left, right in self._clauses(text):
            hits = list(self.pattern.finditer(text, left, right))
            named = {self._label(hit) for hit in hits}
            if len(named) > 1 and (heading := self._repeats_the_choice(text, left, right)):
                mentioned |= set() if reasons or heading == "heading" else named
                continue
            for hit in hits:
                before = set(split_words(text[left : hit.start()]))
                reasons, causes = reasons or bool(before & REASONS), causes or bool(before & CAUSES)
                verdict = self._judge(text, start, left, right, hit)
                concludes = bool(_CONCLUDES.match(text, left))
                if verdict is not None and not concludes and (supposes or (causes and verdicts)):
                    continue  # "true because it is false that …"
                flipped = hit.start() >= turned_from
                if verdict is False and flipped:
                    return []  # "I don't think it isn't true": nobody can be sure
                if verdict is not None:
                    place = (start + hit.start(), start + hit.end())
                    verdicts.append(Claim(self._label(hit), verdict != flipped, *place))
                    mentioned -= mentioned if concludes else set()
                elif not reasons and self._counts_as_named(text, hit):
                    mentioned.add(self._label(hit))
            reasons = reasons or bool(verdicts and _EXPLAINS.match(text, right))
            if self._taken_back(text, left, right, verdicts):
                return []
        return self._unless_listed(text, verdicts, mentioned)

    def _taken_back(self, text: str, left: int, right: int, verdicts: list[Claim]) -> bool:
        """Whether a clause without a label of its own says the opposite of the verdict before."""
        last = verdicts[-1] if verdicts else None
        if last is None or self.pattern.search(text, left, right):
            return False
        word = self.base[last.start : last.end].casefold()
        # "not hateful" can be a label word of its own.
        says_so = last.affirmed != word.startswith(("not", "non"))
        return word not in ("yes", "no") and bool(TAKEN_BACK[says_so].search(text[left:right]))

    def _label(self, hit: re.Match[str]) -> str:
        return self._term(hit).label

    def _term(self, hit: re.Match[str]) -> Term:
        return self.words[fold(hit[0])]

    def _counts_as_named(self, text: str, hit: re.Match[str]) -> bool:
        """Whether a word that is no verdict names its label: the "no" of "no dog" does not."""
        if fold(hit[0]) == "no" and not _JOINS.search(text[: hit.start()]):
            return not _DETERMINES.match(text, hit.end())
        return self._term(hit).kind in ("own", "name", "plural")

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
        if (
            self._part_of_a_name(place, end)
            or CONDITION.match(text, hit.end())
            or OPEN_FIELD.match(self.flat, end)
        ):
            return None
        inside = self.base[start + left : place]
        opening = max(inside.rfind("("), inside.rfind("["))
        if (
            opening > max(inside.rfind(")"), inside.rfind("]"))
            and not inside[:opening][-1:].isalnum()
        ):
            left += opening
        bracket = self.base[end : start + right].lstrip(" *_\"'”’")[:1] in ("(", "[")
        term, before, after = self._term(hit), text[left : hit.start()], text[hit.end() : right]
        if term.kind in ("own", "name", "answers"):
            found = judge(before, hit[0], after, bracket=bracket)
        else:
            found = judge_added(term.kind, before, hit[0], after, bracket=bracket)
        pole = fold(hit[0]) in POLES
        if found is not None and not pole and (value := FIELD.match(self.flat, end)):
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

    def _unless_listed(self, text: str, verdicts: list[Claim], mentioned: set[str]) -> list[Claim]:
        said = {v.label for v in verdicts if v.affirmed}
        if verdicts and mentioned - said and not (mentioned <= {v.label for v in verdicts}):
            # "true or false", "both entailment and neutral": a list, not a verdict.
            return [] if len(said | mentioned) > 1 else verdicts
        if len(said) > 1 and _is_list(text, self.pattern):
            return []
        return verdicts

    @staticmethod
    def _clauses(text: str) -> list[tuple[int, int]]:
        cuts = [match.span() for match in _CLAUSE.finditer(text)]
        if same_subject := _AND_IS.match(text):
            cuts.append(same_subject.span("cut"))
        out, last = [], 0
        for start, end in sorted(cuts):
            out.append((last, start))
            last = end
        return [*out, (last, len(text))]


def _is_list(text: str, pattern: re.Pattern[str]) -> bool:
    """Whether nothing but labels, joiners and a heading stand in the text."""
    rest = split_words(pattern.sub(" ", text))
    return set(rest) <= _LIST_WORDS
