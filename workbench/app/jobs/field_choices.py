"""What the picker of a field lists: names, each with a sentence. For worker threads.

Guarantee: whatever is broken keeps nothing else from being listed; the hub is not asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from sessions.errors import WbError
from workbench.app.explore.choices import misfit
from workbench.app.widgets.choice import Choice, offered

Values = Mapping[str, str]


def choices_for(lists: str, values: Values) -> list[Choice]:
    """What there is to choose.

    Args:
        lists: `LineField.lists`.
        values: What stands in the form: a split is of its dataset, an adapter fits its model.
    """
    return _LISTS[lists](values)


def task_of(dataset: str) -> str:
    """The task of a dataset; empty where there is none of that name."""
    from workbench.data.registry import dataset_info

    with contextlib.suppress(WbError):
        return dataset_info(dataset.partition("/")[0].partition("[")[0]).task
    return ""


def keys_of_recipe(name: str) -> set[str]:
    """The flags whose values a recipe says, its model's adapter among them; none of a wrong name.

    A recipe that names a dataset names its split too.
    """
    from workbench.evaluation.inference_config import load_inference_config

    with contextlib.suppress(WbError, OSError):
        said = set(load_inference_config(name).values)
        said |= {"split"} if "dataset" in said else set()
        said |= {"adapter"} if "model" in said else set()
        return {f"--{key.replace('_', '-')}" for key in said}
    return set()


def _splits(values: Values) -> list[Choice]:
    from workbench.data.readiness import readiness

    name = values.get("dataset", "").partition("/")[0]
    fact = readiness(name)
    return [Choice(split, f"{_rows(rows, fact.state)} · {fact.words(split)}", split, fact.error)
            for split, rows in fact.info.splits.items()]  # fmt: skip


def _parts(values: Values) -> list[Choice]:
    from workbench.data.readiness import dataset_names, readiness

    facts = [readiness(name) for name in dataset_names()]
    return [
        Choice(
            f"{fact.name}/{split}",
            f"{_rows(rows, fact.state)} · {fact.words(split)} · {fact.info.task}",
            f"{fact.name}/{split}",
            fact.error,
        )
        for fact in facts
        for split, rows in fact.info.splits.items()
    ]


def _templates(values: Values) -> list[Choice]:
    """Those of the task first; the others say what they are for."""
    from workbench.prompts.pool import list_templates

    task = task_of(values.get("dataset") or values.get("train") or "")
    newest = {template.name: template for template in list_templates()}
    return [
        Choice(
            t.name,
            t.description or t.text,
            t.name,
            misfit(t, task),
        )
        for t in sorted(newest.values(), key=lambda t: bool(misfit(t, task)))
    ]


def _models(values: Values) -> list[Choice]:
    from workbench.models.offers import model_offers

    return [offered(offer, lambda spec: spec.model) for offer in model_offers()]


def _adapters(values: Values) -> list[Choice]:
    from workbench.models.offers import adapter_offers, typed_adapter

    model = values.get("model", "")
    # Where a config says which model it is, each is over the one that it was trained over.
    offers = adapter_offers(model or "demo", own_base=not model)
    found = [offered(offer, typed_adapter, adapter=True) for offer in offers]
    return sorted(found, key=lambda choice: bool(choice.problem))


def _recipes(values: Values) -> list[Choice]:
    from workbench.evaluation.inference_config import inference_configs, load_inference_config

    found = []
    for name in inference_configs():
        try:
            found.append(Choice(name, load_inference_config(name).description, name))
        except WbError as error:
            found.append(Choice(name, "", name, error.message))
    return found


def _configs(values: Values) -> list[Choice]:
    """Those that come with `wb`, and the YAML files of the folder in which it was opened."""
    found = [Choice(name, about, name) for name, about in _shipped()]
    with contextlib.suppress(OSError):
        here = sorted(path.name for path in Path.cwd().glob("*.y*ml"))
        found += [Choice(name, f"a file in {Path.cwd()}", name) for name in here]
    return found


def _shipped() -> list[tuple[str, str]]:
    """The shipped configs, as `wb train --list` tells them: the bench imports no training."""
    import json
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-P", "-m", "commands.main", "train", "--list", "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    try:
        return [(one["name"], one["about"]) for one in json.loads(done.stdout)]
    except (ValueError, KeyError, TypeError):
        return []


def _sessions(values: Values) -> list[Choice]:
    from sessions.session_log import list_sessions

    return [
        Choice(info.id, f"{info.kinds.get('prompt', 0):,} prompts", info.id, info.problem)
        for info in reversed(list_sessions())
    ]


def _answers(values: Values) -> list[Choice]:
    from workbench.evaluation.config import ANSWERS

    about = {
        "generate": "the label is read from the text",
        "score": "the label with the best score is taken, no text is generated",
        "both": "the text is read, and each label is scored",
    }
    return [Choice(name, about.get(name, ""), name) for name in ANSWERS]


def _controls(values: Values) -> list[Choice]:
    from workbench.evaluation.controls import CONTROLS

    about = {
        "blank": "grey pictures in the place of the sample's",
        "shuffled": "another sample's pictures",
        "text-only": "no picture",
        "image-only": "without the text of the sample",
    }
    return [Choice(name, about.get(name, ""), name) for name in CONTROLS]


def _formats(values: Values) -> list[Choice]:
    from workbench.evaluation.given import FORMATS

    about = {
        "csv": "a row for each answer, a column for the sample",
        "jsonl": "a JSON object on each line",
        "json": "a list of objects, or {image: caption}",
        "coco": "COCO's or VQA's results",
        "lmms-eval": "the samples that lmms-eval logs",
    }
    return [Choice(name, about.get(name, ""), name) for name in FORMATS]


def _rows(rows: int | None, state: str) -> str:
    if rows is None:
        return "endless" if state == "generated" else "not counted"
    return f"{rows:,} samples"


_LISTS: dict[str, Callable[[Values], list[Choice]]] = {
    "splits": _splits,
    "parts": _parts,
    "templates": _templates,
    "models": _models,
    "adapters": _adapters,
    "recipes": _recipes,
    "configs": _configs,
    "sessions": _sessions,
    "answers": _answers,
    "controls": _controls,
    "formats": _formats,
}
