"""Which run an evaluation writes: a new one, or one that it goes on with.

Guarantee: a run is gone on with only by the settings, the data and the pictures that it was made
with; what differs is named. Not for asking: see `workbench.evaluation.runner`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from sessions.runs import Run, find_run_by_key
from workbench.errors import UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.control_state import at_once
from workbench.evaluation.prepared import PreparedEvaluation
from workbench.serving.remote.known_servers import check_named

AUTO = "auto"


def resumed_config(
    run: Run,
    *,
    batch_size: int = 0,
    retry_failed: bool = False,
    retry: Sequence[str] = (),
    processes: int = 0,
) -> EvalConfig:
    """The config of a run, to be given to `evaluate` with `resume`.

    Args:
        run: An evaluation.
        batch_size: Another one than before; 0 keeps it, as it was asked for last.
        retry_failed: Ask the failed samples again.
        retry: Ask these samples again, by UID.
        processes: How many ask; 0 keeps it.

    Raises:
        UsageError: The run is no evaluation, or it names a server that was never named here.
    """
    if run.kind != "eval" or not run.config:
        raise UsageError(
            f"run {run.id} is no evaluation that can be resumed", hint="see: wb runs list"
        )
    if given := run.config.get("imported"):
        raise UsageError(
            f"the answers of run {run.id} were imported from {given.get('file')}: there is no "
            "model to ask",
            hint="compare it with runs of models: wb runs compare",
        )
    check_named(str(run.config.get("model") or ""))
    values = run.config | {"retry_failed": retry_failed, "retry": _asked_before(run, retry)}
    # Which version of the wording it was: a newer one would be another prompt.
    values["template"] = f"{values['template']}@{values['template_version']}"
    values["batch_size"] = batch_size or at_once(run) or values["batch_size"]
    values["processes"] = processes or run.config.get("processes") or 1
    return EvalConfig.from_json(values)


def check_resumed(resume: str) -> None:
    """Refuse, before anything is loaded, a run that cannot be gone on with.

    Args:
        resume: A run; `auto` and empty are no run, and always fit.

    Raises:
        NoSuchRecord: There is none of that name.
        RecordError: Another process is writing it.
    """
    if resume and resume != AUTO:
        Run.open(resume).refuse_written()


def _asked_before(run: Run, uids: Sequence[str]) -> list[str]:
    if missing := sorted(set(uids) - run.done_uids() if uids else ()):
        raise UsageError(
            f"--retry {missing[0]}: run {run.id} has no line of it",
            hint=f"wb runs show {run.id} --errors lists what went wrong",
            kind="not_asked",
        )
    return list(uids)


def open_run(evaluation: PreparedEvaluation, resume: str) -> Run:
    """A new run, or the one to go on with.

    Args:
        evaluation: What is asked.
        resume: As `evaluate` takes it.

    Raises:
        NoSuchRecord: There is no run to resume.
        UsageError: It was made with other settings, or its pictures changed since.
        RecordError: Another process is writing it.
    """
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
