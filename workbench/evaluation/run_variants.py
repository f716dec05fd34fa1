"""Make the variants of a run that are missing: controls and orders, the model loaded once.

Guarantee: a variant is asked with the run's own settings, samples and examples; one that there is
already is taken, one that was left is gone on with. What cannot be asked is told before anything
is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from sessions.runs import Run
from workbench.errors import UsageError
from workbench.evaluation.check_samples import check_samples
from workbench.evaluation.prepare import load_model_of
from workbench.evaluation.prepared import PreparedEvaluation
from workbench.evaluation.resuming import AUTO, resumed_config
from workbench.evaluation.runner import evaluate
from workbench.evaluation.variants import name_of, variants_of
from workbench.models.remote_model import is_remote
from workbench.progress import OnProgress

if TYPE_CHECKING:
    from workbench.evaluation.config import EvalConfig

__all__ = ["PreparedEvaluation", "VariantRuns", "make_variants", "variant_config"]


@dataclass(frozen=True)
class VariantRuns:
    """The variants of a run.

    Attributes:
        runs: Name -> run, all that were wanted and are done.
        refused: Name -> why it cannot be.
        cancelled: It was stopped before all were done.
    """

    runs: dict[str, Run]
    refused: dict[str, str]
    cancelled: bool = False


def variant_config(run: Run, name: str) -> EvalConfig:
    """The config of a variant of a run.

    Args:
        run: A plain run.
        name: A control, an order, or `template:NAME`.
    """
    from workbench.evaluation.controls import CONTROLS

    config = resumed_config(run)
    key = str(run.config.get("settings_key") or run.key)
    if name in CONTROLS:
        return replace(config, control=name, variant_of=key)
    if name.startswith("template:"):
        wording = name.partition(":")[2]
        return replace(config, vary="template", template=wording, variant_of=key)
    if name == "repeat":
        again = replace(config.decoding, seed=config.decoding.seed + 1)
        return replace(config, vary=name, decoding=again, variant_of=key)
    return replace(config, vary=name, variant_of=key)


def make_variants(
    run: Run,
    names: Sequence[str],
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
    *,
    lenient: bool = False,
) -> VariantRuns:
    """The variants of a run, those that are missing evaluated now.

    Args:
        run: A plain evaluation that is done.
        names: As `variant_config` takes them.
        on_progress: Told after each batch.
        cancelled: Asked after each batch.
        lenient: Leave out what cannot be (told in `refused`) rather than raise.

    Raises:
        UsageError: The run is none that has variants, or is unfinished; or a variant cannot be,
            unless `lenient`.
        WbError: As `evaluate` does.
    """
    if run.kind != "eval" or name_of(run):
        kind = f"the variant {name_of(run)} of another" if run.kind == "eval" else "a training"
        raise UsageError(f"run {run.id} is {kind}", hint="name a plain evaluation")
    _refuse_unfinished(run)
    found = variants_of(run)
    wanted, refused = [], {}
    for name in names:
        if name in found:
            continue
        try:
            config = variant_config(run, name)
            check_samples(config)
            wanted.append((name, config))
        except UsageError as error:
            if not lenient:
                raise
            refused[name] = error.message
    out = {name: found[name] for name in names if name in found}
    if not wanted:
        return VariantRuns(out, refused)
    first = wanted[0][1]
    loaded = None if is_remote(first.spec.model) else load_model_of(first, on_progress)
    for name, config in wanted:
        made = evaluate(config, on_progress, cancelled, resume=AUTO, loaded=loaded, untouched=True)
        if made.state != "done":
            return VariantRuns(
                out, refused | {name: made.reason or made.state}, made.state == "cancelled"
            )
        out[name] = made
    return VariantRuns(out, refused)


def _refuse_unfinished(run: Run) -> None:
    """All samples of a variant would be asked, to be compared over the few that the run has."""
    done, total = run.progress()
    if run.state != "done" and (not total or done < total):
        told = f"{done} of {total} samples" if total else f"{done} samples"
        raise UsageError(
            f"run {run.id} is unfinished, {told}",
            hint=f"go on with it: wb run-eval --resume {run.id}",
            kind="unfinished",
        )


def options_at_most(run: Run) -> int:
    """The most options that a sample of a run has.

    Raises:
        UsageError: None has any.
    """
    source, _, total = check_samples(resumed_config(run))
    samples = islice(source.iter(), total)
    most = max((len(sample.metadata.get("options") or ()) for sample in samples), default=0)
    if most < 2:
        raise UsageError(f"--circular: the samples of run {run.id} have no options")
    return most
