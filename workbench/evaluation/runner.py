"""Evaluate a model on a split: a run folder that fills as it goes, killed and resumed at will.

Guarantee: every sample of the split ends with exactly one line, failed ones too; a batch of which
one member fails loses no other; the lines do not depend on the batch size; the figures are made of
the lines alone. Not for comparing runs (`sessions.compare`).
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.job_child import report_run
from sessions.runs import Run, find_run_by_key
from workbench.errors import UsageError
from workbench.evaluation.batch import ask_batch
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.controlled import TakenRequests
from workbench.evaluation.finished import find_finished, find_unloaded
from workbench.evaluation.metrics.of_run import compute_metrics
from workbench.evaluation.metrics.text.registry import unknown
from workbench.evaluation.metrics.texts import TextWish
from workbench.evaluation.notes import all_failed, notes_of
from workbench.evaluation.prepare import (
    AUTO,
    PreparedEvaluation,
    check_resumed,
    prepare,
    resumed_config,
)
from workbench.evaluation.recalled import recalled
from workbench.evaluation.remote import ServedModel, ask_remote, down, is_down
from workbench.evaluation.shards import WINDOW
from workbench.models.remote_model import is_remote
from workbench.progress import OnProgress, Reporter
from workbench.sample import Sample
from workbench.stopping import StopFlag, stop_on_signals

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel

__all__ = ["AUTO", "EvalConfig", "document", "evaluate", "prepare", "resumed_config"]

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
    with stop_on_signals(cancelled) as stop:
        looks = on_known if not resume and not config.fresh else None
        if looks is not None and loaded is None and (known := find_unloaded(config)) is not None:
            return _known(known, looks)
        evaluation = prepare(config, on_progress, loaded, untouched=untouched)
        try:
            if looks is not None and (known := find_finished(evaluation)) is not None:
                return _known(known, looks)
            with _open_run(evaluation, resume) as run:
                return _work(evaluation, run, stop, on_progress)
        finally:
            _close(evaluation)


def _known(run: Run, on_known: Callable[[Run], None]) -> Run:
    report_run(run.id)
    on_known(run)
    return run


def _close(evaluation: PreparedEvaluation) -> None:
    if isinstance(evaluation.loaded, ServedModel):
        evaluation.loaded.engine.close()
    if evaluation.record_of_answers is not None:
        evaluation.record_of_answers.close()


def _open_run(evaluation: PreparedEvaluation, resume: str) -> Run:
    key, total = evaluation.key, evaluation.own_total
    if resume == AUTO:
        found = None if evaluation.config.fresh else find_run_by_key(key, kind="eval")
        if found is None:
            return Run.create(evaluation.record(), key, "eval", total=total)
        resume = found.id
    if not resume:
        return Run.create(evaluation.record(), key, "eval", total=total)
    run = Run.open(resume)
    if run.config.get("settings_key", run.key) != evaluation.settings_key:
        raise UsageError(
            f"run {run.id} was made with {difference(run.config, evaluation.record())}",
            hint="give the same settings, or leave --resume out to start a new run",
            kind="other_run",
        )
    _refuse_changed(evaluation, run)
    run.resume(total=total)
    if run.key != key:  # what failed was mended, or it is a run of an older version
        record = evaluation.record()
        run.rekey(
            key, {name: record[name] for name in ("settings_key", "images_digest", "shot_images")}
        )
    return run


def _refuse_changed(evaluation: PreparedEvaluation, run: Run) -> None:
    """Refuse where the pictures behind a run's answers are others now, by UID.

    Lines of older versions do not say which pictures they were of: see the notes of the figures.
    """
    if run.config.get("images_digest") == evaluation.images_digest:
        return
    was = {
        line["uid"]: line["images"]
        for line in run.predictions()
        if not line.get("error") and "images" in line
    }
    samples = islice(evaluation.source.iter(), evaluation.total) if was else ()
    changed = [
        sample.uid
        for sample in samples
        if sample.uid in was and was[sample.uid] != evaluation.prompter.images.of(sample)
    ]
    now = evaluation.shot_images
    if not changed and run.config.get("shot_images", now) == now:
        return
    names = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
    what = f"of {len(changed)} answered samples: {names}" if changed else "of its examples"
    raise UsageError(
        f"since run {run.id} was made, pictures changed {what}",
        hint="put the old pictures back, or leave --resume out to start a new run",
        kind="data_changed",
    )


def difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    """In which settings two evaluations' configs differ, in words."""
    names = (
        *("dataset", "split", "dataset_revision", "template", "template_version"),
        *("template_digest", "shot_uids", "decoding", "limit", "random", "seed", "label_scores"),
        *("answer", "samples", "control", "vary", "identity", "shard", "shard_batch"),
    )
    found = [
        f"{n} {before.get(n)!r}, not {after.get(n)!r}"
        for n in names
        if (before.get(n) or None) != (after.get(n) or None)
    ]
    return "; ".join(found) or "other settings"


