"""Train the variants of an ablation one after the other, each as an ordinary run, and compare them.

Guarantee: killed at any moment it goes on with the same command: trials whose run is there and
done are not trained again, a cut one goes on from its last checkpoint. A trial that fails ends
nothing: it is recorded with its reason and counted. Not for the figures: `training.ablation_table`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessions.atomic import last_line, read_json, write_json
from sessions.errors import RecordError
from sessions.job_child import PROGRESS_VARIABLE
from sessions.locks import HeldLock
from sessions.paths import home, make_private
from sessions.runs import Run
from training.ablation_config import Ablation, Trial
from training.ablation_trial import find_training
from workbench.progress import OnProgress, Reporter
from workbench.stopping import StopFlag, stop_on_signals

_LOOK_S = 0.2
_TAIL = 2_000
# (file of the trial, whether to stop, what is told of it) -> how it ended, where it left no result.
Perform = Callable[[Path, StopFlag, Callable[[str, Mapping[str, float]], None]], str]


@dataclass(frozen=True)
class Outcome:
    """What came of a trial.

    Attributes:
        trial: Which.
        state: `done`, `failed`, `cancelled`, or `new` where it was not trained yet.
        run: The training's run, where there is one.
        evaluation: The run that evaluated it on `report`, where there is one.
        reason: Why it failed.
    """

    trial: Trial
    state: str
    run: Run | None = None
    evaluation: Run | None = None
    reason: str = ""


def ablation_folder(ablation: Ablation) -> Path:
    """Where its comparison lies."""
    return make_private(home() / "ablations" / ablation.name)


def look(ablation: Ablation) -> list[Outcome]:
    """What there is of each trial; trains nothing. Raises as `find_training` does."""
    found = []
    for trial in ablation.trials:
        run = find_training(trial.config)
        found.append(Outcome(trial, run.state if run else "new", run))
    return found


def ablate(
    ablation: Ablation,
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
    *,
    perform: Perform | None = None,
) -> list[Outcome]:
    """Train what is not trained yet.

    Args:
        ablation: The variants and the seeds.
        on_progress: Told as trials and their steps go by.
        cancelled: Asked several times a second; so are SIGTERM and SIGINT. The trial that is
            being trained saves a checkpoint.
        perform: Does the trial of a file; `in_child` where not given.

    Returns:
        An outcome per trial, in the order of the trials.

    Raises:
        UsageError: A method cannot be used with its model.
        UnknownName: There is no such model or dataset.
        RecordError: The same ablation is being made by another process, or the disk is full.
    """
    folder = ablation_folder(ablation)
    with _alone(folder), stop_on_signals(cancelled) as stop:
        _refuse_impossible(ablation)
        report, total = Reporter(on_progress), len(ablation.trials)
        outcomes: list[Outcome] = []
        for done, trial in enumerate(ablation.trials):

            def tell(
                at: str, figures: Mapping[str, float], trial: Trial = trial, done: int = done
            ) -> None:
                words = f"{trial.name}: {at}" if at else trial.name
                report(done, total, words, figures, force=not at)

            if stop():
                outcomes.append(Outcome(trial, "new"))
            else:
                outcomes.append(_do(trial, folder, perform or in_child, stop, tell))
        ended = sum(outcome.state == "done" for outcome in outcomes)
        report(ended, total, "trained", force=True)
    return outcomes


def _refuse_impossible(ablation: Ablation) -> None:
    """Whatever can be told before the first training is told before the first training."""
    from training.deciding import check_figure
    from training.methods import plan

    for trial in {trial.variant: trial for trial in ablation.trials}.values():
        plan(trial.config)
        check_figure(trial.config)
        find_training(trial.config)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        lock = HeldLock(folder / "lock")
    except BlockingIOError as error:
        raise RecordError(
            f"another process is making the comparison {folder.name}",
            hint="wait for it (wb jobs list), or give this one another 'name'",
            kind="busy",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _do(
    trial: Trial,
    folder: Path,
    perform: Perform,
    stop: StopFlag,
    tell: Callable[[str, Mapping[str, float]], None],
) -> Outcome:
    file = make_private(folder / "trials") / f"{_safe(trial.variant)}-{trial.seed}.json"
    result = file.with_suffix(".result")
    if (whole := _whole(trial, read_json(result) or {})) is not None:
        return whole
    write_json(file, trial.config.to_json())
    result.unlink(missing_ok=True)
    tell("", {})
    died = perform(file, stop, tell)
    found: dict[str, Any] = read_json(result) or {}
    error = found.get("error") or {}
    state = str(found.get("state") or ("cancelled" if stop() else "failed"))
    reason = str(error.get("message") or "") or (died if state == "failed" else "")
    return Outcome(trial, state, _run(found.get("run")), _run(found.get("evaluation")), reason)


def _whole(trial: Trial, found: Mapping[str, Any]) -> Outcome | None:
    """What an earlier time left of a trial, where it is all there and of the same data."""
    from sessions.errors import WbError
    from workbench.data.source import open_source

    config = trial.config
    run = find_training(config) if found.get("state") == "done" else None
    if run is None or run.id != found.get("run") or run.state != "done":
        return None
    if not config.report:
        return Outcome(trial, "done", run)
    try:
        evaluation = Run.open(str(found.get("evaluation")))
        same = evaluation.config.get("dataset_revision") == open_source(config.report).revision
    except WbError:
        return None
    return Outcome(trial, "done", run, evaluation) if same and evaluation.metrics() else None


def in_child(file: Path, stop: StopFlag, tell: Callable[[str, Mapping[str, float]], None]) -> str:
    """Do the trial of a file in a process of its own; returns how that ended, in words."""
    progress, log = file.with_suffix(".progress"), file.with_suffix(".log")
    progress.unlink(missing_ok=True)
    with log.open("wb") as stream:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "training.ablation_trial", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env={**os.environ, PROGRESS_VARIABLE: str(progress)},
        )
        asked = False
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_LOOK_S)
                break
            if stop() and not asked:
                asked = True
                child.terminate()
            if line := last_line(progress):
                of = line.get("total") or "?"
                tell(f"{line.get('message') or ''} {line.get('done') or 0}/{of}", _figures(line))
    return _last_words(log) or f"its process ended with code {child.returncode}"


def _figures(line: dict[str, Any]) -> dict[str, float]:
    metrics = line.get("metrics") or {}
    return {name: float(value) for name, value in list(metrics.items())[:3]}


def _run(ident: object) -> Run | None:
    return Run.open(str(ident)) if ident else None


def _last_words(log: Path) -> str:
    with contextlib.suppress(OSError):
        lines = log.read_bytes()[-_TAIL:].decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""
    return ""


def _safe(name: str) -> str:
    """A file's name for a variant's: what no file may be called is replaced, its place told."""
    import hashlib

    plain = "".join(c if c.isalnum() or c in "-_.=" else "_" for c in name)[:60]
    if plain == name:
        return plain
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
