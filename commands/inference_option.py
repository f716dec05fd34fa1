"""`--config NAME`: what an inference config says, as the defaults of a command's other options.

Guarantee: a flag that was typed goes before the config, and the config before the settings; what
was taken, and what this command has no use for, is told on stderr.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

# What a config says of these goes where the user typed one of the others: it was said of that one.
_BELONGS = {
    "split": ("dataset",),
    "adapter": ("model",),
    "revision": ("model",),
    "shots": ("shot_uids", "shots_tag"),
    "shots_from": ("shot_uids", "shots_tag"),
    "shots_right_in": ("shot_uids", "shots_tag"),
}


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    from sessions.errors import WbError
    from workbench.evaluation.inference_config import inference_configs, load_inference_config

    found = []
    for name in inference_configs():
        try:
            about = load_inference_config(name).description
        except WbError:
            continue
        found += [CompletionItem(name, help=about)] if name.startswith(incomplete) else []
    return found


def _take(ctx: click.Context, _param: click.Parameter, name: str) -> str:
    """Make what the config says the defaults of the options that are read after this one."""
    if not name or ctx.resilient_parsing:
        return name
    from workbench.evaluation.inference_config import load_inference_config

    config = load_inference_config(name)
    own = {str(param.name) for param in ctx.command.params}
    ctx.default_map = {
        **(ctx.default_map or {}),
        **{key: _default(ctx, key, value) for key, value in config.values.items() if key in own},
    }
    return config.name


def _default(ctx: click.Context, key: str, value: Any) -> Callable[[], Any]:
    """Asked by click once what was typed has been read."""
    plain = next(param.default for param in ctx.command.params if param.name == key)

    def read() -> Any:
        if not _falls(ctx, key):
            return value
        return plain if isinstance(plain, (str, int)) else None

    return read


def _falls(ctx: click.Context, key: str) -> bool:
    """Whether what was typed leaves nothing of what the config says of an option."""
    typed = click.core.ParameterSource.COMMANDLINE
    if any(ctx.get_parameter_source(other) is typed for other in _BELONGS.get(key, ())):
        return True
    # `--shots 0`: nothing is drawn, from nowhere.
    return key in ("shots_from", "shots_right_in") and not ctx.params.get("shots")


def tell_taken(ctx: click.Context, name: str) -> None:
    """Say on stderr what of the config holds, and what of it this command does not do."""
    from workbench.evaluation.inference_config import load_inference_config
    from workbench.text import clean

    if not name:
        return
    values = load_inference_config(name).values
    source = click.core.ParameterSource.DEFAULT_MAP
    taken = [k for k in values if ctx.get_parameter_source(k) is source and not _falls(ctx, k)]
    said = [_words(key, values) for key in taken]
    words = ", ".join(said) or "nothing, as flags say all of it"
    click.echo(clean(f"taken from {name}: {words}", newlines=False), err=True)
    own = {str(param.name) for param in ctx.command.params}
    if other := [key for key in values if key not in own]:
        words = f"not for wb {ctx.info_name}: {', '.join(other)}"
        click.echo(clean(words, newlines=False), err=True)


def _words(key: str, values: Mapping[str, Any]) -> str:
    """A setting in words; of examples what they are counted by, as the help of `--shots` says."""
    of = " per label (in all for open answers)" if key == "shots" and values[key] else ""
    return f"{key} {values[key]}{of}"


def show_configs(as_json: bool) -> None:
    """Print the configs that can be named; one that cannot be read is told on stderr."""
    from commands.printing import echo_json, echo_table
    from sessions.errors import WbError
    from workbench.evaluation.inference_config import inference_configs, load_inference_config
    from workbench.text import clean

    found = []
    for name in inference_configs():
        try:
            found.append(load_inference_config(name))
        except WbError as error:
            click.echo(f"warning: {clean(error.message, newlines=False)}", err=True)
    if as_json:
        echo_json([config.to_json() for config in found])
        return
    rows = []
    for config in found:
        place = "/".join(str(config.values[k]) for k in ("dataset", "split") if k in config.values)
        rows.append((config.name, place, config.values.get("model", ""), config.description))
    echo_table(("NAME", "DATA", "MODEL", "WHAT IT IS"), rows)


inference_option = click.option(
    "--config",
    "inference_config",
    default="",
    is_eager=True,
    callback=_take,
    shell_complete=_complete,
    metavar="NAME",
    help="A recipe by name (wb run-eval --list), or a TOML file; flags go before it.",
)
