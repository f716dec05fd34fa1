"""Which kind of training a config is: `task: contrastive`, or without a task a fine-tuning.

Guarantee: imports no torch. The one place that commands, jobs and runs read a config by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from training.config_file import load_values
from training.contrastive.config import ContrastiveConfig
from training.train_config import TrainConfig
from workbench.errors import UsageError

AnyConfig: TypeAlias = TrainConfig | ContrastiveConfig
TASKS = ("answers", "contrastive")


def read_config(values: Mapping[Any, Any], where: str = "the config") -> AnyConfig:
    """The config of a mapping as YAML gives it, by its `task`.

    Raises:
        UsageError: No such task, or faults of its keys, all in one message.
    """
    task = values.get("task", "answers")
    if task == "contrastive":
        return ContrastiveConfig.from_json(values, where)
    if task != "answers":
        raise UsageError(
            f"{where}: 'task' wants one of {', '.join(TASKS)}, got {task!r}", kind="bad_config"
        )
    return TrainConfig.from_json({k: v for k, v in values.items() if k != "task"}, where)


def load_config(name: str | Path, changes: Sequence[str] = ()) -> AnyConfig:
    """The config of a file or of a shipped name, with changes. Raises `UsageError`."""
    return read_config(load_values(name, changes), str(name))
