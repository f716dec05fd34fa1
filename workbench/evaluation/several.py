"""One evaluation by several processes: this one writes the run and asks, helpers ask beside it.

Guarantee: batches are those of one process, and so are their lines and the order of the lines; only
this process writes. A helper that is killed costs its batch's time: the others ask it. Where this
process is killed the helpers end, and the run is gone on with by any number of processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from sessions.runs import Run
from workbench.evaluation.batch import ask_batch
from workbench.evaluation.batch_queue import BatchQueue, Lines
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.controlled import TakenRequests
from workbench.evaluation.helper_process import HelperProcess
from workbench.sample import Sample
from workbench.serving.process import child_environment

if TYPE_CHECKING:
    from workbench.evaluation.prepared import PreparedEvaluation

_AHEAD = 2  # batches that wait for each process: none stands idle while this one asks
_LOOK_S = 0.1


def own_part(config: EvalConfig) -> EvalConfig:
    """What this process loads of an evaluation by several: one GPU, or its share of the cores."""
    if config.processes < 2:
        return config
    if gpus_of(config.spec.device):
        return replace(config, spec=replace(config.spec, device="cuda:0"))
    return replace(config, threads=config.threads or _cores(config.processes))


def gpus_of(device: str) -> list[str]:
    """The GPUs that processes are spread over, as `CUDA_VISIBLE_DEVICES` names them.

    Args:
        device: As `--device`; with `auto` and `cuda` each process gets one of its own, and what
            names its devices is taken at its word by all.
    """
    if device not in ("auto", "cuda"):
        return []
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return (named or [str(number) for number in range(count)])[:count]


def _cores(processes: int) -> int:
    """Threads for each, where all cores are shared among them."""
    return max(1, len(os.sched_getaffinity(0)) // processes)


def ask_together(
    evaluation: PreparedEvaluation,
    run: Run,
    batches: Iterator[list[Sample]],
    stop: Callable[[], bool],
    taken: TakenRequests,
) -> Iterator[Lines]:
    """Lines of all batches, in their order.

    Args:
        evaluation: What is asked; `config.processes` says by how many.
        run: Its run, whose lock this process holds.
        batches: What is to be asked, in order.
        stop: Ends it early; what is under way then is waited for.
        taken: What the run is asked while it goes on.

    Raises:
        WbError: A helper cannot ask: no memory for one more model, say.
    """
    queue = BatchQueue()
    helpers: list[HelperProcess] = []
    first = list(islice(batches, 1))
    try:
        # Each helper loads a model, in vain if all answers are on record.
        for number in range(2, evaluation.config.processes + 1 if first else 2):
            helpers.append(_start(number, evaluation, run, queue))
        yield from _asked(evaluation, queue, chain(first, batches), stop, taken)
    finally:
        queue.close()
        for helper in helpers:
            helper.end()
    if queue.lost:
        run.rekey(run.key, {"processes_lost": queue.lost})


def _start(
    number: int, evaluation: PreparedEvaluation, run: Run, queue: BatchQueue
) -> HelperProcess:
    config, env = evaluation.config, child_environment()
    gpus = gpus_of(config.spec.device)
    if gpus:
        env["CUDA_VISIBLE_DEVICES"] = gpus[(number - 1) % len(gpus)]
    for name in ("WB_JOB_PROGRESS", "WB_JOB_DIR"):  # the job's progress is told by this process
        env.pop(name, None)
    told: dict[str, Any] = {
        "run": str(run.path),
        "settings_key": evaluation.settings_key,
        "threads": config.threads if gpus else own_part(config).threads,
    }
    return HelperProcess(f"process {number} of {config.processes}", told, env, queue)


def _asked(
    evaluation: PreparedEvaluation,
    queue: BatchQueue,
    batches: Iterator[list[Sample]],
    stop: Callable[[], bool],
    taken: TakenRequests,
) -> Iterator[Lines]:
    more = True
    while True:
        yield from _held(queue, stop, taken)
        if queue.failure is not None:
            raise queue.failure
        yield from queue.ready()
        if stop():
            break
        if again := taken.again(taken.size):
            yield ask_batch(evaluation, again)
            continue
        while more and queue.waiting < _AHEAD * evaluation.config.processes:
            if (samples := next(batches, None)) is None:
                more = False
            else:
                queue.add(samples)
        if (batch := queue.take()) is not None:
            queue.done(batch[0], ask_batch(evaluation, batch[1]))
        elif queue.busy or queue.waiting:  # a helper may still give a batch back
            queue.wait(_LOOK_S)
        else:
            yield from queue.ready()
            return
    queue.close()
    yield from _under_way(queue)
    yield from queue.ready(all_of_them=True)


def _held(queue: BatchQueue, stop: Callable[[], bool], taken: TakenRequests) -> Iterator[Lines]:
    """Take requests; while it is paused nobody asks."""
    taken.look()
    if not taken.paused or stop():
        return
    queue.hold(True)
    yield from _under_way(queue)
    taken.between()
    queue.hold(False)


def _under_way(queue: BatchQueue) -> Iterator[Lines]:
    """Wait for the batches under way."""
    while queue.busy:
        queue.wait(_LOOK_S)
    yield from queue.ready()
