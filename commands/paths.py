"""Files that a command line names: one rule for all commands, held before any work is done.

A file to read must exist, and a file to write must lie in an existing folder. Otherwise the line
is wrong usage, with exit code 2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from sessions.plain_files import is_plain, is_there


class _File(click.ParamType):
    """A file by its path, completed by the shell."""

    name = "file"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Leave files to the shell."""
        return [CompletionItem(incomplete, type="file")]


class ReadFile(_File):
    """An existing file. Raises `UnknownName` for a path that names none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, unchanged."""
        path = Path(value)
        if not is_plain(path):
            from workbench.errors import UnknownName

            what = "is no plain file" if is_there(path) else "does not exist"
            raise UnknownName(f"{_typed(value, param)} {what}", hint="check the path")
        return path


class WriteFile(_File):
    """A file to write. Raises `UsageError` for a folder, and where its folder does not exist."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, unchanged."""
        from workbench.errors import UsageError

        path = Path(value)
        try:
            is_folder, has_folder = path.is_dir(), path.absolute().parent.is_dir()
        except (OSError, ValueError):  # too long, or a NUL in it
            is_folder, has_folder = False, False
        if is_folder:
            raise UsageError(f"{_typed(value, param)} is a folder", hint="name a file to write")
        if not has_folder:
            raise UsageError(
                f"{_typed(value, param)}: there is no such folder", hint="make it first"
            )
        return path


def _typed(value: Any, param: click.Parameter | None) -> str:
    """The option and its value, as they were typed."""
    flag = f"{param.opts[0]} " if isinstance(param, click.Option) else ""
    return f"{flag}{str(value)!r}"
