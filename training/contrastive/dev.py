"""The evaluation inside a contrastive training: the loss, recall both ways, zero-shot classes.

Guarantee: the same images every time, drawn by the seed; captions are all of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.contrastive.data import Normaliser, Pairs, Pixels
from training.contrastive.loss import loss_of
from training.contrastive.retrieval import recalls, zero_shot


@dataclass
class Dev:
    """What a training is evaluated on, ready to be looked at again and again.

    Attributes:
        features: (texts, width) of the frozen encoder, in the order of `pairs.texts`.
        classes: Names of the classes; empty where the data has none.
        class_features: (classes, prompts, width).
    """

    pairs: Pairs
    pixels: Pixels
    normalise: Normaliser
    features: Tensor
    classes: tuple[str, ...]
    class_features: Tensor
    loss: str
    batch_size: int
    step_size: int

    def figures(
        self,
        model: Any,
        folder: Path,
        step: int,
        stop: Callable[[], bool],
        autocast: Callable[[], Any],
    ) -> dict[str, Any]:
        """`{"loss", "document"}`; a line for each image goes into `folder`. Stopped: no document.

        Raises:
            DataError: No image can be decoded.
        """
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad():
                rows, images = self._images(model, stop, autocast)
                texts = model.embed_texts(self.features.to(images.device))
                loss = self._loss(model, rows, images, texts)
                names = self._names(model, images.device)
        finally:
            model.train(was_training)
        if stop():
            return {"loss": loss, "document": {}}
        kept = [self.pairs.items[row] for row in rows]
        seen, said = images.cpu().numpy(), texts.cpu().numpy()
        metrics = recalls(seen, said, [item.captions for item in kept])
        scores = np.round(seen @ names.T, 6) if self.classes else np.zeros((len(kept), 0))
        gold = {
            row: self.classes.index(item.label)
            for row, item in enumerate(kept)
            if item.label in self.classes
        }
        if gold:
            metrics["zero_shot_accuracy"] = zero_shot(scores, gold)
        self._write(folder, step, kept, scores, seen @ said.T)
        return {
            "loss": loss,
            "document": {
                "metrics": {name: figure.to_json() for name, figure in metrics.items()},
                "counts": {
                    "total": len(self.pairs),
                    "done": len(kept),
                    "failed": len(self.pixels.failed),
                    "texts": len(self.pairs.texts),
                },
            },
        }

    def _images(
        self, model: Any, stop: Callable[[], bool], autocast: Callable[[], Any]
    ) -> tuple[list[int], Tensor]:
        """Numbers of the images that can be decoded, and their embeddings."""
        from workbench.errors import DataError

        device = next(model.parameters()).device
        rows: list[int] = []
        out: list[Tensor] = []
        for start in range(0, len(self.pairs), self.batch_size):
            if stop() and out:
                break
            found = [(i, self.pixels(i)) for i in self._range(start)]
            whole = [(i, square) for i, square in found if square is not None]
            if whole:
                rows += [i for i, _ in whole]
                batch = torch.stack([square for _, square in whole]).to(device)
                with autocast():
                    out.append(model.embed_images(self.normalise(batch)))
        if not out:
            reasons = "; ".join(list(self.pixels.failed.values())[:3])
            raise DataError(f"no image of the evaluation can be decoded: {reasons}")
        return rows, torch.cat(out)

    def _range(self, start: int) -> range:
        return range(start, min(start + self.batch_size, len(self.pairs)))

    def _loss(self, model: Any, rows: list[int], images: Tensor, texts: Tensor) -> float:
        """The mean over whole steps: a loss depends on how many negatives there are."""
        size = min(self.step_size, len(rows))
        losses = []
        for start in range(0, len(rows) - size + 1, size):
            part = rows[start : start + size]
            once = list(dict.fromkeys(self.pairs.caption(0, row) for row in part))
            logits = model.image_encoder.pair_logits(images[start : start + size], texts[once])
            belongs = self.pairs.belongs(part, once).to(logits.device)
            losses.append(float(loss_of(self.loss, logits, belongs)))
        return sum(losses) / len(losses)

    def _names(self, model: Any, device: torch.device) -> np.ndarray:
        """(classes, shared) unit vectors: the mean of a class's prompts."""
        if not self.classes:
            return np.zeros((0, 1))
        shape = self.class_features.shape[:2]
        each = model.embed_texts(self.class_features.flatten(0, 1).to(device))
        mean = each.unflatten(0, shape).mean(1)
        return torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()

    def _write(
        self, folder: Path, step: int, kept: Sequence[Any], classes: np.ndarray, texts: np.ndarray
    ) -> None:
        from sessions.atomic import atomic_write
        from sessions.json_line import to_line

        lines = []
        for row, item in enumerate(kept):
            named = self.classes[int(classes[row].argmax())] if self.classes else None
            nearest = int(texts[row].argmax())
            lines.append(
                {
                    "v": 1,
                    "uid": item.uid,
                    "target": item.label if self.classes else None,
                    "text": self.pairs.texts[nearest],
                    "label": named,
                    "correct": named == item.label if item.label in self.classes else None,
                    "retrieved": nearest in item.captions,
                    "error": None,
                }
            )
        for uid, reason in self.pixels.failed.items():
            lines.append({"v": 1, "uid": uid, "text": "", "label": None, "error": _failed(reason)})
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / f"{step:08d}.jsonl", b"".join(map(to_line, lines)))


def _failed(reason: str) -> dict[str, str]:
    return {"message": reason, "kind": "bad_sample"}
