"""A training's curves and a few of its answers, as TensorBoard reads them.

Guarantee: `history.jsonl` is the truth: a stretch that goes on writes the curves anew from what is
kept there, so that each step is drawn once, whatever a kill left. Figures are flushed as they
come. Not for deciding anything: see `training.train_record`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.atomic import read_lines
from sessions.errors import WbError
from workbench.text import clean

if TYPE_CHECKING:
    from PIL import Image

    from workbench.data.source import Source

SAMPLES = 4  # the same ones after each epoch, so that they can be followed
_SIDE = 256  # pixels, at most
_NOT_DRAWN = ("v", "step", "epoch")


class LossCurves:
    """`tensorboard/` of a run; see the module."""

    def __init__(
        self,
        run: Path,
        kept: Sequence[Mapping[str, Any]],
        source: Source | None = None,
        on: bool = True,
    ) -> None:
        """Curves that begin with what earlier stretches logged.

        Args:
            run: The run's folder.
            kept: Lines of its history.
            source: Of what it is evaluated on.
            on: Draw any at all?
        """
        self._run, self._kept, self._source, self._on = run, kept, source, on
        self._writer: Any = None

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        """Draw one report: loss, learning rate, evaluation."""
        if not self._on:
            return
        writer = self._open()
        _draw(writer, step, figures)
        writer.flush()

    def samples(self, step: int) -> None:
        """Show the images and the answers of a few samples of the evaluation after a step."""
        if self._on and self._source is not None:
            writer = self._open()
            self._answers(writer, step, self._source)
            writer.flush()

    def _answers(self, writer: Any, step: int, source: Source) -> None:
        lines, _ = read_lines(self._run / "eval" / f"{step:08d}.jsonl")
        for line in sorted(lines, key=lambda line: str(line["uid"]))[:SAMPLES]:
            uid = str(line["uid"])
            writer.add_text(f"samples/{clean(uid)}", _words(line), step)
            picture = _picture(source, uid)
            if picture is not None:
                import numpy as np

                pixels = np.asarray(picture)
                writer.add_image(f"samples/{clean(uid)}", pixels, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()

    def _open(self) -> Any:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            folder = self._run / "tensorboard"
            shutil.rmtree(folder, ignore_errors=True)
            self._writer = SummaryWriter(str(folder))
            for line in self._kept:
                step = int(line["step"])
                _draw(self._writer, step, {k: v for k, v in line.items() if k not in _NOT_DRAWN})
                if "eval_loss" in line and self._source is not None:
                    self._answers(self._writer, step, self._source)
        return self._writer


def _draw(writer: Any, step: int, figures: Mapping[str, Any]) -> None:
    for name, value in figures.items():
        own = name.startswith("eval_")
        writer.add_scalar(
            name.replace("eval_", "eval/", 1) if own else f"train/{name}", value, step
        )


def _words(line: Mapping[str, Any]) -> str:
    """An answer beside what was wanted; a block of code, where nothing in it is markup."""
    rows = {
        "wanted": line.get("target") or " / ".join(map(str, line.get("references") or ())),
        "read as": line.get("label"),
        "said": line.get("text") or line.get("error"),
    }
    return "\n".join(f"    {name}: {clean(value, newlines=False)}" for name, value in rows.items())


def _picture(source: Source, uid: str) -> Image.Image | None:
    """The images of a sample in one; `None` where they cannot be read."""
    from workbench.explain.overlay import sheet

    try:
        images = [ref.load() for ref in source.get(uid).images]
    except WbError:
        return None
    for image in images:
        image.thumbnail((_SIDE, _SIDE))
    return sheet([images]) if images else None
