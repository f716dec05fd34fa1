"""From a sample to its prompt, and from an answer to its line of `predictions.jsonl`.

Guarantee: everything that a metric needs stands in the line (target, accepted answers, kind,
group, scores, tokens, time), so that metrics never look at the data again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sessions.errors import WbError
from workbench.data.image_ids import ImageIds
from workbench.errors import DataError
from workbench.evaluation.metrics.consistency import group_of, set_of
from workbench.evaluation.metrics.correctness import is_correct
from workbench.evaluation.metrics.label_scores import best_label
from workbench.evaluation.variant import PLAIN, Variant
from workbench.grounding.answered import answered_regions
from workbench.grounding.gold import gold_of, has_gold_box
from workbench.prompts.fewshot import for_query
from workbench.prompts.parse import Parsed, parse_answer
from workbench.prompts.pool import Template
from workbench.prompts.template import WritePlaces
from workbench.sample import Answer, Message, Sample


@dataclass(frozen=True)
class Prompter:
    """Renders samples and reads their answers, one way for a whole run.

    Attributes:
        template: The wording.
        task: Of the dataset.
        labels: Its closed set of labels, empty where each sample has its own or none.
        shots: The examples before each question.
        spare: Steps in where a shot is the query itself.
        images: Says which pictures a sample shows.
        variant: How prompts differ from the plain ones.
        write: Writes the places of examples as the model does.
    """

    template: Template
    task: str
    labels: tuple[str, ...]
    shots: tuple[Sample, ...] = ()
    spare: tuple[Sample, ...] = ()
    images: ImageIds = field(default_factory=ImageIds, compare=False)
    variant: Variant = PLAIN
    write: WritePlaces | None = field(default=None, compare=False)

    def render(self, sample: Sample) -> tuple[Message, ...]:
        """The messages. Raises `WbError` where the sample cannot be asked."""
        if sample.error is not None:
            raise DataError(sample.error, kind="bad_sample")
        shots = for_query(self.shots, self.spare, sample.uid) if self.shots else ()
        changed = self.variant
        template = changed.template(self.template)
        return template.render(changed.query(sample), changed.shots(tuple(shots)), self.write)

    def read(self, sample: Sample, text: str) -> Parsed:
        """What an answer says, in the sample's own labels."""
        parsed = parse_answer(text, self._words(sample))
        return replace(parsed, label=self.variant.label(sample, parsed.label))

    def _words(self, sample: Sample) -> dict[str, str]:
        """Answer word -> label as it is called in the prompt; empty for an open answer."""
        # What stands in the pictures changes no word, and may be unreadable.
        bare = replace(sample, images=()) if self.variant.label is not PLAIN.label else None
        shown = self.variant.query(bare) if bare is not None else sample
        return self.template.read_words(shown, self.labels)

    def scored_words(self, sample: Sample) -> dict[str, str]:
        """Label -> the word that is scored for it, spelled as an answer would begin."""
        words = self._words(sample) or {label: label for label in self.labels or sample.labels}
        capital = "{Word}" in self.template.answer
        out: dict[str, str] = {}
        for word, label in words.items():
            own = self.variant.label(sample, label) or label
            out.setdefault(own, word[:1].upper() + word[1:] if capital else word)
        return out


def answer_line(
    prompter: Prompter,
    sample: Sample,
    answer: Answer,
    *,
    share_s: float,
    scores: Mapping[str, float] | None = None,
    by_score: bool = False,
) -> dict[str, Any]:
    """The line of an answered sample.

    Args:
        prompter: How it was asked.
        sample: What was asked.
        answer: What was said.
        share_s: Its share of its batch's time, in seconds.
        scores: Label -> log-likelihood, where asked for.
        by_score: The label scored best is the answer; nothing was generated.
    """
    if by_score and scores:
        return _scored_line(prompter, sample, answer, scores) | {"share_s": round(share_s, 5)}
    return {
        **_head(prompter, sample),
        "text": answer.text,
        **_read(prompter, sample, answer),
        "scores": dict(scores) if scores is not None else None,
        **({"head": dict(answer.head)} if answer.head is not None else {}),
        "error": None,
        "tokens": answer.new_tokens,
        "prompt_tokens": answer.prompt_tokens,
        "finish_reason": answer.finish_reason,
        "latency_s": round(answer.timing.total_s, 4),
        "share_s": round(share_s, 5),
    }


def _read(prompter: Prompter, sample: Sample, answer: Answer) -> dict[str, Any]:
    """What an answer says, and whether that is right."""
    if prompter.task == "grounding":
        shown = (Message("user", sample.images),)
        places = answered_regions(answer, shown, gold_of(sample), prompter.template.name)
        right = places.judged.right if places.judged is not None else None
        told = {"label": places.label, "explanation": "", "correct": right}
        return told | {"grounding": places.to_json()}
    parsed = prompter.read(sample, answer.text)
    return {
        "label": parsed.label,
        "explanation": parsed.explanation,
        "correct": is_correct(prompter.task, parsed.label, sample.label, _accepted(sample)),
    }


def _scored_line(
    prompter: Prompter, sample: Sample, answer: Answer, scores: Mapping[str, float]
) -> dict[str, Any]:
    """The line of a sample whose labels were scored; its text is the best one's word."""
    label = best_label(scores)
    return {
        **_head(prompter, sample),
        "answered_by": "score",
        "text": prompter.scored_words(sample)[label],
        "label": label,
        "explanation": "",
        "correct": is_correct(prompter.task, label, sample.label, _accepted(sample)),
        "scores": dict(scores),
        "error": None,
        "tokens": 0,
        "prompt_tokens": answer.prompt_tokens,
        "finish_reason": "stop",
        "latency_s": round(answer.timing.total_s, 4),
    }


def failed_line(prompter: Prompter, sample: Sample, error: WbError) -> dict[str, Any]:
    """The line of a sample that could not be asked: it is recorded, not lost."""
    return {
        **_head(prompter, sample),
        "text": "",
        "label": None,
        "explanation": "",
        "correct": False if _may_be_wrong(prompter, sample) else None,
        "scores": None,
        "error": error.to_json()["error"],
    }


def _may_be_wrong(prompter: Prompter, sample: Sample) -> bool:
    """Whether something says what a right answer is."""
    if prompter.task == "grounding":  # of gold points none is
        return has_gold_box(sample)
    return sample.label is not None and prompter.task != "caption"


def no_labels(sample: Sample) -> DataError:
    """Why a sample without labels cannot be answered by scores."""
    return DataError(f"{sample.uid} has no labels to score", kind="no_labels")


def _head(prompter: Prompter, sample: Sample) -> dict[str, Any]:
    head: dict[str, Any] = {"uid": sample.uid, "target": sample.label}
    if prompter.task in ("question", "caption") and sample.references:
        head["references"] = list(sample.references)
    if sample.explanations:
        head["explanations"] = list(sample.explanations)
    kind = sample.metadata.get("kind")
    if isinstance(kind, str) and kind:
        head["kind"] = kind
    for name, value in (("group", group_of(sample)), ("set", set_of(sample))):
        if value:
            head[name] = value
    head |= prompter.variant.line_fields(sample)
    if sample.images:
        head["images"] = prompter.images.of(sample)
    return head


def _accepted(sample: Sample) -> Sequence[str]:
    return sample.references
