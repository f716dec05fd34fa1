"""The finished run that has the answers of an evaluation already, where there is one.

Guarantee: a run answers for another only under the very same key. Before a model is loaded, what
its dtype will be is not known for sure: then only a run counts that was made from the same settings
of a model and whose key holds one of the dtypes that these can become here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast

from sessions.errors import WbError
from sessions.runs import Run, list_runs
from workbench.evaluation.check_samples import check_samples
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.config_runs import with_named_runs
from workbench.evaluation.prepared import PreparedEvaluation
from workbench.models.remote_model import is_remote
from workbench.models.spec import ModelSpec

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel

# Settings that change figures and no answer.
_OF_FIGURES = ("positive", "metrics", "bertscore_model")
_DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


@dataclass(frozen=True)
class _Unloaded:
    """Of a model what a key is made of."""

    identity: str


def find_finished(evaluation: PreparedEvaluation, runs: list[Run] | None = None) -> Run | None:
    """The newest finished run with the same answers and the same figures of them, if any.

    Args:
        evaluation: What is to be asked.
        runs: To look among, the newest first; all where not given.
    """
    config = evaluation.config
    wanted = {name: getattr(config, name) for name in _OF_FIGURES}
    for run in list_runs() if runs is None else runs:
        # The settings first: the whole key looks at every picture.
        if run.config.get("settings_key") != evaluation.settings_key or not _is_finished(run):
            continue
        same = {name: run.config.get(name) or "" for name in _OF_FIGURES} == wanted
        if same and run.key == evaluation.key:
            return run
    return None


def find_unloaded(config: EvalConfig) -> Run | None:
    """The same, told without loading the model; `None` where that cannot be told.

    Raises:
        UsageError: The samples cannot be asked so.
        DataError: They cannot be read.
    """
    if is_remote(config.spec.model):
        return None
    runs = [run for run in list_runs() if _same_spec(run, config.spec) and _is_finished(run)]
    identities = _identities(config.spec) if runs else []
    if not identities:
        return None
    config = with_named_runs(config)
    source, prompter, total = check_samples(config)
    for identity in identities:
        loaded = cast("LoadedModel", _Unloaded(identity))
        found = find_finished(PreparedEvaluation(config, source, loaded, prompter, total), runs)
        if found is not None:
            return found
    return None


def _is_finished(run: Run) -> bool:
    return run.kind == "eval" and run.state == "done"


def _same_spec(run: Run, spec: ModelSpec) -> bool:
    config: dict[str, Any] = run.config
    return all(config.get(f.name) == getattr(spec, f.name) for f in fields(ModelSpec))


def _identities(spec: ModelSpec) -> list[str]:
    """What the model may be known by once it is loaded."""
    from workbench.models.identity import model_identity
    from workbench.models.locate import find_adapter, local_folder
    from workbench.models.placement import candidates

    try:
        path = local_folder(spec.model)
        if path is None:  # of the hub: whoever loads it looks for its revision
            return []
        adapter = find_adapter(spec.adapter) if spec.adapter else None
        if spec.dtype != "auto":
            names = [_DTYPES[spec.dtype]]
        elif candidates(spec.device)[0].type == "cpu":
            names = ["float32"]
        else:
            names = list(_DTYPES.values())
        return [
            model_identity(path, adapter, spec.quantization, name, spec.extra_options)
            for name in names
        ]
    except (WbError, OSError):
        return []  # told where it is loaded
