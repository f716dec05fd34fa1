"""The option `--limit` of the lists of sessions, jobs and runs, which show the newest first."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import click


def limit_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--limit`, how many of the newest are listed; 0 lists all."""
    return click.option(
        "--limit",
        type=click.IntRange(min=0),
        default=50,
        show_default=True,
        help="How many; 0 for all.",
    )(command)


def tell_left_out(what: str, count: int, command: str, **filters: str | None) -> None:
    """Say on stderr how many a limit left out of a list, and the command that lists all.

    Args:
        what: One of them: `session`.
        count: How many are left out; nothing is said of none.
        command: The command of the list, without options: `wb runs list`.
        **filters: Options that narrow the list, by their name without dashes; `None` for one that
            was not typed. The command that is shown repeats them.
    """
    from workbench.text import clean, counted

    if count <= 0:
        return
    typed = [word for name, value in filters.items() if value for word in (f"--{name}", value)]
    line = clean(shlex.join([*command.split(), *typed, "--limit", "0"]), newlines=False)
    click.echo(f"{counted(count, f'older {what}')} left out; all: {line}", err=True)
