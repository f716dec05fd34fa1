"""What the configs of every task share: how a file becomes one, and the keys that mean the same.

Guarantee: imports no torch; every fault of a file is told in one message. Not for the keys of one
task: see `training.train_config` and `training.contrastive.config`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from training.settings import ConfigGroup, Number, Text, Whole, validate
from workbench.errors import UsageError

Device = Annotated[Text, Field(description="`auto`, `cpu`, `cuda`, `cuda:1`, ...")]
Scheduler = Annotated[
    Literal["cosine", "linear", "constant", "constant_with_warmup", "cosine_with_min_lr"],
    Field(description="How the learning rate falls."),
]
Warmup = Annotated[
    Number,
    Field(ge=0, description="Steps of warm-up: a share of all steps (below 1), or a number."),
]
MaxGradNorm = Annotated[
    Number, Field(ge=0, description="Gradients are clipped to this norm; 0 is off.")
]
MaxSteps = Annotated[
    Whole, Field(ge=0, description="The number of steps in all; 0: `epochs` decides.")
]
MaxMinutes = Annotated[
    Number,
    Field(
        ge=0,
        description="Minutes after which the training stops; 0 is off. The schedule ignores it.",
    ),
]
SaveEvery = Annotated[
    Whole, Field(ge=0, description="Steps between checkpoints; 0: once an epoch.")
]
KeepCheckpoints = Annotated[
    Whole, Field(ge=1, description="How many of the newest checkpoints are kept.")
]
LogEvery = Annotated[Whole, Field(ge=1, description="Steps between reported figures.")]
Threads = Annotated[Whole, Field(ge=0, description="Torch's threads on a CPU; 0: torch decides.")]
Name = Annotated[Text, Field(description="A name for the run.")]


class ConfigFile(ConfigGroup):
    """A whole config of one task."""

    HINT: ClassVar[str] = ""
    """Where to look for its keys."""

    if not TYPE_CHECKING:  # so that type checkers see the fields

        def __init__(self, **values: Any) -> None:
            self._fill(values)

    def _fill(self, values: Mapping[Any, Any], where: str = "") -> None:
        problems = validate(type(self), values, self)
        problems += [problem for problem in self.faults() if problem not in problems]
        if problems:
            text = "; ".join(problems)
            text = f"{where}: {text}" if where else text
            raise UsageError(text, kind="bad_config", hint=self.HINT)

    def faults(self) -> list[str]:
        """Every fault that lies between keys, in their words."""
        return []

    def to_json(self) -> dict[str, Any]:
        """As YAML and JSON hold it."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, values: Mapping[Any, Any], where: str = "the config") -> Self:
        """From a mapping as YAML gives it.

        Raises:
            UsageError: With every unknown key, wrong type and impossible value in one message.
        """
        config = object.__new__(cls)
        config._fill(values, where)
        return config

    def changed(self, **values: Any) -> Self:
        """A copy with other values, checked as they are when it is read."""
        return self.from_json(dict(self) | values)
