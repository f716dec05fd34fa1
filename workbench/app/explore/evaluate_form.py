"""The form that starts an evaluation: its `wb run-eval` line, to be edited.

Guarantee: the command itself parses the line before it is taken, in a worker; a line that it would
refuse stays in the form, with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.widgets import Input

from sessions.errors import WbError
from workbench.app.jobs.command_line import check_words, split_line
from workbench.app.widgets.picker import LineForm

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken


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

    def _parse(self, line: str) -> None:
        bench = cast("WbApp", self.app)

        def work(token: CancelToken) -> None:
            problem = check_words(split_line(line)).words
            if not token.cancelled:
                bench.call_soon(self._parsed, line, problem)

        bench.tasks.run("check", work)

    def _parsed(self, line: str, problem: str) -> None:
        if not self.is_running:
            return
        if line != self.query_one(Input).value:
            self.say("")  # it was edited meanwhile: Enter checks it anew
        elif problem:
            self.say(problem)
        else:
            self.dismiss([line])
