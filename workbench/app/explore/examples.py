"""Explore's examples: those that will be shown stand under their field before anything is asked.

Guarantee: drawn in a lane of their own, by the same code as when the question is asked; what
cannot be had says why in the same place, and nothing is asked by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.app.explore.controller import Controller

if TYPE_CHECKING:
    from workbench.app.tasks import CancelToken
    from workbench.prompts.shots import ShotWish
    from workbench.sample import Sample

_DEBOUNCE_S = 0.2  # while a number or a tag is being typed nothing is drawn


class ExamplesPreview(Controller):
    """The examples of the next question."""

    def show(self) -> None:
        """Draw the examples that the next question would show, and name them."""
        panel, sample, source = self.widgets.panel, self.view.sample, self.view.source
        wish = panel.wish
        if not wish or sample is None or source is None or panel.free:
            self.bench.tasks.cancel("shots")
            panel.say_shots("examples go with a template only" if wish and panel.free else "")
            return
        panel.say_shots("drawing examples…")

        def work(token: CancelToken) -> None:
            from workbench.prompts.shots import choose_shots

            if token.wait(_DEBOUNCE_S):
                return
            try:
                shots = choose_shots(wish, source, sample.uid).shots
            except WbError as error:
                words = f"{error.message} · {error.hint}" if error.hint else error.message
                self.bench.call_soon(self._refused, token, words)
                return
            self.bench.call_soon(self._drawn, token, wish, shots)

        self.bench.tasks.run("shots", work)

    def _drawn(self, token: CancelToken, wish: ShotWish, shots: tuple[Sample, ...]) -> None:
        if not token.cancelled and wish == self.widgets.panel.wish:
            self.widgets.panel.say_shots(*(f"{shot.uid} {shot.label}" for shot in shots))

    def _refused(self, token: CancelToken, words: str) -> None:
        if not token.cancelled:
            self.widgets.panel.say_shots(words, bad=True)
