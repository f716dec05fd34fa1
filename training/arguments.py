"""What every training tells `transformers.Trainer` alike: schedule, logging, checkpoints, seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.contrastive.config import ContrastiveConfig
    from training.train_config import TrainConfig


def shared_arguments(
    config: TrainConfig | ContrastiveConfig, folder: Path, *, steps: int, on_cpu: bool
) -> dict[str, Any]:
    """Arguments of `TrainingArguments` that do not depend on the task.

    Args:
        config: What is wanted.
        folder: For the checkpoints.
        steps: In all.
        on_cpu: Keep off a GPU that there may be.
    """
    with_floor = config.scheduler == "cosine_with_min_lr"
    return {
        "output_dir": str(folder),
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": config.scheduler,
        "lr_scheduler_kwargs": {"min_lr_rate": 0.1} if with_floor else None,
        "warmup_steps": config.warmup,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "num_train_epochs": config.epochs,
        "max_steps": config.max_steps or -1,
        "logging_strategy": "steps",
        "logging_steps": config.log_every,
        "logging_first_step": True,
        "save_strategy": "steps" if config.save_every else "epoch",
        "save_steps": config.save_every or steps,
        # `checkpoints.complete` lets the old ones go, once the new one is whole.
        "save_total_limit": None,
        # It would replace a loss that is not finite by the mean of those before it.
        "logging_nan_inf_filter": False,
        "eval_strategy": "epoch" if config.eval else "no",
        "seed": config.seed,
        "data_seed": config.seed,
        "use_cpu": on_cpu,
        "remove_unused_columns": False,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
        "report_to": [],
        "disable_tqdm": True,
        "log_level": "error",
    }
