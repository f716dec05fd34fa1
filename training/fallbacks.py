"""What of a config this machine cannot do, where the config allows another thing in its place.

Guarantee: nothing is replaced that the config does not allow to be, and each replacement is told.
Not for refusing the rest: `training.optimizers` and `workbench.models.loading` do.
"""

from __future__ import annotations

from training.optimizers import choose_optimizer
from training.train_config import TrainConfig
from workbench.errors import ModelError


def with_fallbacks(config: TrainConfig) -> tuple[TrainConfig, list[str]]:
    """The config as it can be trained here, and a line for each thing that stands in for another.

    Raises:
        UsageError: As `choose_optimizer`.
    """
    said: list[str] = []
    taken = choose_optimizer(config)
    if taken != config.optimizer:
        said.append(f"no GPU: optimizer {taken} in the place of {config.optimizer}")
    if config.attention == "flash_attention_2" and config.attention_fallback:
        from workbench.models.loading import check_attention
        from workbench.models.placement import candidates

        try:
            check_attention(config.spec, candidates(config.device)[0])
        except ModelError as error:
            _, _, why = error.message.partition(": ")
            said.append(f"attention sdpa in the place of flash_attention_2: {why}")
            config = config.changed(attention="sdpa")
    return config, said
