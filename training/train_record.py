"""What a training leaves in its run's folder: curves, the best adapter, the final figures.

`history.jsonl` (a line per logged step), `tensorboard/`, `eval/<step>.jsonl` (the dev answers),
`best.json`, `adapter/`, `metrics.json`. Guarantee: `adapter/` is whole whenever it is there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sessions.atomic import append_line, atomic_write, read_json, read_lines, write_json
from sessions.json_line import to_line
from sessions.runs import Run
from training.best import evaluations_without_gain, headline, is_better
from training.checkpoints import writing
from training.curves import LossCurves
from training.left_out import LeftOut

if TYPE_CHECKING:
    from workbench.data.source import Source

# `Trainer`'s summary at the end is of one stretch alone; `metrics.json` has the whole.
_SKIP = frozenset(
    [
        "total_flos",
        "epoch",
        "train_loss",
        "train_runtime",
        "train_samples_per_second",
        "train_steps_per_second",
    ]
)


@dataclass(frozen=True)
class Product:
    """What a training makes, and what writes it.

    Attributes:
        name: Of its folder in the run's: `adapter`, `model` or `encoder`.
        write: Called with the model, the folder and the text of its card.
        headlines: The figure that says which of two is better, the first that there is.
    """

    name: str
    write: Callable[[Any, Path, str], None]
    headlines: tuple[str, ...]


class Recorded(Protocol):
    """What a record takes of a training's config."""

    @property
    def train(self) -> tuple[str, ...]:
        """What is trained on."""
        ...

    @property
    def eval(self) -> str:
        """What is evaluated on."""
        ...

    @property
    def model(self) -> str:
        """What it starts from."""
        ...

    @property
    def keep(self) -> str:
        """`best` or `last`."""
        ...


class CardText(Protocol):
    """A model card that is written when its figures are known."""

    def text(self, step: int, evaluation: Mapping[str, Any]) -> str:
        """See `training.card.Card`."""
        ...


def _is_drawn(name: str) -> bool:
    """Figures by kind of question are in `best.json` alone; those of explanations are curves."""
    return "/" not in name or name.startswith("explanation")


