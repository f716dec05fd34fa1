"""An evaluation of a model elsewhere: so many requests at once, a line for each answer as it comes.

Guarantee: torch-free; every sample ends with one line, a failed request being that sample's own;
what is the server's refusal of everything (no such model, a wrong key) ends the run instead, to be
resumed. Lines come in the order of the answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.errors import EngineError, UnknownName, UsageError
from workbench.evaluation.lines import answer_line, failed_line, no_labels
from workbench.evaluation.metrics.votes import voted
from workbench.models.spec import ModelSpec
from workbench.sample import Sample
from workbench.serving.protocol import absolute
from workbench.serving.remote.client import RemoteEngine
from workbench.serving.remote.http_client import MAX_AT_ONCE

if TYPE_CHECKING:
    from workbench.evaluation.config import EvalConfig
    from workbench.evaluation.controlled import TakenRequests
    from workbench.evaluation.prepared import PreparedEvaluation
    from workbench.inference.decoding import Decoding

# The next sample would fail the same way.
_FATAL = frozenset({"remote_unauthorized", "remote_redirect", "remote_quota"})

Line = dict[str, Any]


@dataclass
class ServedModel:
    """A model elsewhere that is ready to be evaluated.

    Attributes:
        engine: Asks its server.
        spec: Its name, spelled the usual way.
        identity: What the run's key is made of.
        at_once: Requests under way at the same time at most, at the start.
    """

    engine: RemoteEngine
    spec: ModelSpec
    identity: str
    at_once: int


def reach(config: EvalConfig, words: Iterable[str] = ()) -> ServedModel:
    """Find the server and refuse what it cannot do, before any sample is asked.

    Args:
        config: What is evaluated.
        words: Labels that are to be scored.

    Raises:
        UsageError: A setting or knob that it does not have; no such model.
        WbError: It cannot be reached, or refuses.
    """
    if config.threads:
        raise UsageError(
            "--threads is about a model that runs here", hint="leave it out", kind="elsewhere"
        )
    at_once = min(config.batch_size, MAX_AT_ONCE)
    spec = absolute(config.spec)
    engine = RemoteEngine(MAX_AT_ONCE)  # how many are under way is seen to in `ask_remote`
    try:
        identity = engine.identity(spec)
        engine.check(spec, config.decoding, list(words))
    except BaseException:
        engine.close()
        raise
    return ServedModel(engine, spec, identity, at_once)


def ask_remote(
    evaluation: PreparedEvaluation,
    samples: Iterable[Sample],
    stop: Callable[[], bool],
    taken: TakenRequests,
) -> Iterator[list[Line]]:
    """Lines as they are ready; requests under way when `stop` turns true are dropped.

    What is under way when a pause is asked is waited for; then it is paused.

    Raises:
        EngineError, UnknownName: The server refuses everything.
    """
    remote = evaluation.loaded
    assert isinstance(remote, ServedModel)
    left = iter(samples)
    gone = False
    under_way: set[Future[Line | None]] = set()

    def stopped() -> bool:
        return gone or stop()

    with ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="ask") as pool:
        try:
            before = time.perf_counter()
            while not stop():
                taken.look()
                if taken.paused and not under_way:
                    taken.between()
                    before = time.perf_counter()
                    continue
                for sample in _next(taken, left, len(under_way)):
                    under_way.add(pool.submit(_line, evaluation, remote, sample, stopped))
                if not under_way:
                    return
                done, under_way = wait(under_way, timeout=0.5, return_when=FIRST_COMPLETED)
                lines = [line for future in done if (line := future.result()) is not None]
                if lines:
                    now = time.perf_counter()
                    # Answers overlap: the time between two is what each of them cost.
                    share = (now - before) / len(lines)
                    before = now
                    yield [_timed(line, share) for line in lines]
        finally:
            gone = True


def _next(taken: TakenRequests, left: Iterator[Sample], under_way: int) -> list[Sample]:
    """Samples to be asked now, those first that are asked again."""
    room = 0 if taken.paused else max(0, taken.size - under_way)
    again = taken.again(room)
    return [*again, *islice(left, room - len(again))]


def _timed(line: Line, share_s: float) -> Line:
    return line | {"share_s": round(share_s, 5)} if "share_s" in line else line


def _line(
    evaluation: PreparedEvaluation, remote: ServedModel, sample: Sample, stopped: Callable[[], bool]
) -> Line | None:
    """One sample's line; `None` where it was broken off. Raises what concerns every sample."""
    told: list[Line] = []
    for knobs in evaluation.decodings:
        line = _one(evaluation, remote, sample, knobs, stopped)
        if line is None:
            return None
        told.append(line)
    return voted(told) if len(told) > 1 else told[0]


def _one(
    evaluation: PreparedEvaluation,
    remote: ServedModel,
    sample: Sample,
    knobs: Decoding,
    stopped: Callable[[], bool],
) -> Line | None:
    prompter, config = evaluation.prompter, evaluation.config
    try:
        words = prompter.scored_words(sample) if config.label_scores else {}
        answer = remote.engine.answer(
            prompter.render(sample),
            remote.spec,
            knobs,
            labels=list(words.values()) or None,
            cancelled=stopped,
        )
    except WbError as error:
        if error.kind in _FATAL or isinstance(error, UnknownName):
            raise
        return failed_line(prompter, sample, error)
    except Exception as error:
        crash = WbError(f"{type(error).__name__}: {error}"[:500], kind="crash")
        return failed_line(prompter, sample, crash)
    if answer.finish_reason == "cancelled":
        return None
    said = answer.label_scores
    scores = {label: said[word] for label, word in words.items()} if said and words else None
    by_score = config.answer == "score"
    if by_score and not scores:
        return failed_line(prompter, sample, no_labels(sample))
    line = answer_line(prompter, sample, answer, share_s=0.0, scores=scores, by_score=by_score)
    fingerprint = answer.server.get("fingerprint")
    return line | ({"fingerprint": fingerprint} if fingerprint else {})


def is_down(line: Line) -> bool:
    """Whether a line failed for the server's sake rather than its sample's."""
    kind = str((line.get("error") or {}).get("kind") or "")
    return kind.startswith("remote_") and kind != "remote_refused"


def down(error: Line) -> EngineError:
    """What ends a run whose server answers nobody any more."""
    return EngineError(
        f"too many samples in a row got no answer: {error['message']}",
        hint="when the server is well again: wb run-eval --resume RUN --retry-failed",
        kind="remote_down",
    )
