"""Would a training start? The data, the model and the adapter that its config names.

Guarantee: torch-free, asks no hub, loads nothing; see `workbench.models.standing`.
"""

from __future__ import annotations

from training.tasks import AnyConfig
from training.train_config import TrainConfig
from workbench.evaluation.would_start import dataset_standing
from workbench.models.standing import Standing, adapter_standing, model_standing


def standings(config: AnyConfig) -> list[Standing]:
    """Of all that a training names; each is `about` the key of the config. Never raises."""
    train = getattr(config, "train", ())
    parts = [("train", part) for part in ([train] if isinstance(train, str) else train)]
    parts += [(key, getattr(config, key, "")) for key in ("eval", "report")]
    found = [dataset_standing(part, about=key) for key, part in parts if part]
    model = config.model if isinstance(config, TrainConfig) else ""
    if model:
        found.append(model_standing(model, getattr(config, "revision", "") or None, "model"))
    if text := getattr(config, "text_encoder", ""):
        found.append(_text_encoder(text))
    adapter = getattr(config, "adapter", "")
    if adapter and model:
        found.append(adapter_standing(adapter, model, "adapter"))
    return found


def _text_encoder(name: str) -> Standing:
    """Of a language model: no vision-language family has to know it."""
    found = model_standing(name, about="text_encoder")
    return found if found.state != "here" else Standing("here", about="text_encoder")
