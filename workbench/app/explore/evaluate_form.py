"""The form that starts an evaluation: its `wb run-eval` line, to be edited.

Guarantee: the command itself parses the line before it is taken, in a worker; a line that it would
refuse stays in the form, with the reason.
"""

from __future__ import annotations

from textual import on, work
from textual.message import Message
from textual.widgets import Input
from textual.worker import get_current_worker

from sessions.errors import WbError
from workbench.app.jobs.command_line import check_words, split_line
from workbench.app.widgets.picker import LineForm


class Parsed(Message):
    """The command has parsed the line."""

    def __init__(self, line: str, problem: str) -> None:
        super().__init__()
        self.line, self.problem = line, problem


class EvaluateForm(LineForm):
    """The `wb run-eval …` line, to edit; returns it."""

    def check(self, values: list[str]) -> str:
        """It must be one `wb run-eval` command."""
        try:
            argv = split_line(values[0])
        except WbError as error:
            return error.message + (f" ({error.hint})" if error.hint else "")
        if argv[:1] != ["run-eval"]:
            return "the line begins with `wb run-eval`"
        return ""

    def accept(self, values: list[str]) -> None:
        """Have the command parse it first."""
        self.say("checking…")
        self._parse(values[0])

    @work(thread=True, group="check", exclusive=True, exit_on_error=False)
    def _parse(self, line: str) -> None:
        worker = get_current_worker()
        problem = check_words(split_line(line))
        if not worker.is_cancelled:
            self.post_message(Parsed(line, problem))

    @on(Parsed)
    def _parsed(self, event: Parsed) -> None:
        if event.line != self.query_one(Input).value:
            self.say("")  # it was edited meanwhile: Enter checks it anew
        elif event.problem:
            self.say(event.problem)
        else:
            self.dismiss([event.line])
