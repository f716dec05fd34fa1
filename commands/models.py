"""`wb models`: list models and adapters, and show what is known of one."""

from __future__ import annotations

import click

from commands.groups import Group
from commands.models_compose import compose
from commands.models_load import load
from commands.models_merge import merge

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(cls=Group)
def command() -> None:
    """List models and adapters, and what each supports.

    \b
    Example:
      wb models list
      wb models show demo
      wb models compose --vision microsoft/resnet-50 --language microsoft/phi-2 --out my-model
    """


@command.command("list")
@click.option("--adapters", is_flag=True, help="List the adapters of training runs instead.")
@_json
def list_(adapters: bool, as_json: bool) -> None:
    """List the demo model and those in the hub's cache; a folder works as a model too.

    \b
    Example:
      wb models list --json
      wb models list --adapters
    """
    from commands.printing import echo_json, echo_table
    from workbench.models.catalog import list_adapters, list_models

    if adapters:
        found = list_adapters()
        if as_json:
            echo_json([info.to_json() for info in found])
            return
        rows = [(i.kind, i.base, f"{i.bytes / 1e6:.1f} MB", i.name, i.problem) for i in found]
        headers = ["kind", "base", "size", "adapter", "problem"]
        echo_table(headers, rows, empty="no run has left an adapter")
        return
    models = list_models()
    if as_json:
        echo_json([info.to_json() for info in models])
        return
    rows = [
        (i.name, i.where, i.model_type, i.family, f"{i.bytes / 1e6:.1f} MB", i.problem)
        for i in models
    ]
    echo_table(["model", "where", "type", "family", "size", "problem"], rows)


@command.command()
@click.argument("name")
@_json
def show(name: str, as_json: bool) -> None:
    """Show what is known of a model or an adapter without loading it.

    \b
    Example:
      wb models show demo --json
    """
    from commands.printing import echo_json
    from workbench.models.catalog import describe_anything
    from workbench.text import clean

    facts = describe_anything(name)
    if as_json:
        echo_json(facts)
        return
    width = max(len(key) for key in facts)
    for key, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k}: {v}" for k, v in value.items()) or "none"
        click.echo(f"{key.replace('_', ' '):{width}}  {clean(value)}")


command.add_command(compose)
command.add_command(load)
command.add_command(merge)
