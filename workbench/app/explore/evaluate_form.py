"""The form that starts an evaluation: its `wb run-eval` line, to be edited."""

from __future__ import annotations

import shlex

from workbench.app.widgets.picker import LineForm


class EvaluateForm(LineForm):
    """The `wb run-eval …` line, to edit; returns it."""

    def check(self, values: list[str]) -> str:
        """It must be a line that can be started."""
        try:
            argv = shlex.split(values[0])
        except ValueError as error:
            return f"the line cannot be read: {error}"
        if argv[:2] != ["wb", "run-eval"]:
            return "the line begins with `wb run-eval`"
        return ""
