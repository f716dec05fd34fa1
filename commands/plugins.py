"""`wb plugins`: what other packages add to `wb`, and whether it can be used."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from commands.groups import Group

if TYPE_CHECKING:
    from workbench.plugins import Plugin


@click.group(cls=Group)
def command() -> None:
    """List what other packages add to wb.

    \b
    Example:
      wb plugins list
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_(as_json: bool) -> None:
    """The model families, readers of formats and metrics of installed packages.

    Each is imported, to tell whether it can be used. How to write one is in docs/plugins.md.

    \b
    Example:
      wb plugins list --json
    """
    from dataclasses import replace

    from commands.printing import echo_json, echo_table
    from workbench.plugins import list_plugins

    found = [replace(plugin, problem=_problem(plugin)) for plugin in list_plugins()]
    if as_json:
        echo_json([plugin.to_json() for plugin in found])
        return
    rows = [(p.kind, p.name, f"{p.package} {p.version}", p.problem) for p in found]
    echo_table(["kind", "name", "package", "problem"], rows, empty="no package adds anything")


def _problem(plugin: Plugin) -> str:
    """Why a plug-in is not used; empty where it is."""
    from workbench.errors import PluginError
    from workbench.models.families.registry import plugin_of
    from workbench.plugins import find_plugin, import_plugin

    if plugin.name in _own(plugin):
        return f"wb has a {plugin.kind} of that name, which goes before"
    try:
        if plugin.kind:
            find_plugin(plugin.kind, plugin.name)  # several packages may have that name
        if plugin.kind == "family":
            plugin_of(plugin.name)
        elif not callable(import_plugin(plugin)):
            return f"{plugin.value} is no function"
    except PluginError as error:
        return f"{error.message}; {error.hint}"
    return ""


def _own(plugin: Plugin) -> Collection[str]:
    """The names that `wb` has itself, of a plug-in's kind."""
    from workbench.data.readers.opening import FORMATS
    from workbench.evaluation.metrics.text.registry import METRICS
    from workbench.models.families.registry import FAMILIES

    own: dict[str, Collection[str]] = {"family": FAMILIES, "reader": FORMATS, "metric": METRICS}
    return own.get(plugin.kind, ())
