"""The prompt in an editor of the user's own: F4 hands it the text and takes back what was saved.

Guarantee: the bench lends the editor its terminal and waits; a text that was not saved, an editor
that fails, and a line end that editors put at the end of each file change nothing.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from workbench.app.explore.controller import Controller
from workbench.errors import UsageError
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp

_UNSET = "no editor is set: export VISUAL or EDITOR, such as EDITOR=nano, before you start wb"


class OwnEditor(Controller):
    """F4."""

    def edit(self) -> None:
        """Edit the prompt, or the system turn where that has the focus."""
        if not self.view.built:
            return
        from workbench.app.explore.filled import FilledInput, PromptText  # after the first frame

        focused, panel = self.widgets.screen.focused, self.widgets.panel
        field = focused if isinstance(focused, FilledInput) else panel.query_one(PromptText)
        before = field.exact
        try:
            after = edited(before, lambda argv: run_in_terminal(self.bench, argv))
        except UsageError as error:
            self.bench.notify(clean(error.message), severity="warning", timeout=8, markup=False)
            return
        if after == before:
            self.bench.notify("the text is as it was", timeout=2)
            return
        if isinstance(field, FilledInput):
            field.value = after
        else:
            field.replace(after, (0, 0), field.document.end)  # as a paste: undo takes it back
        field.focus()


def edited(text: str, run: Callable[[list[str]], int]) -> str:
    """A text as the user's editor leaves it.

    Args:
        text: What is edited.
        run: Runs the editor and returns its exit status.

    Raises:
        UsageError: No editor is set, it cannot be started, or it ended with an error.
    """
    name = "VISUAL" if os.environ.get("VISUAL") else "EDITOR"
    try:
        argv = shlex.split(os.environ.get(name) or "")
    except ValueError as error:
        raise UsageError(f"{name} is no command: {error}") from None
    if not argv:
        raise UsageError(_UNSET)
    with tempfile.TemporaryDirectory(prefix="wb-") as folder:
        path = Path(folder) / "prompt.txt"
        before = text.encode("utf-8", "surrogatepass")
        path.write_bytes(before)
        try:
            status = run([*argv, str(path)])
            after = path.read_bytes()
        except OSError as error:
            raise UsageError(f"{name}={argv[0]} cannot be used: {error.strerror}") from None
    if status:
        raise UsageError(f"{argv[0]} ended with status {status}: the text is as it was")
    if after in (before, before + b"\n"):
        return text
    said = after.decode("utf-8", "replace").replace("\r\n", "\n")
    return said if text.endswith("\n") else said.removesuffix("\n")


def run_in_terminal(bench: WbApp, argv: list[str]) -> int:
    """Lend the terminal to a program until it ends; returns its exit status.

    Raises `UsageError` where the terminal cannot be lent, `OSError` where there is no such program.
    """
    terminal = bench.terminal
    out = terminal.writer.fileno() if terminal is not None else None
    try:
        with bench.suspend(), _no_interrupt():
            return subprocess.run(argv, stdout=out, stderr=out, check=False).returncode
    except SuspendNotSupported:
        raise UsageError("this terminal cannot be lent to an editor") from None


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Ctrl+C is the program's while it has the terminal; an ignored signal would be its too."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
