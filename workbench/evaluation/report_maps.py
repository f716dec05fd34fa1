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
from workbench.evaluation.prepare import check_samples, load_model_of, resumed_config
from workbench.evaluation.recorded_prompt import no_map
from workbench.evaluation.report import Report, RunReport
from workbench.evaluation.report_cases import Case
from workbench.progress import OnProgress, Reporter

if TYPE_CHECKING:
    from PIL import Image

    from workbench.evaluation.lines import Prompter
    from workbench.models.base import LoadedModel
    from workbench.models.spec import ModelSpec

_PIXELS = 440  # a side: twice what the page shows, as screens draw two to one


def with_maps(report: Report, runs: Sequence[Run], on_progress: OnProgress | None = None) -> Report:
    """The same report with maps of its worst cases; a model of several runs is loaded once.

    Raises:
        ModelError: A model cannot be loaded.
        DataError: The data of a run cannot be opened.
    """
    held: dict[ModelSpec, LoadedModel] = {}
    tell = Reporter(on_progress)
    done = []
    for number, (told, run) in enumerate(zip(report.runs, runs, strict=True)):
        tell(number, len(runs), f"heat maps of {run.id}", force=True)
        done.append(_mapped(told, run, held, on_progress))
    tell(len(runs), len(runs), "heat maps", force=True)
    return replace(report, runs=done)


def _mapped(
    told: RunReport, run: Run, held: dict[ModelSpec, LoadedModel], on_progress: OnProgress | None
) -> RunReport:
    config = resumed_config(run)
    if reason := no_map(config):
        return replace(told, worst=[replace(case, no_maps=reason) for case in told.worst])
    if not any(case.sample and case.sample.images for case in told.worst):
        return told
    _, prompter, _ = check_samples(config)
    if config.spec not in held:
        held.clear()  # two models at once may be more than the memory holds
        held[config.spec] = load_model_of(config, on_progress)
    loaded = held[config.spec]
    return replace(told, worst=[_case(case, prompter, loaded) for case in told.worst])


def _case(case: Case, prompter: Prompter, loaded: LoadedModel) -> Case:
    if case.sample is None or not case.sample.images:
        return case
    try:
        return replace(case, maps=_overlays(case, prompter, loaded))
    except WbError as error:
        return replace(case, no_maps=error.message)


def _overlays(case: Case, prompter: Prompter, loaded: LoadedModel) -> tuple[Image.Image, ...]:
    from workbench.explain.explain import explain
    from workbench.explain.overlay import overlay

    assert case.sample is not None
    refs = case.sample.images
    found = explain(loaded, prompter.render(case.sample), case.text)
    # The pictures of examples come before those of the question.
    made = []
    for ref, heat in zip(refs, found.images[-len(refs) :], strict=True):
        picture = ref.load()
        picture.thumbnail((_PIXELS, _PIXELS))
        made.append(overlay(picture, heat))
    return tuple(made)
