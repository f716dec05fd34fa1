"""The steps of a fine-tuning: its `Trainer`, and what each step and evaluation is told to.

Guarantee: what a killed stretch had not evaluated is evaluated before its next step. Not for what
is ready to run (`training.prepared`) nor for the run around it (`training.train`).
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.runs import Run
from training.checkpoints import losses_of, step_of
from workbench.progress import OnProgress, Reporter
from workbench.stopping import StopFlag

if TYPE_CHECKING:
    from training.prepared import Training


def make_trainer(
    training: Training,
    run: Run,
    record: Any,
    stop: StopFlag,
    on_progress: OnProgress | None,
    checkpoint: Path | None,
) -> Any:
    """The `Trainer` of a fine-tuning, with what is told, kept and watched as its steps go by.

    Args:
        training: Ready to run.
        run: Its run.
        record: What the run keeps.
        stop: Whether to end after the step.
        on_progress: Told as steps go by.
        checkpoint: Where an earlier stretch was left.
    """
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
        on_step=lambda step, total: tell(step, total, "training", headline(record.latest)),
        stop=stop,
        out_of_time=lambda: time.monotonic() >= deadline,
        enough=lambda: record.enough,
    )

    def evaluation() -> dict[str, float]:
        assert dev is not None
        step = trainer.state.global_step
        tell(step, training.steps, "evaluating", headline(record.latest), force=True)
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


def headline(figures: dict[str, float]) -> dict[str, float]:
    """The figures that a line of progress has room for."""
    names = ("loss", "eval_loss", "eval_accuracy", "eval_head_accuracy", "eval_bleu4")
    return {name: figures[name] for name in names if name in figures}