class TrainRecord:
    """Writes as the training goes.

    Attributes:
        latest: The newest figures by name.
        warn: Told what a user should know while it goes.
    """

    def __init__(
        self,
        run: Run,
        config: Recorded,
        card: CardText,
        product: Product,
        done: int = 0,
        left_out: LeftOut | None = None,
        source: Source | None = None,
    ) -> None:
        """Open the record of a training.

        Args:
            run: Its run.
            config: Its config.
            card: What is known before there are figures.
            product: What it makes.
            done: Steps of earlier stretches that are kept.
            left_out: The samples that cannot be used.
            source: Of what it is evaluated on.
        """
        self._product, self._left_out = product, left_out or LeftOut(run.path, {})
        self.run, self.config, self._card, self._done = run, config, card, done
        # Not every task lets its config say how an evaluation decides.
        self._best_by: str = getattr(config, "best_by", "")
        self._stopping: Any = getattr(config, "early_stopping", None)
        self.warn: Callable[[str], None] = warnings.warn
        self.latest: dict[str, float] = {}
        drawn = getattr(config, "tensorboard", True)
        self._curves = LossCurves(run.path, self._forget(), source, drawn)

    def _forget(self) -> list[dict[str, Any]]:
        """What a killed stretch logged after its last checkpoint will be logged again."""
        path = self.run.path / "history.jsonl"
        lines, _ = read_lines(path)
        kept = [line for line in lines if int(line.get("step") or 0) <= self._done]
        if len(kept) < len(lines):
            atomic_write(path, b"".join(to_line(line) for line in kept))
        whole = [line for line in kept if _is_whole(line)]
        self._evaluated = {line["step"] for line in whole}
        self._scores = [self._score(_of_evaluation(line))[1] for line in whole if line["step"]]
        for line in kept:
            self.latest |= {k: v for k, v in line.items() if k not in ("v", "step", "epoch")}
        return kept

    @property
    def saved(self) -> Path:
        """Where what was trained goes."""
        return self.run.path / self._product.name

    def was_evaluated(self, step: int) -> bool:
        """Whether an earlier stretch evaluated after this step."""
        return step in self._evaluated

    def _score(self, figures: Mapping[str, float]) -> tuple[str, float | None]:
        return headline(self._best_by, self._product.headlines, figures)

    @property
    def enough(self) -> bool:
        """Whether the last evaluations gained too little for another one."""
        if self._stopping is None:
            return False
        since = evaluations_without_gain(self._scores, self._stopping.min_delta)
        return 0 < self._stopping.patience <= since

    def figures(self, step: int, epoch: float, figures: dict[str, float]) -> None:
        """Keep one report: loss, learning rate, evaluation."""
        own = {k: v for k, v in figures.items() if k not in _SKIP}
        if not own:
            return
        self.latest |= own
        self._left_out.keep()
        append_line(
            self.run.path / "history.jsonl", {"v": 1, "step": step, "epoch": round(epoch, 4), **own}
        )
        self._curves.figures(step, own)

    def evaluated(self, model: Any, step: int, found: dict[str, Any]) -> dict[str, float]:
        """Keep an evaluation, and the adapter where it is the best so far.

        Returns:
            The figures by name, for the log.
        """
        document = found["document"]
        metrics = document.get("metrics", {})
        out = {key: float(value) for key, value in found.items() if key != "document"}
        # A figure of nothing is no figure: it is left out of the log, and decides nothing.
        metrics = {name: row for name, row in metrics.items() if row["value"] is not None}
        out |= {name: float(row["value"]) for name, row in metrics.items() if _is_drawn(name)}
        if not document:
            return out
        self._curves.samples(step)
        if "unparsed" in document["counts"]:
            out["unparsed"] = float(document["counts"]["unparsed"])
        if not step:
            # What the model could do before is no training's best.
            write_json(self.run.path / "start.json", {"v": 1, "loss": out["loss"], **document})
            return out
        if self._best_by in metrics:
            out[self._best_by] = float(metrics[self._best_by]["value"])
        name, score = self._score(out)
        self._scores.append(score)
        entry = {"step": step, "name": name, "score": score, "loss": out["loss"]}
        best = self.best()
        if is_better(entry, best) or best["step"] >= step:
            if self.config.keep == "best":
                self._save(model, step, document)
            write_json(self.run.path / "best.json", {"v": 1, **entry, **document})
        return out

    def _save(self, model: Any, step: int, document: dict[str, Any]) -> None:
        folder = self.saved
        with writing(folder.with_name(f"{folder.name}.new"), self.run.id):
            self._product.write(model, folder, self._card.text(step, document))

    def halved(self, step: int, pieces: int, size: int) -> None:
        """Keep that memory ran out in a step, and how batches are cut since."""
        found = {"step": step, "pieces": pieces, "batch_size": size}
        events = [*self.out_of_memory(), found]
        write_json(self.run.path / "out_of_memory.json", {"v": 1, "events": events})

    def out_of_memory(self) -> list[dict[str, int]]:
        """Where memory ran out, in all stretches; the last says how batches are cut."""
        return (read_json(self.run.path / "out_of_memory.json") or {}).get("events", [])

    def best(self) -> dict[str, Any]:
        """The best evaluation so far, `{}` before there is one."""
        return read_json(self.run.path / "best.json") or {}

    def finish(self, model: Any, facts: dict[str, Any]) -> dict[str, Any]:
        """Save the adapter where that is due, write `metrics.json`, close the curves."""
        self._left_out.keep()
        best = self.best()
        if self.config.keep == "last" or not best or not self.saved.is_dir():
            taken = facts["steps_done"]
            self._save(model, taken, best if best.get("step") == taken else {})
        self._curves.close()
        document = {
            "run": self.run.id,
            "path": str(self.run.path),
            "kind": "train",
            "dataset": ", ".join(self.config.train),
            "split": "",
            "model": self.config.model,
            "adapter": str(self.saved) if self._product.name == "adapter" else "",
            "saved": str(self.saved),
            "eval": self.config.eval,
            "report": getattr(self.config, "report", ""),
            "metrics": best.get("metrics", {}),
            "best": {key: best[key] for key in ("step", "name", "score", "loss") if key in best},
            "start": read_json(self.run.path / "start.json") or None,
            "last": self.latest,
            "confusion": best.get("confusion"),
            "per_label": best.get("per_label"),
            "counts": best.get("counts", {})
            | {"eval_total": best.get("counts", {}).get("total", 0)},
            **facts,
        }
        self.run.write_metrics(document)
        return document


def _is_whole(line: Mapping[str, Any]) -> bool:
    """Whether a line is of an evaluation that was not cancelled, which has its losses alone."""
    return any(k.startswith("eval_") and not k.startswith("eval_loss") for k in line)


def _of_evaluation(line: Mapping[str, Any]) -> dict[str, float]:
    """The figures of an evaluation as they were named before they were logged."""
    return {k.removeprefix("eval_"): float(v) for k, v in line.items() if k.startswith("eval_")}
