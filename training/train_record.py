"""What a training leaves in its run's folder: curves, the best adapter, the final figures.

`history.jsonl` (a line per logged step), `tensorboard/`, `eval/<step>.jsonl` (the dev answers),
`best.json`, `adapter/`, `metrics.json`. Guarantee: `adapter/` is whole whenever it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sessions.atomic import append_line, read_json, write_json
from sessions.runs import Run
from training.lora import save_adapter
from training.train_eval import HEADLINES

if TYPE_CHECKING:
    from training.train_config import TrainConfig

_SKIP = {"total_flos", "epoch"}


class TrainRecord:
    """Writes as the training goes.

    Attributes:
        latest: The newest figures by name.
    """

    def __init__(self, run: Run, config: TrainConfig) -> None:
        self.run, self.config = run, config
        self.latest: dict[str, float] = {}
        self._writer: Any = None

    @property
    def adapter(self) -> Any:
        """Where the adapter goes."""
        return self.run.path / "adapter"

    def figures(self, step: int, epoch: float, figures: dict[str, float]) -> None:
        """Keep one report: loss, learning rate, evaluation."""
        own = {k: v for k, v in figures.items() if k not in _SKIP}
        if not own:
            return
        self.latest |= own
        append_line(
            self.run.path / "history.jsonl", {"v": 1, "step": step, "epoch": round(epoch, 4), **own}
        )
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.run.path / "tensorboard"))
        for name, value in own.items():
            group = (
                name.replace("eval_", "eval/", 1) if name.startswith("eval_") else f"train/{name}"
            )
            self._writer.add_scalar(group, value, step)

    def evaluated(self, model: Any, step: int, found: dict[str, Any]) -> dict[str, float]:
        """Keep an evaluation, and the adapter where it is the best so far.

        Returns:
            The figures by name, for the log.
        """
        document = found["document"]
        metrics = document.get("metrics", {})
        out = {"loss": float(found["loss"])}
        out |= {name: float(row["value"]) for name, row in metrics.items() if "/" not in name}
        if not document:
            return out
        out["unparsed"] = float(document["counts"]["unparsed"])
        name = next((n for n in HEADLINES if n in metrics), "")
        score = metrics[name]["value"] if name else -out["loss"]
        best = self.best()
        # Of equal scores (accuracies are coarse) the lower loss decides.
        better = not best or (score, -out["loss"]) > (best["score"], -best["loss"])
        if better or best["step"] >= step:
            entry = {"step": step, "name": name or "loss", "score": score, "loss": out["loss"]}
            if self.config.keep == "best":
                save_adapter(model, self.adapter, self.config.model)
            write_json(self.run.path / "best.json", {"v": 1, **entry, **document})
        return out

    def best(self) -> dict[str, Any]:
        """The best evaluation so far, `{}` before there is one."""
        return read_json(self.run.path / "best.json") or {}

    def finish(self, model: Any, facts: dict[str, Any]) -> dict[str, Any]:
        """Save the adapter where that is due, write `metrics.json`, close the curves."""
        best = self.best()
        if self.config.keep == "last" or not best or not self.adapter.is_dir():
            save_adapter(model, self.adapter, self.config.model)
        if self._writer is not None:
            self._writer.close()
        document = {
            "run": self.run.id,
            "path": str(self.run.path),
            "kind": "train",
            "dataset": ", ".join(self.config.train),
            "split": "",
            "model": self.config.model,
            "adapter": str(self.adapter),
            "eval": self.config.eval,
            "metrics": best.get("metrics", {}),
            "best": {key: best[key] for key in ("step", "name", "score", "loss") if key in best},
            "last": self.latest,
            "confusion": best.get("confusion"),
            "per_label": best.get("per_label"),
            "counts": best.get("counts", {})
            | {"eval_total": best.get("counts", {}).get("total", 0)},
            **facts,
        }
        self.run.write_metrics(document)
        return document
