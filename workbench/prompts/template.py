"""One prompt template: a wording with slots, its answer words, and what a gold answer is.

Guarantee: slots are filled in one pass, so that braces, slots or markup in a sample's text stay
text; the images of a turn come first and the text after them, in one user turn. Not for chat
formats: a model's own chat template turns the messages into tokens.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from workbench.errors import UsageError
from workbench.sample import ImageRef, Message, Sample, Task

_SLOT = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
# `[[Hint: {hint}\n]]`: a part that falls away where the sample has none of its texts.
_PART = re.compile(r"\[\[([^\[\]]*\{[A-Za-z_][A-Za-z0-9_]*\}[^\[\]]*)\]\]")
_FILLED = re.compile(rf"{_PART.pattern}|{_SLOT.pattern}")
# Slots that are not a role of the sample's texts.
_OWN_SLOTS = frozenset({"labels", "example"})
# Slots of a gold answer.
ANSWER_SLOTS = frozenset({"word", "Word", "label", "explanation", "point"})
# Different datasets write the two sides of one binary label differently.
_POSITIVE = frozenset({"true", "yes", "1", "hateful", "offensive", "entailment", "correct"})
_NEGATIVE = frozenset(
    {
        *("false", "no", "0", "not hateful", "not-hateful", "non-hateful", "not_hateful"),
        *("not offensive", "benign", "not entailment", "incorrect"),
    }
)

# Writes a sample's gold places as the model that reads them would, for a template.
WritePlaces = Callable[["Sample", "Template"], str]


@dataclass(frozen=True)
class Template:
    """A named, versioned prompt wording for one task.

    Attributes:
        name: `task/what-it-is`, unique in the pool together with the version.
        version: Raised when the wording changes, so that runs stay comparable.
        text: The user turn, with slots: a role of the sample's texts (`{sentence}`), `{labels}`,
            `{example}`. A part with slots in double brackets (`[[Hint: {hint}\\n]]`) is left out
            where a sample lacks one of its texts.
        system: A system turn, empty for none; the same slots.
        labels: Answer word -> label; several words may stand for one label, the first is what a
            gold answer says. Empty: the sample's own labels are the words, or the answer is open.
        answer: What a gold answer looks like, for training and few-shot turns: `{word}`,
            `{Word}` (capitalised), `{label}`, `{explanation}`. Of the task `grounding` the label
            is the sample's places as its model writes them; `{point}` says that points are wanted.
        example: An answer that shows the form, put where `{example}` stands in the wording; not
            about the sample. Real examples are shots.
        source: `shipped`, or the file that it was read from.
    """

    name: str
    version: int
    task: Task
    text: str
    system: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    answer: str = "{word}"
    example: str = ""
    description: str = ""
    source: str = "shipped"

    @property
    def slots(self) -> tuple[str, ...]:
        """The roles that a sample must have, in order of appearance."""
        return _roles_of(_PART.sub("", self.system + "\n" + self.text))

    @property
    def optional_slots(self) -> tuple[str, ...]:
        """The roles that are shown where a sample has them, in order of appearance."""
        parts = "\n".join(_PART.findall(self.system + "\n" + self.text))
        return tuple(name for name in _roles_of(parts) if name not in self.slots)

    @property
    def shown_slots(self) -> tuple[str, ...]:
        """The roles of texts that a prompt can show."""
        return (*self.slots, *self.optional_slots)

    @property
    def digest(self) -> str:
        """Identity of everything that reaches the model or the reading of its answer (12 hex)."""
        content = {k: v for k, v in asdict(self).items() if k not in ("description", "source")}
        if not self.example:
            del content["example"]  # so that wordings without one keep the identity that they had
        blob = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(blob.encode()).hexdigest()[:12]

    def words(self, labels: Sequence[str] = ()) -> dict[str, str]:
        """Answer word -> label in the dataset's own spelling; what `parse_answer` wants.

        A template's `true` meets a dataset's `True`, `1` or `yes`; where the two sets of labels
        do not fit each other at all, the dataset's labels are the words. Empty: an open answer.
        """
        if not self.labels:
            return {label: label for label in labels}
        if not labels:
            return dict(self.labels)
        own = match_labels(tuple(dict.fromkeys(self.labels.values())), labels)
        if own is None:
            return {label: label for label in labels}
        return {word: own[label] for word, label in self.labels.items() if label in own}

    def read_words(self, sample: Sample, labels: Sequence[str] = ()) -> dict[str, str]:
        """As `words`, for an answer about a sample: a closed set is read as one whatever is asked.

        A caption is open, and so is a question whose answers nobody closed: by its dataset's
        labels (yes, no), by its options, or by the template's own words.

        Args:
            sample: What is asked about.
            labels: The dataset's closed set, where it has one.
        """
        if {"caption", "grounding"} & {self.task, sample.task}:
            return {}
        words = self.words(labels or sample.labels)
        options = sample.metadata.get("options")
        if isinstance(options, Mapping) and set(words.values()) == set(options):
            words |= {str(text): letter for letter, text in options.items() if text not in words}
        return words

    def said_words(self, labels: Sequence[str] = ()) -> tuple[str, ...]:
        """One word per label, the first that stands for it: what is listed and what is said."""
        first: dict[str, str] = {}
        for word, label in self.words(labels).items():
            first.setdefault(label, word)
        return tuple(first.values())

    def fits(self, sample: Sample) -> bool:
        """Whether it is of the sample's task, the sample has its texts and its very labels."""
        own = {label.casefold() for label in self.labels.values()}
        theirs = {label.casefold() for label in sample.labels}
        has = all(slot in sample.texts for slot in self.slots)
        return has and self.task == sample.task and own == theirs

    def render(
        self, sample: Sample, shots: Iterable[Sample] = (), write: WritePlaces | None = None
    ) -> tuple[Message, ...]:
        """The messages for `sample`: the system turn, a question and answer per shot, the question.

        Args:
            sample: What is asked about.
            shots: The examples.
            write: Writes the places of examples: `workbench.models.box_writer`.

        Raises:
            UsageError: A slot has no text in the sample or in a shot, or a shot has no label.
        """
        messages: list[Message] = []
        if self.system:
            messages.append(Message("system", (self._fill(self.system, sample),)))
        for shot in shots:
            messages.append(self._question(shot))
            messages.append(Message("assistant", (self.gold_answer(shot, write=write),)))
        messages.append(self._question(sample))
        return tuple(messages)

    def gold_answer(
        self, sample: Sample, explanation: int = 0, write: WritePlaces | None = None
    ) -> str:
        """What a right answer to `sample` says in this template's form.

        Args:
            sample: Must have a label.
            explanation: Which of the sample's explanations to use (modulo their number).
            write: As in `render`.

        Raises:
            UsageError: The sample has no label, or its places cannot be written.
        """
        if sample.label is None:
            raise UsageError(
                f"{sample.uid} has no label, so it cannot be an example",
                kind="no_label",
                hint="take examples from a labelled split",
            )
        if "grounding" in (self.task, sample.task):
            return self._gold_places(sample, write)
        word = next((w for w, lab in self.words(sample.labels).items() if lab == sample.label), "")
        word = word or sample.label
        why = (
            sample.explanations[explanation % len(sample.explanations)]
            if sample.explanations
            else ""
        )
        fill = {
            "word": word,
            "Word": word[:1].upper() + word[1:],
            "label": sample.label,
            "explanation": why,
        }
        return _SLOT.sub(lambda m: fill.get(m[1], m[0]), self.answer).strip()

    def _gold_places(self, sample: Sample, write: WritePlaces | None) -> str:
        if write is None or sample.task != "grounding":
            why = "its places have to be written in the coordinates of the model that reads them"
            raise UsageError(
                f"{sample.uid} cannot be an example here: {why}"
                if sample.task == "grounding"
                else f"{sample.uid} ({sample.task}) has no box that template {self.name} asks for",
                kind="no_label",
            )
        said = write(sample, self)
        fill = dict.fromkeys(("word", "Word", "label", "point"), said) | {"explanation": ""}
        return _SLOT.sub(lambda m: fill.get(m[1], m[0]), self.answer).strip()

    def _question(self, sample: Sample) -> Message:
        return Message("user", (*sample.images, self._fill(self.text, sample)))

    def _fill(self, text: str, sample: Sample) -> str:
        def value(match: re.Match[str]) -> str:
            role = match[match.lastindex or 1]
            if role == "labels":
                return list_words(self.said_words(sample.labels))
            if role == "example":
                return self.example
            if role not in sample.texts:
                has = ", ".join(sample.texts) or "none"
                raise UsageError(
                    f"template {self.name} wants the text '{role}', which {sample.uid} has not "
                    f"(its texts: {has})",
                    kind="missing_text",
                    hint="choose another template with --template (or, for a dataset of your own, "
                    f"map a column: wb data add … --text {role}=COLUMN)",
                )
            return str(sample.texts[role])

        def part(match: re.Match[str]) -> str:
            if match[1] is None:
                return value(match)
            roles = _roles_of(match[1])
            if not roles:
                return f"[[{_SLOT.sub(value, match[1])}]]"
            has = all(str(sample.texts.get(role) or "").strip() for role in roles)
            return _SLOT.sub(value, match[1]) if has else ""

        # In one pass: what a sample says is not looked at again.
        return _FILLED.sub(part, text)

    def to_json(self) -> dict[str, Any]:
        """All fields, the slots and the digest, for `--json` and for a run's config."""
        return asdict(self) | {
            "labels": dict(self.labels),
            "slots": list(self.slots),
            **({"optional_slots": list(self.optional_slots)} if self.optional_slots else {}),
            "digest": self.digest,
        }


