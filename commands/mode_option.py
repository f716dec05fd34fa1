"""The option `--mode` (how to read a dataset of the hub), shared by all commands that open one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource


def mode_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--mode` to a command; what is typed is remembered for the datasets that it opens."""
    return click.option(
        "--mode",
        type=click.Choice(["auto", "streamed", "cached"]),
        expose_value=False,
        callback=_wish,
        help="How to read a dataset of the hub; remembered for that dataset.",
    )(command)


def _wish(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    # A mode of the settings is only a default, which what is remembered goes before.
    typed = ctx.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE
    from workbench.data.hub.state import wish_mode

    wish_mode(value if typed else None)
    ctx.meta[str(param.name)] = value  # for a command that starts itself again as a job
