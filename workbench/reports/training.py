"""What a training came to: its curves, its best step, its settings, and what to do with it next.

Guarantee: a training of any age and state gives something; what its folder lacks is empty.
Torch-free, and `training` is not imported: all is read from the run's own files. Not for its
figures, which are those of `workbench.reports.run`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.atomic import read_json, read_lines
from sessions.errors import WbError
from sessions.estimate import Estimate, read_estimates
from workbench.reports.run import names_of

if TYPE_CHECKING:
    from sessions.runs import Run

Curve = tuple[tuple[float, float], ...]

# The settings that say most, in the order in which they are told; a group is told by its keys.
_SETTINGS = (
    *("train", "eval", "report", "model", "encoder", "adapter", "quantization", "dtype"),
    *("method", "parts", "lora", "peft", "head", "templates"),
    *("learning_rate", "optimizer", "scheduler", "warmup", "weight_decay"),
    *("batch_size", "gradient_accumulation", "epochs", "max_steps", "max_minutes"),
    *("keep", "best_by", "early_stopping", "seed"),
)
# What a setting is where nobody set it, and so says nothing.
_PLAIN = {
    "quantization": ("", "none"),
    "dtype": ("", "auto"),
    "head": ("", "weight 0.5"),
    "gradient_accumulation": ("", "1"),
}
# What is drawn of a training is its loss and its evaluations, not the clock.
_NO_CURVE = ("v", "step", "epoch", "seconds")


@dataclass(frozen=True)
class BestStep:
    """The evaluation that counts.

    Attributes:
        step: Optimizer steps that had been taken.
        name: The figure that decided.
        figure: Its value, with its interval where the evaluation has one.
        loss: Of the same evaluation.
    """

    step: int
    name: str
    figure: Estimate
    loss: float | None = None

    def words(self) -> str:
        """`accuracy 0.812 [0.70, 0.89] at step 300`."""
        told = f"{self.name} {self.figure.words(3)} {self.figure.interval()}".rstrip()
        return f"{told} at step {self.step:,}"


@dataclass(frozen=True)
class TrainingReport:
    """A training, as its folder tells it.

    Attributes:
        steps, total: Optimizer steps taken, and planned; `total` 0 where unknown.
        epochs: Of the training data, `None` where the run does not say.
        curves: (step, value) of each figure, each logged step once.
        best: `None` before the first evaluation.
        settings: Name and value of what was set, the telling ones alone; the rest is in
            `config.yaml`.
        saved: The folder of what was trained, `None` before there is one.
        next: What to type now, the first for most people.
    """

    steps: int = 0
    total: int = 0
    epochs: float | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    best: BestStep | None = None
    settings: tuple[tuple[str, str], ...] = ()
    saved: Path | None = None
    next: tuple[str, ...] = ()

    def progress(self) -> str:
        """`150 of 150 steps, 3 epochs`."""
        of = f" of {self.total:,}" if self.total else ""
        epochs = "" if self.epochs is None else f", {self.epochs:g} epochs"
        return f"{self.steps:,}{of} steps{epochs}"

    def to_json(self) -> dict[str, Any]:
        """As `wb runs show --json` prints it."""
        best = self.best
        return {
            "steps": self.steps,
            "total": self.total,
            "epochs": self.epochs,
            "best": best and {"step": best.step, "name": best.name, **best.figure.to_json()},
            "settings": dict(self.settings),
            "saved": str(self.saved) if self.saved else None,
            "next": list(self.next),
            "curves": {name: [list(point) for point in c] for name, c in self.curves.items()},
        }


def training_report(run: Run) -> TrainingReport | None:
    """What a training came to; `None` of a run that is none. Blocks: reads a few small files."""
    if run.kind != "train":
        return None
    metrics, folder = _safely(run.metrics), Path(run.path)
    done, total = run.progress()
    values = run.config.get("config")
    config = values if isinstance(values, Mapping) else run.config
    saved = _saved(folder, metrics)
    curves = curves_of(_history(folder))
    steps = metrics.get("steps_done")
    epochs = metrics.get("epochs_done")
    return TrainingReport(
        steps=steps if isinstance(steps, int) else int(done or 0),
        total=int(total or 0),
        epochs=epochs if isinstance(epochs, (int, float)) else None,
        curves=curves,
        best=_best(folder, metrics),
        settings=settings_of(config),
        saved=saved,
        next=_next(run, config, saved),
    )


def curves_of(history: Iterable[Mapping[str, Any]]) -> dict[str, Curve]:
    """Each figure's points (step, value), by name; a step that was logged again counts last.

    Args:
        history: Lines of `history.jsonl`: a step, and the figures that were new at it.
    """
    points: dict[str, dict[float, float]] = {}
    for line in history:
        step = line.get("step")
        if isinstance(step, bool) or not isinstance(step, (int, float)):
            continue
        for name, value in line.items():
            if name in _NO_CURVE or isinstance(value, bool):
                continue
            if isinstance(value, (int, float)):
                points.setdefault(name, {})[float(step)] = float(value)
    return {name: tuple(sorted(found.items())) for name, found in points.items()}


def settings_of(config: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The settings that say most, as name and value; what was left empty is left out."""
    told = ((name, _value(config.get(name))) for name in _SETTINGS)
    return tuple((name, words) for name, words in told if words not in _PLAIN.get(name, ("",)))


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        parts = ((key, _value(inner)) for key, inner in value.items())
        return ", ".join(f"{key} {words}" for key, words in parts if words)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if value is None or value == "" or value is False or value == 0:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _history(folder: Path) -> list[dict[str, Any]]:
    path = folder / "history.jsonl"
    try:
        return read_lines(path)[0] if path.exists() else []
    except (WbError, OSError):
        return []


