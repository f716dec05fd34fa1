"""The lines of those samples whose answers are on record: they are read and judged as new ones are.

Guarantee: a line that was not asked says so (`recorded`), and has no time: it says nothing of how
fast the model is. A sample of several answers is taken only where all of them are on record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.evaluation.batch import line_of
from workbench.evaluation.metrics.votes import voted
from workbench.sample import Sample

if TYPE_CHECKING:
    from workbench.evaluation.prepared import PreparedEvaluation

# Samples whose answers are looked up at once.
_AT_ONCE = 256
_TIMES = ("latency_s", "share_s")


def recalled(
    evaluation: PreparedEvaluation, samples: Iterable[Sample], stop: Callable[[], bool]
) -> Iterator[list[dict[str, Any]]]:
    """Lines of the samples that need not be asked, some at a time.

    Args:
        evaluation: What is evaluated.
        samples: Those that have no line yet.
        stop: Ends it early.
    """
    record = evaluation.record_of_answers
    if record is None or not record.reads:
        return
    some: list[Sample] = []
    for sample in samples:
        if stop():
            return
        some.append(sample)
        if len(some) == _AT_ONCE:
            yield from _known(evaluation, some)
            some = []
    yield from _known(evaluation, some)


def _known(
    evaluation: PreparedEvaluation, samples: Sequence[Sample]
) -> Iterator[list[dict[str, Any]]]:
    record, prompter = evaluation.record_of_answers, evaluation.prompter
    if record is None:
        return
    knobs = evaluation.decodings
    questions: list[tuple[Sample, list[tuple[str, str]]]] = []
    keys: list[str | None] = []
    for sample in samples:
        try:
            messages = prompter.render(sample)
        except WbError:
            continue  # asked like the others, it gets a line that says why
        words = prompter.scored_words(sample) if evaluation.config.label_scores else {}
        questions.append((sample, list(words.items())))
        keys += record.keys([(messages, each) for each in knobs], list(words.values()))
    answers = record.find(keys)
    lines = []
    for place, (sample, words) in enumerate(questions):
        own = answers[place * len(knobs) : (place + 1) * len(knobs)]
        given = [answer for answer in own if answer is not None]
        if len(given) < len(knobs):
            continue
        told = [line_of(evaluation, sample, answer, words, 0.0) for answer in given]
        line = voted(told) if len(told) > 1 else told[0]
        if line.get("error"):
            continue
        timeless = {name: value for name, value in line.items() if name not in _TIMES}
        lines.append(timeless | {"recorded": True})
    if lines:
        yield lines
