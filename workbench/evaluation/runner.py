"""Evaluate a model on a split: a run folder that fills as it goes, killed and resumed at will.

Guarantee: every sample of the split ends with exactly one line, failed ones too; a batch of which
one member fails loses no other; the lines do not depend on the batch size; the figures are made of
the lines alone. Not for comparing runs (`sessions.compare`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.job_child import report_run
from sessions.runs import Run
from workbench.evaluation.answering import answered
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.controlled import TakenRequests
from workbench.evaluation.document import document
from workbench.evaluation.finished import find_finished, find_unloaded
from workbench.evaluation.notes import all_failed
from workbench.evaluation.prepare import prepare
from workbench.evaluation.prepared import PreparedEvaluation
from workbench.evaluation.remote import ServedModel, down, is_down
from workbench.evaluation.resuming import check_resumed, open_run
from workbench.progress import OnProgress, Reporter
from workbench.stopping import StopFlag, stop_on_signals
from workbench.text import counted

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel

# So many samples in a row that end in an error nobody foresaw, or without an answer from a server:
# it is not the samples' fault.
_CRASHES = 20


def evaluate(
    config: EvalConfig,
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
    *,
    resume: str = "",
    loaded: LoadedModel | None = None,
    on_known: Callable[[Run], None] | None = None,
    untouched: bool = False,
) -> Run:
    """Evaluate, from the beginning or from where a run was left.

    Args:
        config: What is evaluated; with `resume` what of it the run does not say (batch size).
        on_progress: Told after each batch.
        cancelled: Asked after each batch; so are SIGTERM and SIGINT.
        resume: A run's id or folder, or `auto` for the newest run of the same key, if any.
        loaded: The model of the config, where it is at hand; loaded here else.
        on_known: Where it is given and `resume` is not, a finished run of the same key is told to
            it and returned, and nothing is asked.
        untouched: `loaded` is as it was read from its files, so that answers on record are its.

    Returns:
        The run, its metrics written; its state is `done` or `cancelled`.

    Raises:
        UsageError: The config or the dataset cannot be meant, or does not fit the run to resume.
        NoSuchRecord: There is no run to resume.
        ModelError: The model cannot be loaded or used.
        RecordError: Another process is writing the run, or the disk is full.
    """
    check_resumed(resume)
    if loaded is not None:
        config = replace(config, processes=1)  # no other process has this one's model
    with stop_on_signals(cancelled) as stop:
        looks = on_known if not resume and not config.fresh else None
        if looks is not None and loaded is None and (known := find_unloaded(config)) is not None:
            return _known(known, looks)
        evaluation = prepare(config, on_progress, loaded, untouched=untouched)
        try:
            if looks is not None and (known := find_finished(evaluation)) is not None:
                return _known(known, looks)
            with open_run(evaluation, resume) as run:
                return _work(evaluation, run, stop, on_progress)
        finally:
            _close(evaluation)


def _known(run: Run, on_known: Callable[[Run], None]) -> Run:
    report_run(run.id)
    done = run.progress()[0]
    Reporter(None)(done, done, "", _headline(run), note=_on_record(done, done), force=True)
    on_known(run)
    return run


def _close(evaluation: PreparedEvaluation) -> None:
    if isinstance(evaluation.loaded, ServedModel):
        evaluation.loaded.engine.close()
    if evaluation.record_of_answers is not None:
        evaluation.record_of_answers.close()


def _work(
    evaluation: PreparedEvaluation, run: Run, stop: StopFlag, on_progress: OnProgress | None
) -> Run:
    config, total = evaluation.config, evaluation.own_total
    done = run.done_uids(errors=not config.retry_failed) - set(config.retry)
    reporter = Reporter(on_progress, start=len(done))
    how = config.control or config.vary  # a ledger asks several, one after the other
    message = f"{evaluation.source.dataset}/{evaluation.source.split}{' ' * bool(how)}{how}"
    crashes = known = 0
    try:
        taken = _requests(evaluation, run, done, stop, reporter)
        reporter(len(done), total, message + taken.told, force=True)
        for lines in answered(evaluation, run, done, stop, taken):
            crashes = _count_crashes(lines, crashes)
            run.append_many(lines)
            taken.wrote(lines)
            known += sum(bool(line.get("recorded")) for line in lines)
            reporter(len(done), total, message)
        state = "cancelled" if stop() and len(done) < total else "done"
        if state == "done":
            taken.close()
        _finish(evaluation, run, state, stop.reason)
        note = _on_record(known, total)
        reporter(len(done), total, message, _headline(run), note=note, force=True)
    except BaseException as error:
        with contextlib.suppress(WbError):
            run.set_state("failed", reason=str(error)[:500])
        raise
    return run


def _requests(
    evaluation: PreparedEvaluation, run: Run, done: set[str], stop: StopFlag, reporter: Reporter
) -> TakenRequests:
    """What the run is asked while it goes on; see `workbench.evaluation.control`."""
    loaded, total = evaluation.loaded, evaluation.own_total
    size = loaded.at_once if isinstance(loaded, ServedModel) else evaluation.config.batch_size
    return TakenRequests(
        run,
        evaluation.source,
        size,
        done=done,
        stop=stop,
        on_hold=lambda why: reporter.hold(len(done), total, f"paused: {why}" if why else "paused"),
    )


def _count_crashes(lines: Sequence[dict[str, Any]], crashes: int) -> int:
    for line in lines:
        crashed = (line["error"] or {}).get("kind") == "crash"
        crashes = crashes + 1 if crashed or is_down(line) else 0
        if crashes >= _CRASHES and not crashed:
            raise down(line["error"])
        if crashes >= _CRASHES:
            raise WbError(
                f"{crashes} samples in a row failed in a way that was not foreseen: "
                f"{line['error']['message']}",
                hint="this is a defect; the run's predictions.jsonl names the samples",
                kind="crash",
            )
    return crashes


def _finish(evaluation: PreparedEvaluation, run: Run, state: Any, reason: str) -> None:
    run.tidy()
    evaluation.prompter.images.save()
    failure = all_failed(run.predictions()) if state == "done" else ""
    record = evaluation.record_of_answers
    if record is not None and record.problem:
        run.rekey(run.key, {"answers_unkept": record.problem})
    state, reason = ("failed", failure) if failure else (state, reason)
    wish = evaluation.config.text_wish
    total = evaluation.own_total
    run.write_metrics(document(run, total=total, state=state, wish=wish))
    run.set_state(state, total=total, reason="" if state == "done" else reason)


def _on_record(known: int, total: int) -> str:
    """How many answers nobody had to ask for; empty for none."""
    if not known:
        return ""
    count = f"all {known:,} answers" if known == total else counted(known, "answer")
    return f"{count} {'was' if known == 1 and known < total else 'were'} on record"


def _headline(run: Run) -> dict[str, float]:
    metrics = run.metrics().get("metrics", {})
    names = [n for n in ("accuracy", "vqa_accuracy", "bleu4", "rouge_l") if n in metrics]
    return {name: metrics[name]["value"] for name in names if metrics[name]["value"] is not None}
