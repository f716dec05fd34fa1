"""Which template is asked where nobody names one: by the task, and by what the family takes.

Guarantee: torch-free; the one rule for commands, bench, notebook, evaluation and training. A model
whose kind cannot be told (a server's, one that is not here) is asked as any other; what is wrong
with its name is told where it is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.grounding.conventions import convention_of
from workbench.models.families.registry import family_name, may_have_template, templates_of
from workbench.models.locate import DEMO, local_folder, read_config
from workbench.models.remote_model import is_remote
from workbench.prompts.pool import default_for, default_template, shipped_template

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.models.spec import ModelSpec
    from workbench.prompts.template import Template
    from workbench.sample import Sample


def template_for(spec: ModelSpec, sample: Sample, *, fetch: bool = True) -> Template:
    """The template that a model is asked about a sample in.

    Args:
        spec: The model.
        sample: Its task decides, its labels, and the family.
        fetch: Whether a hub's model that is not here may have its config fetched.

    Raises:
        UnknownName: There is no such task.
    """
    return _own(spec, sample.task, fetch) or default_template(sample.task, sample)


def template_for_source(spec: ModelSpec, source: Source) -> Template:
    """The same for all samples of a source, told by the first of them that can be read."""
    return _own(spec, source.task, True) or default_for(source)


def caption_template(spec: ModelSpec) -> Template:
    """The template that a model is asked for a caption in, whatever the task of the data."""
    return _own(spec, "caption", True) or default_template("caption")


def family_of(spec: ModelSpec, *, fetch: bool = True) -> str:
    """Which family serves a model, empty where none does by name or nothing is known."""
    model_type = _model_type(spec, fetch)
    return family_name(model_type, default="") if model_type else ""


def model_config(spec: ModelSpec, *, fetch: bool = True) -> Mapping[str, Any]:
    """A model's config, the demo's too; empty where it cannot be read or nobody has it."""
    if spec.model != DEMO:
        return _config(spec, fetch)
    from workbench.demo.paths import MODEL_DIR

    return read_config(MODEL_DIR)


def _model_type(spec: ModelSpec, fetch: bool) -> str:
    return str(_config(spec, fetch).get("model_type") or "")


def _own(spec: ModelSpec, task: str, fetch: bool) -> Template | None:
    """The family's own template of a task, `None` where it has none."""
    if task == "grounding":
        model_type = str(model_config(spec, fetch=fetch).get("model_type") or "")
        return shipped_template(convention_of(model_type).template)
    if spec.model == DEMO or not may_have_template(task):
        return None
    name = templates_of(family_of(spec, fetch=fetch)).get(task)
    return shipped_template(name) if name else None


def _config(spec: ModelSpec, fetch: bool) -> Mapping[str, Any]:
    """A model's config, empty where it cannot be read."""
    if spec.model == DEMO or is_remote(spec.model):
        return {}
    try:
        path = local_folder(spec.model)
        return read_config(path) if path is not None else _hub_config(spec, fetch)
    except (WbError, OSError, ValueError):
        return {}


def _hub_config(spec: ModelSpec, fetch: bool) -> Mapping[str, Any]:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    from workbench.data.hub.environment import is_offline

    known = try_to_load_from_cache(spec.model, "config.json", revision=spec.revision)
    if not isinstance(known, str):
        if not fetch or is_offline():
            return {}
        known = hf_hub_download(spec.model, "config.json", revision=spec.revision)
    found = json.loads(Path(known).read_text(encoding="utf-8"))
    return found if isinstance(found, dict) else {}
