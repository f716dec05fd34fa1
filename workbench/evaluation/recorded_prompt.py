"""The prompt that a run put to its model about a sample, once more: for maps of recorded answers.

Guarantee: it is made by the code and the settings of the run. Where the model was shown other
pictures than the sample's, or sits on another server, there is a reason in place of a map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sessions.runs import Run
from workbench.errors import UsageError
from workbench.evaluation.check_samples import check_samples
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.resuming import resumed_config
from workbench.models.remote_model import is_remote
from workbench.models.spec import ModelSpec
from workbench.sample import Conversation, Sample

if TYPE_CHECKING:
    import numpy as np

    from workbench.evaluation.lines import Prompter
    from workbench.serving.client import Engine


def no_map(config: EvalConfig) -> str:
    """Why no map of this run's answers would be true; empty where one would."""
    if is_remote(config.spec.model):
        return "a model on another server shows no heat"
    if config.control or config.vary == "images":
        return "the model was shown other pictures than the sample's"
    return ""


@dataclass(frozen=True)
class RecordedPrompts:
    """The prompts of a run.

    Attributes:
        spec: The model that was asked.
    """

    spec: ModelSpec
    _prompter: Prompter

    @classmethod
    def of(cls, run: Run) -> RecordedPrompts:
        """Of a run whose answers can have maps.

        Raises:
            UsageError: They cannot, or the run is no evaluation.
            DataError: Its data cannot be opened.
        """
        config = resumed_config(run)
        if reason := no_map(config):
            raise UsageError(f"no heat for run {run.id}: {reason}")
        return cls(config.spec, check_samples(config)[1])

    def of_sample(self, sample: Sample) -> Conversation:
        """What was asked. Raises `WbError` where the sample cannot be asked."""
        return self._prompter.render(sample)

    def heat(
        self,
        engine: Engine,
        sample: Sample,
        answer: str,
        *,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Callable[[str, float], None] | None = None,
    ) -> list[np.ndarray]:
        """Heat of the answer's first token, (h, w) in 0..1 for each picture of the sample.

        Raises:
            Cancelled: `cancelled` said so.
            WbError: As the engine's `explain`.
        """
        import numpy as np

        found: dict[str, Any] = engine.explain(
            self.of_sample(sample), answer, self.spec, cancelled=cancelled, on_progress=on_progress
        )
        maps = [np.asarray(one["heat"], np.float32).reshape(one["grid"]) for one in found["images"]]
        # The pictures of examples come before those of the question.
        return maps[-len(sample.images) :] if sample.images else maps
