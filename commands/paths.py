"""Files and folders that a command line names: one rule for all commands, held before any work.

A file to read must exist; a file or folder to write must lie in an existing folder. Otherwise the
line is wrong usage, with exit code 2.
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


class WritePath(_File):
    """What a command writes. Raises `UsageError` where the folder that it is to lie in is gone."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, unchanged."""
        from workbench.errors import UsageError

        path = Path(value)
        if not _is_folder(path.absolute().parent):
            raise UsageError(
                f"{_typed(value, param)}: there is no such folder", hint="make it first"
            )
        return path


class WriteFile(WritePath):
    """A file to write. Raises `UsageError` for a folder too."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, unchanged."""
        from workbench.errors import UsageError

        if _is_folder(Path(value)):
            raise UsageError(f"{_typed(value, param)} is a folder", hint="name a file to write")
        return super().convert(value, param, ctx)


class WriteFolder(WritePath):
    """A folder to write, new or not. Raises `UsageError` for a file too."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, unchanged."""
        from workbench.errors import UsageError

        if is_there(Path(value)) and not _is_folder(Path(value)):
            raise UsageError(f"{_typed(value, param)} is a file", hint="name a folder to write")
        return super().convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Leave folders to the shell."""
        return [CompletionItem(incomplete, type="dir")]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long, or a NUL in it
        return False


def _typed(value: Any, param: click.Parameter | None) -> str:
    """The option and its value, as they were typed."""
    flag = f"{param.opts[0]} " if isinstance(param, click.Option) else ""
    return f"{flag}{str(value)!r}"
