"""Fine-tune a model with LoRA: a run folder with curves, checkpoints and an adapter.

Guarantee: a training that was cancelled (SIGTERM, SIGINT) or killed goes on from its last whole
checkpoint and ends as it would have, within what floating point allows; the adapter in the run's
folder is taken by `--adapter RUN` at once. Not for several machines.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import time
import warnings
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sessions.errors import WbError
from sessions.runs import Run
from training.card import Card
from training.checkpoints import last_checkpoint, losses_of, step_of
from training.composing import composed
from training.config_groups import VIRTUAL
from training.config_key import without_later
from training.failing import explained, write_down
from training.further import with_form
from training.inputs import (
    NOT_IN_KEY,
    STARTED_FROM,
    digest_of,
    inputs_digest,
    refuse_changed,
    started_from,
)
from training.memory_peak import larger, peak_memory
from training.tasks import AnyConfig, read_config
from training.train_apart import Apart, open_apart
from training.train_config import TrainConfig, load_config
from training.train_data import TrainSet
from workbench.errors import UsageError
from workbench.models.spec import as_recorded
from workbench.progress import OnProgress, Reporter, telling_load
from workbench.stopping import StopFlag, stop_on_signals

if TYPE_CHECKING:
    from training.collate import Collator
    from training.contrastive.ready import Alignment
    from training.train_eval import DevSet
    from workbench.models.base import LoadedModel

__all__ = ["TrainConfig", "dry_run", "load_config", "resumed_config", "train"]

AnyTraining: TypeAlias = "Training | Alignment"
# What is kept apart changes a result only where something is left out for it.
_KEPT_APART = {"report", "overlap"}


@dataclass
class Training:
    """A training that is ready to run."""

    config: TrainConfig
    data: TrainSet
    loaded: LoadedModel
    model: Any
    collator: Collator
    dev: DevSet | None
    apart: Apart

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps for one pass over the data."""
        batches = math.ceil(len(self.data) / self.config.batch_size)
        return math.ceil(batches / self.config.gradient_accumulation)

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return self.config.max_steps or math.ceil(self.config.epochs * self.steps_per_epoch)

    @property
    def card(self) -> Card:
        """What the adapter's card says before there are figures."""
        sources = zip(self.config.train, self.data.sources, strict=True)
        revisions = {wanted: source.revision for wanted, source in sources}
        if self.dev is not None:
            revisions[self.config.eval] = self.dev.evaluation.source.revision
        if self.apart.report is not None:
            revisions[self.config.report] = self.apart.report.revision
        return Card(
            with_form(self.config),
            class_of(self.loaded.base, self.config.method),
            len(self.data),
            revisions,
            head.labels if (head := self.loaded.own_head) is not None else (),
            self.collator.failed,
        )

    @property
    def spared(self) -> Set[str]:
        """Keys of the config that the adapter does not depend on."""
        return NOT_IN_KEY | (set() if self.config.overlap == "leave_out" else _KEPT_APART)

    @property
    def started_from(self) -> dict[str, str]:
        """What lies outside of the config -> its hash; see `training.inputs`."""
        found, names = started_from(self.config), self.config.train
        for name, pool in zip(names, self.data.templates, strict=True):
            found[f"templates of {name}"] = digest_of(*(t.digest for t in pool))
        uids = (item.uid for item in self.data.items)
        return found | {f"samples that can be used of {', '.join(names)}": digest_of(*uids)}

    @property
    def key(self) -> str:
        """What the adapter depends on, as a hash."""
        settings = {k: v for k, v in self.config.to_json().items() if k not in self.spared}
        settings = without_later(settings)
        settings.pop("quantize_parts", None)  # the model's identity has it
        parts = {
            "v": 1,
            "config": settings,
            "model": self.loaded.identity,
            "data": [[s.dataset, s.split, s.revision] for s in self.data.sources],
            "templates": [[t.digest for t in pool] for pool in self.data.templates],
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def device(self) -> Any:
        """Where it trains."""
        return self.loaded.device

    @property
    def inputs(self) -> str:
        """What it starts from, as a hash."""
        return inputs_digest(self.config)

    @property
    def product(self) -> Any:
        """What the run will hold."""
        from training.methods import product

        return product(self.loaded, self.config)

    def trainer(self, *given: Any) -> Any:
        """The `Trainer` for a run, its record, a stop flag, a listener and a checkpoint."""
        return _trainer(self, *given)

    def facts(self) -> dict[str, Any]:
        """What `--dry-run` prints."""
        from training.joint import head_facts
        from training.optimizers import choose_optimizer
        from training.part_table import part_table

        optimizer = choose_optimizer(self.config)
        parts = part_table(self.model, optimizer)
        trainable = sum(row.trainable for row in parts)
        everything = sum(row.parameters for row in parts)
        return {
            "samples": len(self.data),
            "skipped": dict(self.data.skipped),
            "templates": sorted({t.name for pool in self.data.templates for t in pool}),
            "trainable_parameters": trainable,
            "parameters": everything,
            "trainable_share": trainable / everything,
            "method": self.config.method,
            "optimizer": optimizer,
            "attention": self.config.attention,
            **head_facts(self.loaded.own_head, [item.label for item in self.data.items]),
            "parts": [row.to_json() for row in parts],
            "steps_per_epoch": self.steps_per_epoch,
            "steps": self.steps,
            "samples_per_step": self.config.batch_size * self.config.gradient_accumulation,
            "eval_samples": len(self.dev.samples) if self.dev else 0,
            "warnings": self.apart.warnings,
            "overlaps": [overlap.to_json() for overlap in self.apart.overlaps],
            "identity": self.loaded.identity,
        }


def class_of(base: Any, method: str) -> str:
    """What loads a base without the bench, with its module: transformers' class, or our own.

    Ours may derive from the real one, which reads the same files; virtual tokens need what it adds.
    """
    import transformers

    for cls in type(base).__mro__ if method not in VIRTUAL else ():
        theirs = cls.__module__.startswith("transformers.models.")
        if theirs and hasattr(transformers, cls.__name__):
            return f"transformers.{cls.__name__}"
    cls = type(base)
    known = cls.__module__.startswith("transformers.")
    return f"{'transformers' if known else cls.__module__}.{cls.__name__}"


def prepare(config: TrainConfig, on_progress: OnProgress | None = None) -> Training:
    """Open the data, load the model, put the adapter on. Raises as `train` does."""
    import torch
    from transformers import set_seed

    from training.collate import Collator
    from training.deciding import refuse_figure
    from training.fallbacks import with_fallbacks
    from training.joint import classes_of, labels_of, put_head, refuse_head
    from training.methods import attach, plan
    from training.train_eval import look_at_dev, open_dev
    from workbench.models.base import load_model
    from workbench.serving.release_gpu import release_gpu

    if config.threads:
        torch.set_num_threads(config.threads)
    planned = plan(config)
    refuse_head(config)
    config, taken = with_fallbacks(config)
    tell = Reporter(on_progress)
    tell(0, None, "looking at the data", force=True)
    data, apart = open_apart(config)
    apart.warnings = [*taken, *apart.warnings]
    labels = labels_of(config, data.sources) if config.has_head else ()
    looked = look_at_dev(config, leave_out=apart.out_of_eval)
    refuse_figure(config, looked, labels)
    tell(0, None, f"loading {config.model}", force=True)
    release_gpu(config.spec)
    loaded = load_model(config.spec, telling_load(tell, 0, None, config.model))
    set_seed(config.seed)
    model = attach(loaded, config, planned)
    # The base's own head was trained over its weights: another training begins without it.
    loaded.own_head = None
    if labels:
        model = put_head(loaded, model, config, labels)
    collator = Collator(
        loaded,
        data,
        cache_mb=config.cache_mb,
        max_length=config.max_length,
        classes=classes_of(labels) if labels else None,
    )
    dev = open_dev(config, loaded, looked) if looked else None
    return Training(config, data, loaded, model, collator, dev, apart)


def dry_run(config: AnyConfig) -> dict[str, Any]:
    """What a training would do and take: parameters, samples, steps, memory, time.

    Of a fine-tuning a few batches go forward and backward; no weight is changed, no run written.
    """
    from training.measure import measure

    training = _prepared(config)
    return training.facts() | (measure(training) if isinstance(training, Training) else {})


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
            on_ready(training.facts())
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
            "facts": training.facts(),
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
    facts = training.facts() | {
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
        step, training.steps, "trained", _headline(record.latest), force=True
    )
    return run


def _trainer(
    training: Training,
    run: Run,
    record: Any,
    stop: StopFlag,
    on_progress: OnProgress | None,
    checkpoint: Path | None,
) -> Any:
    import torch
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    from training.finite import FiniteWatch
    from training.seq2seq import Seq2SeqAnswerTrainer, is_seq2seq
    from training.trainer import AnswerTrainer, Hooks, arguments
    from workbench.stopping import Enough

    config, dev = training.config, training.dev
    done = step_of(checkpoint) if checkpoint else 0
    tell = Reporter(on_progress, start=done)
    tell(done, training.steps, "training", force=True)
    deadline = time.monotonic() + config.max_minutes * 60 if config.max_minutes else math.inf
    device = training.loaded.device

    def evaluate_what_was_cut() -> None:
        # A cancel at the end of an epoch saves its checkpoint and evaluates nothing.
        due = done % training.steps_per_epoch == 0 if done else config.eval_at_start
        if dev and due and not record.was_evaluated(done):
            trainer.evaluate()
        if record.enough:
            raise Enough

    def halved(step: int, pieces: int, size: int) -> None:
        record.halved(step, pieces, size)
        record.warn(
            f"out of memory in step {step}: its batches of {config.batch_size} are taken as "
            f"{pieces} of {size} from here on; the loss is that of the whole step"
        )

    hooks = Hooks(
        on_begin=evaluate_what_was_cut,
        on_figures=record.figures,
        on_step=lambda step, total: tell(step, total, "training", _headline(record.latest)),
        stop=stop,
        out_of_time=lambda: time.monotonic() >= deadline,
        enough=lambda: record.enough,
    )

    def evaluation() -> dict[str, float]:
        assert dev is not None
        step = trainer.state.global_step
        tell(step, training.steps, "evaluating", _headline(record.latest), force=True)
        found = dev.figures(training.model, run.path / "eval", step, stop)
        return record.evaluated(training.model, step, found)

    watch = FiniteWatch(run.path / "checkpoints", config.learning_rate)
    seq2seq = is_seq2seq(config)
    trainer = (Seq2SeqAnswerTrainer if seq2seq else AnswerTrainer)(
        data=training.data,
        collator=training.collator,
        config=config,
        evaluation=evaluation if dev else None,
        watch=watch,
        losses=losses_of(checkpoint),
        run=run.id,
        pieces=record.out_of_memory()[-1]["pieces"] if record.out_of_memory() else 1,
        on_halved=halved if config.on_oom == "halve" else None,
        model=training.model,
        args=arguments(
            config,
            run.path / "checkpoints",
            steps=training.steps,
            on_cpu=device.type == "cpu",
            bf16=device.type != "cpu" and training.loaded.base.dtype == torch.bfloat16,
            seq2seq=seq2seq,
        ),
        eval_dataset=[] if dev else None,
        callbacks=[watch, hooks],
    )
    if dev and isinstance(trainer, Seq2SeqAnswerTrainer):
        dev.evaluation.answerer = trainer.answerer(training.loaded, config.eval_new_tokens)
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    return trainer


def _headline(figures: dict[str, float]) -> dict[str, float]:
    names = ("loss", "eval_loss", "eval_accuracy", "eval_head_accuracy", "eval_bleu4")
    return {name: figures[name] for name in names if name in figures}
