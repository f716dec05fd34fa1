"""Check whether a `wb …` line is valid, without running it.

`python -P -m commands.parse_only run-eval --dataset demo …` prints what is wrong, if anything.
Guarantee: parses with the commands themselves, so that it cannot disagree with them; runs none.
The config of a training is read too: its faults are known before there is a job. Not for values
that only the work can judge (a dataset that does not exist, a damaged file).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from sessions.errors import WbError


def problem_of(argv: Sequence[str]) -> str:
    """What is wrong with the words after `wb`, empty where nothing is."""
    from commands.main import cli

    try:
        return _parse(cli, "wb", list(argv), None)
    except click.exceptions.NoArgsIsHelpError as error:
        path = error.ctx.command_path if error.ctx else "wb"
        return f"a command is missing after {path}"
    except click.exceptions.Exit:
        return "this only prints: there is nothing to do as a job"
    except click.ClickException as error:
        return error.format_message()
    except WbError as error:
        return error.message


def _parse(command: click.Command, name: str, argv: list[str], parent: click.Context | None) -> str:
    context = command.make_context(name, argv, parent=parent)
    if not isinstance(command, click.Group):
        return ""
    # What the group itself did not take: its command, and the words of that.
    rest = [*context._protected_args, *context.args]
    if not rest:
        return f"a command is missing after {context.command_path}"
    found, sub, words = command.resolve_command(context, rest)
    return _parse(sub, found or "", words, context) if sub is not None else ""


def problem_of_config(argv: Sequence[str]) -> str:
    """What is wrong with the config that `train …` names, empty where nothing is."""
    from commands.train import command, settings_of

    if argv[0] != "train":
        return ""
    given = command.make_context("train", list(argv[1:])).params
    if given["listed"] or given["schema"] or given["init"]:
        return "this only prints: there is nothing to do as a job"
    try:
        settings_of(given["config"], given["resume"], given["changes"])
    except WbError as error:
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return ""


if __name__ == "__main__":
    wrong = problem_of(sys.argv[1:]) or problem_of_config(sys.argv[1:])
    click.echo(wrong)
    sys.exit(2 if wrong else 0)
