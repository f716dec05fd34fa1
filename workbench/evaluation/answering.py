"""The lines of an evaluation as they are ready, batch by batch, without what is done.

Guarantee: the lines do not depend on the batch size. Not for writing them: see
`workbench.evaluation.runner`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from sessions.runs import Run
from workbench.evaluation.batch import ask_batch
from workbench.evaluation.controlled import TakenRequests
from workbench.evaluation.prepared import PreparedEvaluation
from workbench.evaluation.recalled import recalled
from workbench.evaluation.remote import ServedModel, ask_remote
from workbench.evaluation.several import ask_together
from workbench.evaluation.shards import WINDOW
from workbench.sample import Sample
from workbench.stopping import StopFlag

if TYPE_CHECKING:
    pass


def answered(
    evaluation: PreparedEvaluation, run: Run, done: set[str], stop: StopFlag, taken: TakenRequests
) -> Iterator[list[dict[str, Any]]]:
    """Lines as they are ready, until all are or `stop` says so.

    Args:
        evaluation: What is asked.
        run: Its run, whose lock this process holds.
        done: The UIDs that have a line.
        stop: Ends it after the batches under way.
        taken: What the run is asked while it goes on.

    Raises:
        WbError: Nothing more can be asked.
    """
    if isinstance(evaluation.loaded, ServedModel):
        pending = _pending(evaluation, done)
        yield from ask_remote(evaluation, pending, stop, taken)
        return
    pending = _pending(evaluation, done)
    wanted = set(evaluation.config.retry)  # to be asked, whatever is on record
    yield from recalled(evaluation, (s for s in pending if s.uid not in wanted), stop)
    batches = _batches(evaluation, done, taken)
    if evaluation.config.processes > 1:
        yield from ask_together(evaluation, run, batches, stop, taken)
        return
    while True:
        taken.between()
        if stop():
            return
        samples = taken.again(taken.size) or next(batches, None)
        if samples is None:
            return
        yield ask_batch(evaluation, samples)


def _batches(
    evaluation: PreparedEvaluation, done: set[str], taken: TakenRequests
) -> Iterator[list[Sample]]:
    """Pending samples in batches; within a window those of like length go together.

    A batch has the size that holds when it is asked for: it may change within a window.
    """
    from workbench.inference.capacity import sample_length

    loaded: Any = evaluation.loaded
    pending = _pending(evaluation, done)
    while window := list(islice(pending, taken.size * WINDOW)):
        # By length with image tokens; the examples before them are the same for all. A shard's
        # samples come in their batches.
        if evaluation.shard is None:
            window.sort(key=lambda sample: sample_length(loaded, sample))
        while window:
            size = taken.size
            yield window[:size]
            del window[:size]


def _pending(evaluation: PreparedEvaluation, done: set[str]) -> Iterator[Sample]:
    """The samples without those that are done; what was done is not read again."""
    if evaluation.shard is not None:
        yield from (sample for sample in evaluation.samples() if sample.uid not in done)
        return
    source, total, start = evaluation.source, evaluation.total, 0
    while start < total and done and source.uid_at(start) in done:
        start += 1
    if start >= total:
        return
    for ordinal, sample in enumerate(source.iter(start), start):
        if ordinal >= total:
            return
        if sample.uid not in done:
            yield sample
