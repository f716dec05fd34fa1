"""Make an evaluation ready: open the data, load the model, choose the prompt, draw the shots.

Not for asking: see `workbench.evaluation.runner`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.evaluation.check_samples import check_samples
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.config_runs import with_named_runs
from workbench.evaluation.lines import Prompter
from workbench.evaluation.prepared import PreparedEvaluation
from workbench.evaluation.recorded import record_of
from workbench.evaluation.several import own_part
from workbench.models.remote_model import is_remote
from workbench.progress import OnProgress, Reporter, telling_load
from workbench.serving.remote.known_servers import remember

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.models.base import LoadedModel


def prepare(
    config: EvalConfig,
    on_progress: OnProgress | None = None,
    loaded: LoadedModel | None = None,
    *,
    untouched: bool = False,
) -> PreparedEvaluation:
    """Open the data, load the model, draw the shots. Raises as `evaluate` does.

    Args:
        config: What is evaluated.
        on_progress: Told while the model loads.
        loaded: The model of the config, where it is at hand.
        untouched: Its weights are as they were read: answers on record are its own.
    """
    config = with_named_runs(config)
    source, prompter, total = check_samples(config)
    if is_remote(config.spec.model):
        return _prepare_remote(config, source, prompter, total, on_progress)
    from workbench.inference.prefix_cache import PrefixCache

    answers = None
    if loaded is None:
        loaded, untouched = load_model_of(own_part(config), on_progress, total), True
    if untouched:
        # What a caller holds may have been trained on since its files were read.
        answers = record_of(loaded, prompter, fresh=config.fresh)
    prefixes = PrefixCache() if config.prefix_cache else None
    return PreparedEvaluation(
        config, source, loaded, prompter, total, prefixes, record_of_answers=answers
    )


def load_model_of(
    config: EvalConfig, on_progress: OnProgress | None = None, total: int = 0
) -> LoadedModel:
    """Load what a config names, in this process. Raises `ModelError`."""
    from workbench.models.base import load_model
    from workbench.serving.release_gpu import release_gpu

    if config.threads:
        import torch

        torch.set_num_threads(config.threads)
    tell = Reporter(on_progress)
    tell.before(0, total, f"loading {config.spec.model}", force=True)
    release_gpu(config.spec)
    return load_model(config.spec, telling_load(tell, 0, total, config.spec.model))


def _prepare_remote(
    config: EvalConfig,
    source: Source,
    prompter: Prompter,
    total: int,
    on_progress: OnProgress | None,
) -> PreparedEvaluation:
    from workbench.evaluation.remote import reach

    Reporter(on_progress).before(0, total, f"reaching {config.spec.model}", force=True)
    words = prompter.labels if config.label_scores else ()
    remote = reach(config, words or ("a label",) * config.label_scores)
    remember(remote.spec.model)
    return PreparedEvaluation(replace(config, spec=remote.spec), source, remote, prompter, total)
