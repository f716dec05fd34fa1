"""Which optimizer a training has: its name in `transformers`, what it holds, where it can run.

Guarantee: imports no torch before it is asked about a device; one that cannot run here is refused
before anything is loaded. Not for making it: `Trainer` does.
"""

from __future__ import annotations

from training.train_config import TrainConfig
from workbench.errors import UsageError

# Key -> name in `transformers`, and bytes beside each trained weight: AdamW's two moments in the
# weight's own type (`None`), in 32 bits, or in 8 bits with a scale per block of 256 (Dettmers et
# al. 2022); Adafactor's (Shazeer and Stern 2018) are sums of rows and columns.
_KINDS: dict[str, tuple[str, float | None]] = {
    "adamw": ("adamw_torch_fused", None),
    "adamw_8bit": ("adamw_bnb_8bit", 2 + 8 / 256),
    "paged_adamw_8bit": ("paged_adamw_8bit", 2 + 8 / 256),
    "paged_adamw_32bit": ("paged_adamw_32bit", 8.0),
    "adafactor": ("adafactor", 0.0),
    "sgd": ("sgd", 0.0),
}
_UNPAGED = {"paged_adamw_8bit": "adamw_8bit", "paged_adamw_32bit": "adamw"}


def choose_optimizer(config: TrainConfig) -> str:
    """The key of the optimizer that will run here.

    bitsandbytes keeps the state of a paged optimizer in memory that CUDA moves between GPU and
    CPU; on a CPU it would take the unpaged one and not say so.

    Raises:
        UsageError: It is a paged one, there is no GPU, and no fallback was asked for.
    """
    wanted = config.optimizer
    if wanted not in _UNPAGED or not _on_cpu(config):
        return wanted
    other = _UNPAGED[wanted]
    if not config.optimizer_fallback:
        raise UsageError(
            f"'optimizer' {wanted} is refused on a CPU: its state is paged out by CUDA to the "
            "memory beside a GPU, and there is none",
            hint=f"take optimizer: {other}, or optimizer_fallback: true for it wherever there is "
            "no GPU",
            kind="unsupported",
        )
    return other


def trainer_name(key: str) -> str:
    """What `TrainingArguments` calls it."""
    return _KINDS[key][0]


def state_bytes(key: str, weights: int, size: int) -> int:
    """Bytes that the optimizer keeps, without those of the gradients.

    Args:
        key: Of the config.
        weights: How many train.
        size: Bytes of one of them.
    """
    own = _KINDS[key][1]
    return round(weights * (2 * size if own is None else own))


def _on_cpu(config: TrainConfig) -> bool:
    if config.device == "cpu":
        return True
    import torch

    return not torch.cuda.is_available()
