"""The newest finished run of an inference config: what `config:NAME` means as a run.

For `shots_right_in = "config:memes_llava_pool"` of a config, which cannot know the id of a run.
Guarantee: a run of the same model and adapter, or an error that says which command makes one.
"""

from __future__ import annotations

from dataclasses import replace

from sessions.runs import Run, list_runs
from workbench.errors import UnknownName
from workbench.evaluation.config import EvalConfig
from workbench.models.spec import ModelSpec, flags_of

PREFIX = "config:"


def with_named_runs(config: EvalConfig) -> EvalConfig:
    """The same config with the id of a run in place of `config:NAME`.

    Raises:
        UnknownName: No finished run of that config asked the same model.
    """
    wanted = config.shots_right_in
    if not wanted.startswith(PREFIX):
        return config
    return replace(config, shots_right_in=_newest(wanted[len(PREFIX) :], config.spec).id)


def _newest(name: str, spec: ModelSpec) -> Run:
    for run in list_runs():
        asked = run.config
        if (
            asked.get("inference_config") == name
            and (asked.get("model"), asked.get("adapter")) == (spec.model, spec.adapter)
            and run.state == "done"
        ):
            return run
    flags = " ".join(flags_of({"model": spec.model, "adapter": spec.adapter}))
    raise UnknownName(
        f"--shots-right-in {PREFIX}{name}: no finished run of that config asked {spec.model}"
        + (f" + {spec.adapter}" if spec.adapter else ""),
        hint=f"make one: wb run-eval --config {name} {flags}",
        kind="no_shots",
    )