def _work(
    evaluation: PreparedEvaluation, run: Run, stop: StopFlag, on_progress: OnProgress | None
) -> Run:
    config, total = evaluation.config, evaluation.own_total
    done = run.done_uids(errors=not config.retry_failed) - set(config.retry)
    reporter = Reporter(on_progress, start=len(done))
    message = f"{evaluation.source.dataset}/{evaluation.source.split}"
    crashes = 0
    try:
        taken = _requests(evaluation, run, done, stop, reporter)
        reporter(len(done), total, message + taken.told, force=True)
        for lines in _answered(evaluation, done, stop, taken):
            crashes = _count_crashes(lines, crashes)
            run.append_many(lines)
            taken.wrote(lines)
            reporter(len(done), total, message)
        state = "cancelled" if stop() and len(done) < total else "done"
        if state == "done":
            taken.close()
        _finish(evaluation, run, state, stop.reason)
        reporter(len(done), total, message, _headline(run), force=True)
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


def _answered(
    evaluation: PreparedEvaluation, done: set[str], stop: StopFlag, taken: TakenRequests
) -> Iterator[list[dict[str, Any]]]:
    """Lines as they are ready, until all are or `stop` says so."""
    if isinstance(evaluation.loaded, ServedModel):
        pending = _pending(evaluation, done)
        yield from ask_remote(evaluation, pending, stop, taken)
        return
    pending = _pending(evaluation, done)
    wanted = set(evaluation.config.retry)  # to be asked, whatever is on record
    yield from recalled(evaluation, (s for s in pending if s.uid not in wanted), stop)
    batches = _batches(evaluation, done, taken)
    while True:
        taken.between()
        if stop():
            return
        samples = taken.again(taken.size) or next(batches, None)
        if samples is None:
            return
        yield ask_batch(evaluation, samples)


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


def rescore(run: Run, wish: TextWish) -> dict[str, Any]:
    """Make a run's figures again from its `predictions.jsonl`, and keep them.

    Args:
        run: An evaluation.
        wish: Which text metrics captions and explanations get beside the usual figures.

    Returns:
        What `metrics.json` holds from now on.

    Raises:
        UsageError: The run is no evaluation, or a name is no metric.
        RecordError: Another process is writing the run, or it cannot be written.
    """
    if run.kind != "eval" or not run.config:
        raise UsageError(f"run {run.id} is no evaluation", hint="see: wb runs list --kind eval")
    if problem := unknown(wish.metrics):
        raise UsageError(problem)
    try:
        found = document(run, wish=wish)
        run.write_metrics(found)
    finally:
        run.close()
    return found


def document(
    run: Run, *, total: int | None = None, state: str = "", wish: TextWish | None = None
) -> dict[str, Any]:
    """What `metrics.json` holds and `--json` prints, from the run's own files alone.

    Args:
        run: An evaluation.
        total: Samples that there were to be; as the run says where not given.
        state: How it ends; as the run says where not given.
        wish: Which text metrics captions and explanations get; as the run's settings say where
            not given.
    """
    config = run.config
    wish = wish or TextWish.named(config.get("metrics"), config.get("bertscore_model"))
    figures = compute_metrics(
        run.predictions(),
        task=str(config.get("task", "other")),
        labels=tuple(config.get("labels") or ()),
        positive=config.get("positive") or None,
        wish=wish,
    )
    figures["counts"]["total"] = run.progress()[1] if total is None else total
    return {
        "run": run.id,
        "path": str(run.path),
        "dataset": config.get("dataset"),
        "split": config.get("split"),
        "model": config.get("model"),
        "adapter": config.get("adapter"),
        "template": f"{config.get('template')}@{config.get('template_version')}",
        "state": state or run.state,
        "key": run.key,
        **figures,
        "notes": notes_of(config, run.predictions()),
        **_served_by(run),
        "seconds": round(run.seconds, 3),
    }


def _served_by(run: Run) -> dict[str, Any]:
    """How many samples each fingerprint of a server answered: more than one is worth knowing."""
    if not is_remote(str(run.config.get("model") or "")):
        return {}
    found = Counter(str(line.get("fingerprint") or "unknown") for line in run.predictions())
    return {"fingerprints": dict(found)}


def _headline(run: Run) -> dict[str, float]:
    metrics = run.metrics().get("metrics", {})
    names = [n for n in ("accuracy", "vqa_accuracy", "bleu4", "rouge_l") if n in metrics]
    return {name: metrics[name]["value"] for name in names if metrics[name]["value"] is not None}
