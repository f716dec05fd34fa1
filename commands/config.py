"""`wb config`: the settings, where each comes from, and how to change one."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from commands.groups import Group
from commands.printing import echo_json, echo_table

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    from workbench.config import KNOBS

    return [
        CompletionItem(name, help=knob.help)
        for name, knob in KNOBS.items()
        if name.startswith(incomplete)
    ]


_name = click.argument("name", shell_complete=_complete)


@click.group(cls=Group)
def command() -> None:
    """Show and change the settings.

    Settings come from $WB_HOME/config.toml, then from WB_* variables, then from flags; the later
    one wins.

    \b
    Example:
      wb config list
      wb config set images halfcell
      wb config set keymap.explore.prompt ctrl+o
      wb config keys
    """


@command.command("list")
@_json
def list_(as_json: bool) -> None:
    """List all settings with their values and where they come from.

    \b
    Example:
      wb config list
    """
    from workbench.config import KNOBS, load_settings, unknown_variables

    settings = load_settings(strict=False)
    values = settings.to_json()
    keymap = values.pop("keymap")
    source = settings.sources
    rows = [(name, values[name], source.get(name, "default")) for name in KNOBS]
    rows += [(f"keymap.{key}", keys, source["keymap"]) for key, keys in keymap.items()]
    if as_json:
        echo_json([{"name": name, "value": value, "source": where} for name, value, where in rows])
    else:
        echo_table(
            ("SETTING", "VALUE", "FROM", "MEANING"),
            [(n, _shown(v), w, KNOBS[n].help if n in KNOBS else "") for n, v, w in rows],
        )
    for problem in settings.problems:
        click.echo(f"ignored: {problem}", err=True)
    for variable in unknown_variables():
        click.echo(f"ignored: {variable} is no setting", err=True)


@command.command()
@_json
def keys(as_json: bool) -> None:
    """List the keys of the bench, each with the id by which you can change it.

    \b
    Example:
      wb config keys
      wb config set keymap.explore.bookmark f6
    """
    from workbench.app.keymap import bound_keys
    from workbench.config import load_settings

    own = load_settings(strict=False).keymap
    rows = [
        (k.id, own.get(k.id, ",".join(k.keys)), k.does, k.id in own) for k in bound_keys().values()
    ]
    if as_json:
        names = ("id", "keys", "does", "changed")
        echo_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        echo_table(
            ("ID", "KEYS", "DOES", ""),
            [(name, pressed, does, "yours" if mine else "") for name, pressed, does, mine in rows],
        )


@command.command()
@_name
@_json
def get(name: str, as_json: bool) -> None:
    """Print one setting.

    \b
    Example:
      wb config get model
    """
    from workbench.config import load_settings, unknown
    from workbench.errors import UnknownName

    settings = load_settings(strict=False)
    values = settings.to_json()
    values |= {f"keymap.{key}": keys for key, keys in values["keymap"].items()}
    if name not in values:
        raise UnknownName(unknown(name), hint="see: wb config list")
    if as_json:
        source = settings.sources.get(name.partition(".")[0], "default")
        echo_json({"name": name, "value": values[name], "source": source})
    else:
        click.echo(_shown(values[name]))


@command.command("set")
@_name
@click.argument("value")
def set_(name: str, value: str) -> None:
    """Write one setting into the settings file.

    \b
    Example:
      wb config set opacity 0.4
    """
    import os

    from workbench.config import set_setting, variable

    if name.startswith("keymap."):
        from workbench.app.keymap import check_binding
        from workbench.config import load_settings

        check_binding(name.partition(".")[2], value, load_settings(strict=False).keymap)
    set_setting(name, value)
    if os.environ.get(variable(name)):
        click.echo(f"note: {variable(name)} is set as well, and wins", err=True)


@command.command()
@_name
def unset(name: str) -> None:
    """Remove one setting from the settings file, so that the default applies again.

    \b
    Example:
      wb config unset images
    """
    from workbench.config import unset_setting

    if not unset_setting(name):
        click.echo(f"{name} is not set in the file", err=True)


@command.command()
def path() -> None:
    """Print where the settings file is, or would be.

    \b
    Example:
      $EDITOR "$(wb config path)"
    """
    from workbench.config_file import config_path

    click.echo(config_path())


@command.command()
def check() -> None:
    """Check all settings: exit with 0, or name everything that is wrong.

    \b
    Example:
      wb config check
    """
    from workbench.config import load_settings
    from workbench.errors import UsageError

    keymap = load_settings().keymap
    if keymap:
        from workbench.app.keymap import bound_keys, problems_of

        if problems := problems_of(keymap, bound_keys()):
            raise UsageError("; ".join(problems), hint="see: wb config keys", kind="bad_setting")
    click.echo("all settings are sound", err=True)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
