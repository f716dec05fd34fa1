"""Heat maps for the samples that a report shows: the one part of a report that needs the model.

Guarantee: a map is of the prompt that the run asked and of the answer that it recorded; where none
can be made, the case says why and the report goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sessions.errors import WbError
from sessions.runs import Run
from workbench.evaluation.check_samples import check_samples
from workbench.evaluation.prepare import load_model_of
from workbench.evaluation.recorded_prompt import no_map
from workbench.evaluation.report import Report
from workbench.evaluation.report_cases import Case, FlippedCase
from workbench.evaluation.resuming import resumed_config
from workbench.progress import OnProgress, Reporter
from workbench.sample import Sample

if TYPE_CHECKING:
    from PIL import Image

    from workbench.evaluation.lines import Prompter
    from workbench.models.base import LoadedModel
    from workbench.models.spec import ModelSpec

_PIXELS = 440  # a side: twice what the page shows, as screens draw two to one


def with_maps(report: Report, runs: Sequence[Run], on_progress: OnProgress | None = None) -> Report:
    """The same report with maps of its worst and flipped cases; one model is loaded at a time.

    Raises:
        ModelError: A model cannot be loaded.
        DataError: The data of a run cannot be opened.
    """
    held: dict[ModelSpec, LoadedModel] = {}
    tell = Reporter(on_progress)
    told, compared = list(report.runs), list(report.compared)
    for number, run in enumerate(runs):
        tell(number, len(runs), f"heat maps of {run.id}", force=True)
        maps = _RunMaps(run, held, on_progress)
        told[number] = replace(told[number], worst=[maps.of_case(c) for c in told[number].worst])
        for place, one in enumerate(compared):
            sides = [side for side, owner in ((0, runs[0].id), (1, one.run)) if owner == run.id]
            for side in sides:
                flips = [maps.of_flip(flip, side) for flip in compared[place].flips]
                compared[place] = replace(compared[place], flips=flips)
    tell(len(runs), len(runs), "heat maps", force=True)
    return replace(report, runs=told, compared=compared)


class _RunMaps:
    """Makes the maps of one run; its model is loaded when the first is wanted."""

    def __init__(
        self, run: Run, held: dict[ModelSpec, LoadedModel], on_progress: OnProgress | None
    ) -> None:
        self._config = resumed_config(run)
        self._held, self._on_progress = held, on_progress
        self._prompter: Prompter | None = None
        self._reason = no_map(self._config)

    def of_case(self, case: Case) -> Case:
        """With its maps, or why there are none."""
        if case.sample is None or not case.sample.images:
            return case
        if self._reason:
            return replace(case, no_maps=self._reason)
        ready = self._ready()
        try:
            return replace(case, maps=_overlays(*ready, case.sample, case.text))
        except WbError as error:
            return replace(case, no_maps=error.message)

    def of_flip(self, flip: FlippedCase, side: int) -> FlippedCase:
        """With the maps of one of its two answers, where they can be made."""
        there = flip.sample is not None and bool(flip.sample.images) and flip.answered[side]
        if self._reason or not there or flip.sample is None:
            return flip
        text = (flip.first, flip.second)[side][1]
        ready = self._ready()
        try:
            made = _overlays(*ready, flip.sample, text)
        except WbError:
            return flip
        return replace(flip, heat=(made, flip.heat[1]) if side == 0 else (flip.heat[0], made))

    def _ready(self) -> tuple[LoadedModel, Prompter]:
        """The model and the prompts. Raises `ModelError`, `DataError`."""
        if self._prompter is None:
            self._prompter = check_samples(self._config)[1]
        spec = self._config.spec
        if spec not in self._held:
            self._held.clear()  # two models at once may be more than the memory holds
            self._held[spec] = load_model_of(self._config, self._on_progress)
        return self._held[spec], self._prompter


def _overlays(
    loaded: LoadedModel, prompter: Prompter, sample: Sample, answer: str
) -> tuple[Image.Image, ...]:
    from workbench.explain.explain import explain
    from workbench.explain.overlay import overlay

    refs = sample.images
    found = explain(loaded, prompter.render(sample), answer)
    made = []
    # The pictures of examples come before those of the question.
    for ref, heat in zip(refs, found.images[-len(refs) :], strict=True):
        picture = ref.load().copy()
        picture.thumbnail((_PIXELS, _PIXELS))
        made.append(overlay(picture, heat))
    return tuple(made)
