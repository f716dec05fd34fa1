"""The group of all commands, and the groups below it: an unknown command is answered by its name.

Imports click alone: `wb --help` shows no more than this.
"""

from __future__ import annotations

from collections.abc import Mapping

import click

# What is typed by habit of other tools -> the command here.
HABITS: Mapping[str, str] = {
    "ls": "list",
    "remove": "rm",
    "delete": "rm",
    "cat": "show",
    "view": "show",
    "describe": "info",
    "stop": "cancel",
    "kill": "cancel",
    "diff": "compare",
}


class Group(click.Group):
    """A group whose unknown commands are refused with those that may be meant."""

    habits: Mapping[str, str] = HABITS

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does. Raises `UsageError` that names the commands that may be meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            meant = self._meant_by(ctx, args[0])
            if not meant:
                raise
            said = " or ".join(f"{ctx.command_path} {name}" for name in meant)
            words = f"There is no {ctx.command_path} {args[0]}; did you mean {said}?"
            raise click.UsageError(words, ctx) from error

    def _meant_by(self, ctx: click.Context, word: str) -> list[str]:
        habit = self.habits.get(word.lower(), "")
        if habit and self.get_command(ctx, habit.partition(" ")[0]) is not None:
            return [habit]
        import difflib  # only a misspelt command pays for it

        return difflib.get_close_matches(word.lower(), self.list_commands(ctx), n=2)
