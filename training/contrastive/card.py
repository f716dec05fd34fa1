"""An image encoder's model card: what it was aligned to, how, on what, with which figures.

Guarantee: no path of this machine is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.card import one_line, public_name
from training.contrastive.config import ContrastiveConfig


@dataclass(frozen=True)
class EncoderCard:
    """What is known before the first step; `text` adds the figures.

    Attributes:
        config: The training's.
        samples: How many images are trained on.
        texts: How many captions, each once.
        revisions: `dataset/split` -> revision of the data.
    """

    config: ContrastiveConfig
    samples: int
    texts: int
    revisions: Mapping[str, str]

    def text(self, step: int, evaluation: Mapping[str, Any]) -> str:
        """The card as Markdown.

        Args:
            step: After how many optimizer steps the encoder was taken.
            evaluation: `metrics` of the evaluation after that step; may be empty.
        """
        config = self.config
        encoder, words = public_name(config.encoder), public_name(config.text_encoder)
        start = "from scratch" if "/" not in encoder else "from its own weights"
        head = "---\ntags:\n- contrastive\n- image-encoder\n---"
        title = f"# {one_line(config.name) or f'{encoder} aligned to {words}'}"
        what = (
            f"A ResNet (`{encoder}`, {start}) and a projection to {config.shared_size} dimensions, "
            f"aligned by the {config.loss} loss to the mean last states of the frozen `{words}`, "
            f"projected likewise. {step} steps of {config.step_size} images, each held against "
            f"every caption of its step; AdamW, learning rate {config.learning_rate:g} "
            f"({config.scheduler}), {config.precision}, seed {config.seed}. Images are squares of "
            f"{config.image_size} pixels ({config.image_fit})."
        )
        rows = [f"| `{name}` | `{rev or 'not known'}` |" for name, rev in self.revisions.items()]
        data = "\n".join(
            [
                f"## Data\n\n{self.samples} images with {self.texts} captions.\n",
                "| dataset | revision |",
                "|---|---|",
                *rows,
            ]
        )
        use = (
            "## Use\n\n```\nwb models compose --vision THIS_FOLDER --language PHI --out my-model\n"
            "```\n\nor `encoder: RUN` in the config of a training."
        )
        return "\n\n".join([head, title, what, data, self._figures(evaluation), use]) + "\n"

    def _figures(self, evaluation: Mapping[str, Any]) -> str:
        metrics = evaluation.get("metrics") or {}
        if not metrics:
            return "## Figures\n\nNone: it was not evaluated while it was trained."
        lines = [f"## Figures\n\nOn `{self.config.eval}`.", "", "| | value | 95% interval | n |"]
        lines.append("|---|---|---|---|")
        for name, row in metrics.items():
            value, low, high = (_number(row.get(key)) for key in ("value", "low", "high"))
            lines.append(f"| {name} | {value} | {low} to {high} | {row.get('n', '–')} |")
        return "\n".join(lines)


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, (int, float)) else "–"
