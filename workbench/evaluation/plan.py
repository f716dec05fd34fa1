"""What an evaluation would ask, found without its model: for `wb run-eval --dry-run`.

Guarantee: data, template, examples and settings are resolved by the code that a run uses, so that
what cannot be asked is refused here too; no weight is read and no run is made.
"""

from __future__ import annotations

from typing import Any

from sessions.errors import WbError
from workbench.evaluation.check_samples import check_samples
from workbench.evaluation.command import command_of
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.config_runs import with_named_runs
from workbench.evaluation.lines import Prompter
from workbench.evaluation.notes import notes_ahead
from workbench.prompts.preview import TRIED, name_of
from workbench.sample import ImageRef


def plan(config: EvalConfig) -> dict[str, Any]:
    """What would be asked, as one document.

    Returns:
        `dataset`, `split`, `task`, `labels`, `samples` (how many), `model` (what of the model's
        settings is said), `template`, `shot_uids`, `answer`, `decoding`, `metrics`, `command` (it
        makes such a run), `notes` (`notes_ahead`) and `prompt`: the turns of the first sample that
        can be asked, `None` where none of the first can.

    Raises:
        UsageError: It cannot be asked so.
        DataError: The samples cannot be read.
    """
    config = with_named_runs(config)
    source, prompter, total = check_samples(config)
    template = prompter.template
    shots = [shot.uid for shot in prompter.shots]
    place = {"dataset": source.dataset, "split": source.split}
    named = {"shots": 0, "shots_from": "", "shots_tag": "", "shots_right_in": ""}
    recorded = config.to_json() | place | named | {"shot_uids": shots}
    return {
        **place,
        "task": source.task,
        "labels": list(prompter.labels),
        "samples": total,
        "model": {k: v for k, v in config.spec.to_json().items() if v is not None},
        "template": f"{template.name}@{template.version}",
        "shot_uids": shots,
        "answer": config.answer,
        "decoding": config.decoding.to_json(),
        "metrics": list(config.text_wish.metrics),
        "inference_config": config.inference_config,
        "command": command_of(
            recorded | {"template": template.name, "template_version": template.version}
        ),
        "notes": notes_ahead(config),
        "prompt": _first_prompt(prompter, source, total),
    }


def _first_prompt(prompter: Prompter, source: Any, total: int) -> dict[str, Any] | None:
    for ordinal in range(min(TRIED, total)):
        try:
            sample = source.at(ordinal)
            turns = prompter.render(sample)
        except WbError:
            continue
        return {
            "uid": sample.uid,
            "turns": [
                {
                    "role": turn.role,
                    "text": "\n".join(
                        f"[image {name_of(part)}]" if isinstance(part, ImageRef) else part
                        for part in turn.parts
                    ),
                }
                for turn in turns
            ],
        }
    return None
