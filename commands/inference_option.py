"""`--config NAME`: what an inference config says, as the defaults of a command's other options.

Guarantee: a flag that was typed goes before the config, and the config before the settings; what
was taken is told on stderr.
"""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem


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
        **{key: value for key, value in config.values.items() if key in own},
    }
    return config.name


def tell_taken(ctx: click.Context, name: str) -> None:
    """Say on stderr what of the config holds: all that no flag was typed for."""
    from workbench.evaluation.inference_config import load_inference_config
    from workbench.text import clean

    if not name:
        return
    source = click.core.ParameterSource.DEFAULT_MAP
    said = [
        f"{key} {value}"
        for key, value in load_inference_config(name).values.items()
        if ctx.get_parameter_source(key) is source
    ]
    words = ", ".join(said) or "nothing, as flags say all of it"
    click.echo(clean(f"taken from {name}: {words}", newlines=False), err=True)


inference_option = click.option(
    "--config",
    "inference_config",
    default="",
    is_eager=True,
    callback=_take,
    shell_complete=_complete,
    metavar="NAME",
    help="Model, template, decoding and columns by name, or a TOML file; flags go before it.",
)
