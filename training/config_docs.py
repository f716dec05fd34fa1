"""What is said of a config's keys, by the docstrings of its fields: docs, schema, commented files.

Guarantee: one place says what a key is; `python -m training.config_docs` prints
`docs/training-keys.md`, which a test holds to it. Not for reading a config.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from training.contrastive.config import ContrastiveConfig
from training.settings import ConfigGroup, group_of, takes
from training.train_config import TrainConfig

_HEAD = """\
# The keys of a training's config

`wb train CONFIG` reads a YAML file. `--set KEY=VALUE` changes a key (`lora.r=8`), `--schema`
prints all of this as a JSON schema, and `wb train --init NAME` writes a file with every key. How
they are meant together: [training.md](training.md). Beside them stands `base: other.yaml`
([there](training.md#the-config)).

| key | takes | default | meaning |
|---|---|---|---|
"""
_CONTRASTIVE = """
## Of a contrastive training

`task: contrastive` aligns an image encoder to a frozen text encoder: [two-stage.md](two-stage.md).

| key | takes | default | meaning |
|---|---|---|---|
"""

# Pydantic's words for bounds on a value that is made fit first -> JSON schema's.
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum", "le": "maximum"}


def keys(model: type[BaseModel] = TrainConfig, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key with its dots, in the order of the model; a group before its own keys."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", field
        if group := group_of(field):
            yield from keys(group, f"{prefix}{name}.")


def about(field: FieldInfo) -> str:
    """What a field's docstring says, on one line."""
    return " ".join((field.description or "").split())


def markdown() -> str:
    """`docs/training-keys.md`."""
    return _HEAD + _rows(TrainConfig) + _CONTRASTIVE + _rows(ContrastiveConfig)


def _rows(model: type[BaseModel]) -> str:
    rows = []
    for key, field in keys(model):
        default = "" if group_of(field) else _shown(field)
        rows.append(f"| `{key}` | {takes(field)} | {default} | {about(field)} |\n")
    return "".join(rows)


def model_of(values: Mapping[str, Any]) -> type[ConfigGroup]:
    """What describes the keys of a config, by its `task`."""
    return ContrastiveConfig if values.get("task") == "contrastive" else TrainConfig


def schema(model: type[BaseModel] = TrainConfig) -> dict[str, Any]:
    """The JSON schema of a config file, `base` included."""
    found = model.model_json_schema()
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = "wb train"
    base = "Another config, relative to this file, that this one is laid over."
    found["properties"] = {"base": {"type": "string", "description": base}} | found["properties"]
    # A file over a base need not say it.
    found.pop("required", None)
    for group in (found, *found.get("$defs", {}).values()):
        for name, facts in group["properties"].items():
            group["properties"][name] = {_BOUNDS.get(key, key): facts[key] for key in facts}
    return found


def commented(values: Mapping[str, Any], header: str = "") -> str:
    """A config file with every key: those given as they are, the others as comments.

    Args:
        values: The keys that are set.
        header: A comment to begin with, `#` and all.
    """
    lines = [*header.splitlines(), ""] if header else []
    lines += _commented(model_of(values), values, "")
    return "\n".join(lines) + "\n"


def _commented(
    model: type[ConfigGroup], values: Mapping[str, Any], indent: str, every: bool = False
) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield from (f"{indent}# {line}" for line in _wrapped(field, 98 - len(indent)))
        group, given = group_of(field), name in values
        if group is not None and given:
            yield f"{indent}{name}:"
            yield from _commented(group, values[name] or {}, f"{indent}  ")
        elif group is not None:
            yield f"{indent}# {name}:"
            # A group that is taken in as a whole has its usual values.
            yield from (f"{indent}# {line}" for line in _commented(group, {}, "  ", every=True))
        else:
            value = values[name] if given else _default(field)
            yield f"{indent}{'' if given or every else '# '}{name}: {_yaml(value)}"


def _wrapped(field: FieldInfo, width: int) -> list[str]:
    import textwrap

    text = about(field)
    what = takes(field)
    return textwrap.wrap(text if "one of" not in what else f"{text} ({what})", width)


def _yaml(value: Any) -> str:
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.strip().removesuffix("...").strip()


def _default(field: FieldInfo) -> Any:
    value = field.get_default(call_default_factory=True)
    return list(value) if isinstance(value, tuple) else value


def _shown(field: FieldInfo) -> str:
    if field.is_required():
        return "(needed)"
    value = _default(field)
    return "" if value in ("", [], {}) else f"`{_yaml(value)}`"


if __name__ == "__main__":
    sys.stdout.write(markdown())