def _best(folder: Path, metrics: Mapping[str, Any]) -> BestStep | None:
    """From `best.json`, which is there while it trains too."""
    try:
        found = read_json(folder / "best.json")
    except (WbError, OSError):
        found = None
    found = found if isinstance(found, Mapping) else metrics.get("best")
    if not isinstance(found, Mapping) or not isinstance(found.get("step"), int):
        return None
    name, loss = str(found.get("name") or "loss"), found.get("loss")
    loss = float(loss) if isinstance(loss, (int, float)) else None
    figures = read_estimates(found if "metrics" in found else metrics)
    figure = figures.get(name)
    if figure is None and name == "loss" and loss is not None:
        figure = Estimate(loss)
    if figure is None:
        score = found.get("score")
        # The score of a figure of which less is better is its negative.
        figure = Estimate(abs(float(score)) if isinstance(score, (int, float)) else None)
    return BestStep(found["step"], name, figure, loss)


def _saved(folder: Path, metrics: Mapping[str, Any]) -> Path | None:
    known = metrics.get("saved") or metrics.get("adapter")
    wanted = [Path(known)] if isinstance(known, str) and known else []
    # A run that was moved keeps what it trained beside its record.
    wanted += [folder / name for name in ("adapter", "model", "encoder")]
    return next((path for path in wanted if path.is_dir()), None)


def _next(run: Run, config: Mapping[str, Any], saved: Path | None) -> tuple[str, ...]:
    if run.state == "running":
        return ("wb jobs list",)
    lines = [] if run.state == "done" else [f"wb train --resume {run.id}"]
    if saved is None:
        return tuple(lines)
    if config.get("task") == "contrastive":
        compose = f"wb models compose --vision {run.id} --language PHI --out FOLDER"
        return (*lines, compose, f"encoder: {run.id}   (in a config of wb train)")
    model = names_of(run.config).model or str(config.get("model") or "MODEL")
    adapter = saved.name == "adapter"
    who = f"--model {shlex.quote(model)} --adapter {run.id}" if adapter else ""
    who = who or f"--model {shlex.quote(str(saved))}"
    where = config.get("report") or config.get("eval") or ""
    about = shlex.quote(str(where)) if where else "DATASET/SPLIT"
    lines.append(f"wb run-eval {who} --dataset {about}")
    return (*lines, f"wb prompt {about}/0 {who}" if where else f"wb prompt UID {who}")


def _safely(read: Any) -> Mapping[str, Any]:
    try:
        found = read()
    except (WbError, OSError, ValueError):
        return {}
    return found if isinstance(found, Mapping) else {}
