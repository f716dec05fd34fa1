"""The image encoder as a folder: whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.checkpoints import fresh_folder
from training.finite import all_finite
from workbench.errors import ModelError


def save_aligned(model: Any, processor: Any, folder: Path, card: str = "") -> None:
    """Write config, safetensors and image processor, taking the place of a folder there.

    Raises:
        ModelError: A weight is not finite; nothing was written.
    """
    from workbench.models.loading import quiet

    if not all_finite(model.state_dict().values()):
        raise ModelError(
            "the encoder is not saved: it has weights that are not finite",
            hint="train again with a lower learning_rate",
            kind="diverged",
        )
    with fresh_folder(folder) as fresh:
        with quiet():
            model.save_pretrained(str(fresh), safe_serialization=True)
            processor.save_pretrained(str(fresh))
        if card:
            (fresh / "README.md").write_text(card, "utf-8")
