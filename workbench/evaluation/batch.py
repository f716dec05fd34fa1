"""Ask a batch of samples, whatever its members are: one line for each.

Guarantee: a member that cannot be asked (a bad image, a prompt too long, a defect of ours) gets a
line with its error and costs the others nothing but time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.evaluation.lines import answer_line, failed_line, no_labels
from workbench.evaluation.metrics.votes import voted
from workbench.inference.decoding import Decoding
from workbench.sample import Answer, Sample

if TYPE_CHECKING:
    from workbench.evaluation.prepared import PreparedEvaluation


def ask_batch(evaluation: PreparedEvaluation, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """One line for each sample, in their order."""
    prompter, record = evaluation.prompter, evaluation.record_of_answers
    lines: dict[str, dict[str, Any]] = {}
    groups: dict[tuple[tuple[str, str], ...], list[tuple[Sample, Any]]] = {}
    for sample in samples:
        try:
            messages = prompter.render(sample)
        except WbError as error:
            lines[sample.uid] = failed_line(prompter, sample, error)
            continue
        # Rows that are scored together must have the same labels.
        words = prompter.scored_words(sample) if evaluation.config.label_scores else {}
        groups.setdefault(tuple(words.items()), []).append((sample, messages))
    for words, members in groups.items():
        knobs = evaluation.decodings
        asked = [(messages, each) for _, messages in members for each in knobs]
        labels = [word for _, word in words]
        keys = record.keys(asked, labels) if record is not None else []
        started = time.perf_counter()
        answers = _answers(evaluation, asked, labels)
        share = (time.perf_counter() - started) / len(asked)
        if record is not None:
            record.keep(asked, labels, keys, answers)
        for place, (sample, _) in enumerate(members):
            own = answers[place * len(knobs) : (place + 1) * len(knobs)]
            told = [line_of(evaluation, sample, answer, words, share) for answer in own]
            lines[sample.uid] = voted(told) if len(told) > 1 else told[0]
    return [lines[sample.uid] for sample in samples]


def line_of(
    evaluation: PreparedEvaluation,
    sample: Sample,
    answer: Answer | WbError,
    words: Sequence[tuple[str, str]],
    share: float,
) -> dict[str, Any]:
    """The line of one answer.

    Args:
        evaluation: What is evaluated.
        sample: What was asked.
        answer: What was said, or why nothing was.
        words: Label -> the word that was scored for it, where labels were.
        share: Its share of its batch's time, in seconds.
    """
    prompter = evaluation.prompter
    if isinstance(answer, WbError):
        return failed_line(prompter, sample, answer)
    said = answer.label_scores
    scores = {label: said[word] for label, word in words} if said and words else None
    by_score = evaluation.config.answer == "score"
    if by_score and not scores:
        return failed_line(prompter, sample, no_labels(sample))
    return answer_line(prompter, sample, answer, share_s=share, scores=scores, by_score=by_score)


def _answers(
    evaluation: PreparedEvaluation, asked: Sequence[tuple[Any, Decoding]], words: Sequence[str]
) -> list[Answer | WbError]:
    """An answer for each conversation with its knobs."""
    from workbench.inference.generate import generate
    from workbench.models.base import LoadedModel

    loaded = evaluation.loaded
    assert isinstance(loaded, LoadedModel)

    def ask(some: Sequence[tuple[Any, Decoding]]) -> list[Answer | WbError]:
        return generate(
            loaded,
            [conversation for conversation, _ in some],
            [knobs for _, knobs in some],
            labels=list(words) or None,
            return_errors=True,
            prefixes=evaluation.prefixes,
        )

    if evaluation.answerer is not None and not words:
        answers = evaluation.answerer([conversation for conversation, _ in asked])
        if answers is not None:
            return list(answers)
    try:
        return ask(asked)
    except WbError:
        raise
    except Exception:
        # A defect, met by one member at least: the others are asked alone.
        out: list[Answer | WbError] = []
        for one in asked:
            try:
                out += ask([one])
            except WbError:
                raise
            except Exception as error:
                out.append(WbError(f"{type(error).__name__}: {error}", kind="crash"))
        return out
