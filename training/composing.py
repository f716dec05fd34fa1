"""Stage two's model: an image encoder and a Phi composed before the training, and found again.

Guarantee: the same encoder, language model and settings are composed once; the folder appears whole
or not at all, under `models/` of the home, and `--model` takes it by its name. Not for training it.
"""

from __future__ import annotations

import hashlib
import json
import re

from training.train_config import TrainConfig
from workbench.progress import OnProgress, Reporter


def composed(config: TrainConfig, on_progress: OnProgress | None = None) -> TrainConfig:
    """The config with the composed model in the place of its `encoder` and language model.

    Args:
        config: As it is where it names no `encoder`.
        on_progress: Told what is done.

    Raises:
        UnknownName, ModelError: A dataset or a part is not there, a part is no ResNet or Phi, or
            there is no room.
        UsageError: `best_by` names a figure that the dev set cannot have.
    """
    if not config.encoder:
        return config
    from sessions.paths import models_dir
    from training.deciding import check_figure
    from workbench.data.source import open_source
    from workbench.models.identity import model_identity
    from workbench.models.locate import find_encoder, find_model
    from workbench.models.two_stage.build import Composition, compose

    for data in filter(None, (*config.train, config.eval, config.report)):
        open_source(data)  # a wrong name is told before anything is read or written
    check_figure(config)
    vision = find_encoder(config.encoder)
    language = find_model(config.model, config.revision or None)
    recipe = Composition(
        vision=str(vision),
        language=config.model,
        image_tokens=config.image_tokens,
        pooled_tokens=config.pooled_tokens,
        dtype=config.dtype,
        seed=config.seed,
        language_revision=config.revision or None,
    )
    parts = [
        model_identity(vision, None, "none", ""),
        model_identity(language, None, "none", ""),
        [recipe.image_tokens, recipe.pooled_tokens, recipe.dtype, recipe.seed],
    ]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    there = [f.parent for f in models_dir().glob(f"*-{key[:8]}/config.json")]
    if there:  # whatever its parts were called then
        return config.changed(encoder="", model=there[0].name, revision="")
    words = [_word(config.encoder), _word(config.model), key[:8]]
    name = "-".join(word for word in words if word)
    tell = Reporter(on_progress)
    compose(
        recipe, models_dir() / name, lambda at, _: tell.before(0, None, f"composing {name}, {at}")
    )
    return config.changed(encoder="", model=name, revision="")


def _word(name: str) -> str:
    """The last part of a name, fit for a folder's."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name.rstrip("/").rpartition("/")[2]).strip("-.")[:40]
