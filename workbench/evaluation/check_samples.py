"""The samples that an evaluation asks, how it asks them and how many: all but the model.

Guarantee: what cannot be asked so is refused here, before a model is loaded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.data.drawn import DrawnSource
from workbench.errors import UnknownName, UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.controls import check_control, control_variant
from workbench.evaluation.inference_config import how_to_add
from workbench.evaluation.lines import Prompter
from workbench.evaluation.orders import check_order, order_variant
from workbench.evaluation.variant import Variant
from workbench.models.box_writer import box_writer, refuse_boxes
from workbench.models.default_prompt import family_of, template_for_source
from workbench.models.families.registry import limits_of
from workbench.prompts.pool import Template, get_template
from workbench.prompts.shots import choose_shots
from workbench.sample import Sample

if TYPE_CHECKING:
    from workbench.data.source import Source


def open_asked(config: EvalConfig) -> Source:
    """What is asked about, before any is drawn. Raises as `open_source` and `open_folder` do."""
    from workbench.data.images_alone import Unjudged, open_folder
    from workbench.data.source import open_source

    if config.folder:
        return open_folder(config.folder)
    try:
        source = open_source(config.dataset, config.split or None)
    except UnknownName as error:
        # A recipe of `--config` knows how its data are added.
        hint = how_to_add(config.inference_config, config.dataset)
        raise UnknownName(error.message, hint=hint or error.hint, kind=error.kind) from error
    return Unjudged(source) if config.captions and source.task != "caption" else source


def check_samples(config: EvalConfig) -> tuple[Source, Prompter, int]:
    """The samples, how they are asked and how many: all but the model.

    Raises:
        UsageError: They cannot be asked so.
        DataError: They cannot be read.
    """
    source = open_asked(config)
    total = _total(source, config.limit)
    whole = source
    if config.random:
        source = DrawnSource(source, total, config.seed)
    template = (
        get_template(config.template)
        if config.template
        else template_for_source(config.spec, source)
    )
    _check(config, source, template)
    shots, spare = _shots(config, whole)
    prompter = Prompter(
        *(template, source.task, tuple(source.labels), tuple(shots), tuple(spare)),
        write=box_writer(config.spec),
    )
    prompter = replace(prompter, variant=_variant(config, source, prompter, total))
    _try_out(prompter, source, total)
    return source, prompter, total


def _try_out(prompter: Prompter, source: Source, total: int) -> None:
    """Refuse a template that fits none of the first samples, before the model is loaded."""
    errors: list[UsageError] = []
    for ordinal in range(min(3, total)):
        try:
            prompter.render(source.at(ordinal))
        except UsageError as error:
            errors.append(error)
        except WbError:
            continue
    if errors and len(errors) == min(3, total):
        raise errors[0]


def _total(source: Source, limit: int) -> int:
    if source.length is None:
        if not limit:
            raise UsageError(
                f"{source.dataset}/{source.split} is endless", hint="say how many: --limit 1000"
            )
        return limit
    if not source.length:
        raise UsageError(
            f"{source.dataset}/{source.split} has no sample",
            hint=f"see: wb data info {source.dataset}",
            kind="no_samples",
        )
    return min(source.length, limit) if limit else source.length


def _check(config: EvalConfig, source: Source, template: Template) -> None:
    refuse_boxes(config.spec, template.task, source.task)
    if config.label_scores and not _has_labels(source, template):
        raise UsageError(
            f"--answer {config.answer} wants a closed set of labels, which {source.dataset} has "
            "not",
            hint="leave it out, or choose a template that has label words",
        )
    if config.samples > 1 and source.task in ("caption", "grounding"):
        what = "captions" if source.task == "caption" else "boxes"
        raise UsageError(
            f"--samples: {what} have no label that answers could vote on", hint="leave it out"
        )
    if config.positive and source.labels and config.positive not in source.labels:
        raise UsageError(
            f"--positive {config.positive!r} is none of the labels {', '.join(source.labels)}"
        )


def _variant(config: EvalConfig, source: Source, prompter: Prompter, total: int) -> Variant:
    if config.control:
        check_control(config.control, source, prompter.template, config.spec)
        return control_variant(config.control, source, total, config.seed, prompter.images)
    if config.vary:
        check_order(config.vary, source, prompter.template, prompter.shots)
    return order_variant(config.vary)


def _has_labels(source: Source, template: Template) -> bool:
    """Whether there is something to score: a closed set, or options of the samples' own."""
    if source.task in ("caption", "grounding"):
        return False
    return bool(source.labels or template.labels or _first(source).labels)


def _first(source: Source) -> Sample:
    return next(iter(source.iter()), Sample(f"{source.dataset}/{source.split}/"))


def _shots(config: EvalConfig, source: Source) -> tuple[list[Sample], list[Sample]]:
    """The examples, and one more per label that steps in where an example is the query."""
    from workbench.data.source import get_sample

    if config.shot_wish and (why := limits_of(family_of(config.spec)).get("turns")):
        raise UsageError(
            f"{config.shot_wish.flag}: {config.spec.model} is asked one prompt and takes no "
            f"examples: {why}",
            hint="leave the examples out, or train it on them: wb train",
            kind="unsupported",
        )
    chosen = choose_shots(config.shot_wish, source)
    spare = [get_sample(uid) for uid in config.spare_uids] or list(chosen.spare)
    return list(chosen.shots), spare
