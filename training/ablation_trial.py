"""One trial of an ablation, in a process of its own: train, then evaluate on what `report` names.

Guarantee: leaves an ordinary run of a training (and one of an evaluation), which `wb train
--resume` and `wb run-eval --resume` go on with; done twice, nothing is trained twice. A process
of its own, since only so its peak of memory is its own, and nothing of it is left behind.
Not for choosing trials: see `training.ablate`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from sessions.errors import WbError
from sessions.runs import Run, list_runs
from training.inputs import inputs_digest, same_training
from training.train_config import TrainConfig
from workbench.models.spec import ModelSpec

_LOOK_S = 0.5


def find_training(config: TrainConfig) -> Run | None:
    """The newest run that trains what `config` does from the same data and model, if there is one.

    A finished run comes before one that was cut. Raises as `inputs_digest` does.
    """
    digest = inputs_digest(config)
    cut: Run | None = None
    for run in list_runs():
        recorded = run.config.get("config")
        if run.kind != "train" or run.damage or not isinstance(recorded, dict):
            continue
        if run.config.get("inputs") != digest or not same_training(config, recorded):
            continue
        if run.state == "done" and run.metrics():
            return run
        cut = cut or run
    return cut


def trained_spec(run: Run, config: TrainConfig) -> ModelSpec:
    """What a finished training left, as something to be asked."""
    from dataclasses import replace

    if config.method == "full":
        return replace(config.spec, model=str(run.path / "model"), revision=None)
    return replace(config.spec, adapter=run.id)


def do_trial(config: TrainConfig) -> dict[str, Any]:
    """Train, or go on, or take what is done; then evaluate. Returns the runs' ids and the state."""
    from training.train import train

    run = find_training(config)
    while run is not None and run.state == "running":
        # Left alone by an ablation that was killed: two processes never train one run.
        time.sleep(_LOOK_S)
    if run is None or (run.state == "failed" and not run.interrupted):
        run = train(config)
    elif run.state != "done":
        run = train(config, resume=run.id)
    found: dict[str, Any] = {"run": run.id, "state": run.state, "evaluation": None}
    if run.state != "done" or not config.report:
        return found
    evaluated = _evaluate(run, config)
    return {**found, "evaluation": evaluated.id, "state": evaluated.state}


def _evaluate(run: Run, config: TrainConfig) -> Run:
    from workbench.evaluation.config import EvalConfig
    from workbench.evaluation.resuming import AUTO
    from workbench.evaluation.runner import evaluate
    from workbench.inference.decoding import Decoding

    return evaluate(
        EvalConfig(
            dataset=config.report,
            spec=trained_spec(run, config),
            decoding=Decoding(max_new_tokens=config.eval_new_tokens, top_logprobs=0),
            template=config.templates[0] if len(config.templates) == 1 else "",
            batch_size=config.eval_batch_size,
            threads=config.threads,
        ),
        resume=AUTO,
    )


def main(path: str) -> int:
    """Do the trial whose config lies in a JSON file; say what came of it in `PATH.result`."""
    from sessions.atomic import read_json, write_json

    file = Path(path)
    try:
        found = do_trial(TrainConfig.from_json(read_json(file) or {}, path))
    except WbError as error:
        found = {"state": "failed", **error.to_json()}
    write_json(file.with_suffix(".result"), found)
    return 0 if found["state"] == "done" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
