"""What the run beside the list recorded of the sample in view, in the answer's place.

Guarantee: it is never taken for an answer to the prompt in the panel. The title says whose it is,
the text by which template it was asked, and there is nothing in it to explain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.explore.asked import verdict_words
from workbench.app.explore.controller import Controller, Shared
from workbench.times import duration

if TYPE_CHECKING:
    from workbench.reports.prediction import Prediction

NOT_ASKED = "Enter asks"


class RunAnswer(Controller):
    """The run's answer in view, where nothing was asked here."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._free = True  # nothing was asked or recalled on this sample
        self._shown: tuple[str, str, Prediction | None] | None = None

    def follow(self) -> None:
        """Another sample is in view: show what the run recorded of it."""
        self._free, self._shown = True, None
        self.run_changed()

    def run_changed(self) -> None:
        """Another run stands beside the list, or the same has more lines."""
        view = self.view
        if view.built and self._free and view.sample is not None:
            line = view.run.lines.get(view.sample.uid)
            wanted = (view.sample.uid, view.run.run_id, line)
            if wanted != self._shown:
                self._shown, view.recorded = wanted, line
                self._show(line)

    def give_way(self) -> None:
        """Another answer comes into view."""
        self._free, self._shown, self.view.recorded = False, None, None

    def recall(self) -> None:
        """Put it back into view."""
        self._free = True
        self.run_changed()

    def _show(self, line: Prediction | None) -> None:
        from workbench.sample import Answer

        panel = self.widgets.answer
        if line is None:
            panel.clear(NOT_ASKED)
            return
        template = self.view.run.template
        panel.finish(
            Answer(line.text, finish_reason="length" if line.truncated else "stop"),
            verdict=verdict_words(line.verdict, line.label, line.target, placed=line.placed),
            failure=line.error,
            note=(f"by {template} · " if template else "") + f"{NOT_ASKED} anew",
            source=" · ".join([self.view.run.title, *_facts(line)]),
        )


def _facts(line: Prediction) -> list[str]:
    """What the run recorded of how it was answered."""
    facts = [] if line.tokens is None else [f"{line.tokens} tok"]
    facts += [duration(line.seconds)] if line.seconds > 0 else []
    return [*facts, "length"] if line.truncated else facts
