"""What was read of a dataset to compare its samples: for the next sample it is there already.

Guarantee: everything here blocks and is for a worker. What was read is that of the open source's
revision; of one dataset alone, so that memory is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.sample import Sample
    from workbench.similar.neighbours import By, Neighbours
    from workbench.similar.scan import Scan

LIMIT = 2_000
"""Samples of each split that are compared at first; a key asks for more."""
Stage = Literal["texts", "pixels", "features"]


class Scans:
    """The scans of one dataset.

    Attributes:
        limit: Samples of each split.
    """

    def __init__(self, dataset: str, revision: str) -> None:
        self.of = dataset, revision
        self.limit = LIMIT
        self._kept: dict[Stage, tuple[tuple[Any, ...], Scan]] = {}

    def neighbours(
        self,
        bench: WbApp,
        sample: Sample,
        stage: Stage,
        cancelled: Callable[[], bool],
        tell: Callable[[str], None],
        top: int,
    ) -> dict[By, Neighbours]:
        """The neighbours of a sample by all that a stage knows.

        Raises:
            WbError: As `workbench.similar.compare.compare`.
            Cancelled: It was cancelled.
        """
        from workbench.similar.neighbours import neighbours

        scan = self._scan(bench, sample, stage, cancelled, tell)
        measures: dict[Stage, tuple[By, ...]] = {
            "texts": ("text",),
            "pixels": ("text", "pixels"),
            "features": ("text", "pixels", "image"),
        }
        return {by: neighbours(scan, sample.uid, by, top) for by in measures[stage]}

    def _scan(
        self,
        bench: WbApp,
        sample: Sample,
        stage: Stage,
        cancelled: Callable[[], bool],
        tell: Callable[[str], None],
    ) -> Scan:
        from workbench.app.engine_service import EngineService
        from workbench.data.progress import words
        from workbench.models.remote_model import refuse_weights
        from workbench.similar.compare import Listeners, compare

        made_of = (self.limit, bench.spec if stage == "features" else None)
        before = self._kept.get(stage)
        if before is not None and before[0] == made_of and sample.uid in before[1].by_uid:
            return before[1]
        service: EngineService | None = None
        model = None
        if stage == "features":
            refuse_weights(bench.spec, "image features")
            service = bench.engine()
            model = (service.client([bench.spec]), bench.spec)
            service.working("looking at pictures")
        try:
            scan = compare(
                self.of[0],
                sample=sample,
                pictures=stage != "texts",
                model=model,
                limit=self.limit,
                tell=Listeners(
                    cancelled=cancelled,
                    on_progress=lambda done, total, what: tell(words(done, total, what)),
                    on_load=service.progress if service else None,
                ),
            )
        finally:
            if service is not None:
                service.refresh()
        self._kept[stage] = made_of, scan
        return scan
