"""`wb train --list`, `--schema` and `--init`: list the configs of `wb`, and write one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from commands.printing import echo_json, echo_table

SCHEMA_NAME = "train.schema.json"


def show_list(as_json: bool) -> None:
    """Print the shipped configs."""
    from training.config_file import shipped
    from workbench.text import clean

    configs = [(config, config.to_json()) for config in shipped()]
    if as_json:
        echo_json([facts for _, facts in configs])
        return
    rows = [(c.name, clean(str(facts["model"])), clean(c.about)) for c, facts in configs]
    echo_table(("NAME", "MODEL", "WHAT IT IS"), rows)


def show_schema() -> None:
    """Print the JSON schema of a config."""
    from training.train_config import TrainConfig

    click.echo(_schema_text(TrainConfig))


def write_config(name: str, to: str | None, as_json: bool) -> None:
    """Write a shipped config with every key and its comment, and the schema beside it.

    Raises:
        UsageError: No such config, or a file is there already.
    """
    from sessions.atomic import atomic_write
    from training.config_docs import commented, model_of
    from training.config_file import get_shipped, header, load_values
    from workbench.errors import UsageError
    from workbench.text import clean

    config = get_shipped(name)
    values = load_values(config.path)
    path = Path(to or f"{config.name}.yaml")
    if path.exists():
        raise UsageError(f"{path} is there already", hint="name another file: --init NAME FILE")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path} lies in no existing folder", hint="make it first")
    # The keys of two tasks differ, and so do the schemas beside them.
    named = f"{task}.schema.json" if (task := values.get("task")) else SCHEMA_NAME
    schema = path.parent / named
    if schema.exists() and '"wb train"' not in schema.read_text("utf-8", errors="replace"):
        raise UsageError(f"{schema} is there already, and no schema of wb train")
    line = f"# yaml-language-server: $schema=./{named}\n"
    text = line + commented(values, header(config.path))
    try:
        atomic_write(schema, _schema_text(model_of(values)) + "\n")
        atomic_write(path, text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    if as_json:
        echo_json({"config": str(path), "schema": str(schema)})
        return
    click.echo(clean(str(path)))
    click.echo(f"look at it with: wb train {clean(str(path))} --dry-run", err=True)


def _schema_text(model: Any) -> str:
    from training.config_docs import schema

    return json.dumps(schema(model), indent=2, ensure_ascii=False)
