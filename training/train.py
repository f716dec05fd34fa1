"""Fine-tune a model with LoRA: a run folder with curves, checkpoints and an adapter.

Guarantee: a training that was cancelled (SIGTERM, SIGINT) or killed goes on from its last whole
checkpoint and ends as it would have, within what floating point allows; the adapter in the run's
folder is taken by `--adapter RUN` at once. Not for several machines.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sessions.errors import WbError
from sessions.runs import Run
from training.checkpoints import last_checkpoint, step_of
from training.composing import composed
from training.failing import explained, write_down
from training.inputs import STARTED_FROM, refuse_changed, started_from
from training.memory_peak import larger, peak_memory
from training.prepared import Training, prepare
from training.tasks import AnyConfig, read_config
from training.train_config import TrainConfig, load_config
from training.train_steps import headline
from workbench.errors import UsageError
from workbench.models.spec import as_recorded
from workbench.progress import OnProgress, Reporter
from workbench.stopping import StopFlag, stop_on_signals

if TYPE_CHECKING:
    from training.contrastive.ready import Alignment

__all__ = ["TrainConfig", "dry_run", "load_config", "resumed_config", "train"]

AnyTraining: TypeAlias = "Training | Alignment"


def dry_run(config: AnyConfig) -> dict[str, Any]:
    """What a training would do and take: parameters, samples, steps, memory, time.

    Of a fine-tuning a few batches go forward and backward; no weight is changed, no run written.
    """
    from training.measure import measure

    training = _prepared(config)
    return training.summary() | (measure(training) if isinstance(training, Training) else {})


def _prepared(config: AnyConfig, on_progress: OnProgress | None = None) -> AnyTraining:
    """The training of a config, whatever its task. Raises as `train` does."""
    if isinstance(config, TrainConfig):
        return prepare(composed(config, on_progress), on_progress)
    from training.contrastive import ready

    return ready.prepare(config, on_progress)


def train(
    config: AnyConfig,
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
    *,
    resume: str = "",
    warn: Callable[[str], None] = warnings.warn,
    on_ready: Callable[[dict[str, Any]], None] | None = None,
    asked: Mapping[str, Any] | None = None,
) -> Run:
    """Fine-tune, from the beginning or from a run's last checkpoint.

    Args:
        config: What is trained; with `resume` that of the run (`resumed_config`).
        on_progress: Told as steps go by.
        cancelled: Asked after each step; so are SIGTERM and SIGINT: a checkpoint is saved then.
        resume: A run's id or folder.
        warn: Told before the first step what `train`, `eval` and `report` share.
        on_ready: Told before the first step what `dry_run` would say.
        asked: How the config was named, and what was changed in it; kept in the run's record.

    Returns:
        The run, `done` or `cancelled`, with `adapter/` and `metrics.json` in its folder.

    Raises:
        UsageError: The config cannot be meant, or is not that of the run to resume.
        DataError: Nothing to train on.
        ModelError: The model or the adapter cannot be loaded, or there is no memory.
        RecordError: Another process is writing the run, or the disk is full.
    """
    if resume and isinstance(config, TrainConfig):
        refuse_changed(Run.open(resume), (), started_from(config))  # before anything is loaded
    with stop_on_signals(cancelled) as stop:
        training = _prepared(config, on_progress)
        for line in training.apart.warnings:
            warn(line)
        if on_ready is not None:
            on_ready(training.summary())
        run = _open_run(training, resume, asked)
        with run:
            try:
                with explained(run):
                    return _work(training, run, stop, on_progress, warn)
            except BaseException as error:
                with contextlib.suppress(WbError, OSError):
                    write_down(run, error)
                raise


def resumed_config(run: Run) -> AnyConfig:
    """The config of a training. Raises `UsageError` where the run is none."""
    values = run.config.get("config")
    if run.kind != "train" or not isinstance(values, dict):
        raise UsageError(
            f"run {run.id} is no training that can be resumed", hint="see: wb runs list"
        )
    return read_config(values if "task" in values else as_recorded(values), f"run {run.id}")


def _open_run(training: AnyTraining, resume: str, asked: Mapping[str, Any] | None) -> Run:
    config, key = training.config, training.key
    if not resume:
        record = {
            "config": config.to_json(),
            "name": config.name,
            "dataset": ", ".join(config.train),
            "split": "",
            "model": config.model,
            "adapter": getattr(config, "adapter", "") or None,
            "eval": config.eval,
            "facts": training.summary(),
            "inputs": training.inputs,
            STARTED_FROM: training.started_from,
        }
        if asked:
            record["asked"] = dict(asked)
        run = Run.create(record, key, "train", total=training.steps)
        _write_yaml(run.path / "config.yaml", config)
        return run
    run = Run.open(resume)
    wanted, had = config.to_json(), resumed_config(run).to_json()
    keys = [k for k, v in wanted.items() if k not in training.spared and had.get(k) != v]
    refuse_changed(run, keys, training.started_from)
    if run.key != key:  # of an older version, which kept no more than this
        raise UsageError(
            f"run {run.id} cannot be resumed: its config, its model or its data have changed",
            hint="start a new run",
            kind="other_run",
        )
    run.resume(total=training.steps)
    return run


def _write_yaml(path: Path, config: AnyConfig) -> None:
    import yaml

    from sessions.atomic import atomic_write

    atomic_write(path, yaml.safe_dump(config.to_json(), sort_keys=False, allow_unicode=True))


def _work(
    training: AnyTraining,
    run: Run,
    stop: StopFlag,
    on_progress: OnProgress | None,
    warn: Callable[[str], None],
) -> Run:
    from training.left_out import LeftOut
    from training.seq2seq import name_of
    from training.train_record import TrainRecord
    from workbench.stopping import Enough

    config = training.config
    checkpoint = last_checkpoint(run.path / "checkpoints")
    done = step_of(checkpoint) if checkpoint else 0
    failed, source = {"train": training.collator.failed}, None
    if isinstance(training, Training) and training.dev is not None:
        failed["eval"] = training.dev.collator.failed
        source = training.dev.evaluation.source
    left_out = LeftOut(run.path, failed)
    record = TrainRecord(run, config, training.card, training.product, done, left_out, source)
    began = time.monotonic()
    record.warn = warn
    trainer = training.trainer(run, record, stop, on_progress, checkpoint)
    # A stretch that ended between the last evaluation and the end of the run has no step to take.
    with contextlib.suppress(Enough):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    step = trainer.state.global_step
    was_cancelled = stop() and step < training.steps
    facts = training.summary() | {
        "steps_done": step,
        "epochs_done": round(float(trainer.state.epoch or 0.0), 3),
        "failed_samples": training.collator.failed,
        "left_out": {name: len(found) for name, found in failed.items()},
        "notes": left_out.notes(),
        "state": "cancelled" if was_cancelled else "done",
        "stopped_early": record.enough and not was_cancelled,
        "out_of_memory": record.out_of_memory(),
        "key": run.key,
        "trainer": name_of(trainer),
        "peak_memory": larger(run.metrics().get("peak_memory"), peak_memory(training.device.type)),
        "seconds": round(run.seconds, 1),
        "seconds_this_stretch": round(time.monotonic() - began, 1),
    }
    record.finish(training.model, facts)
    for note in left_out.notes():
        warn(note)
    run.set_state(facts["state"], total=training.steps, reason=stop.reason if was_cancelled else "")
    Reporter(on_progress, start=step)(
        step, training.steps, "trained", headline(record.latest), force=True
    )
    return run