def slots_of(text: str) -> tuple[str, ...]:
    """The names of the slots in a text, in order of appearance."""
    return tuple(dict.fromkeys(_SLOT.findall(text)))


def _roles_of(text: str) -> tuple[str, ...]:
    return tuple(name for name in slots_of(text) if name not in _OWN_SLOTS)


def list_words(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def match_labels(ours: Sequence[str], theirs: Sequence[str]) -> dict[str, str] | None:
    """Our label -> theirs, or `None` where one of theirs is met by none of ours."""
    by_case = {label.casefold(): label for label in theirs}
    found = {label: by_case[label.casefold()] for label in ours if label.casefold() in by_case}
    if len(found) < len(theirs) and len(ours) == len(theirs) == 2:
        for side in (_POSITIVE, _NEGATIVE):
            mine = [label for label in ours if label.casefold() in side]
            other = [label for label in theirs if label.casefold() in side]
            if len(mine) == len(other) == 1:
                found[mine[0]] = other[0]
    return found if set(found.values()) == set(theirs) else None


def free_prompt(
    sample_or_images: Sample | Iterable[ImageRef], text: str, system: str | None = None
) -> tuple[Message, ...]:
    """Free text about a sample's images, or about any images, as one user turn."""
    images = (
        sample_or_images.images if isinstance(sample_or_images, Sample) else tuple(sample_or_images)
    )
    user = Message("user", (*images, text))
    return (Message("system", (system,)), user) if system else (user,)
