"""Explore's earlier prompts: what the user wrote before, in any session, back in the prompt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import TextWanted
from workbench.app.lists.draw import ago
from workbench.app.widgets.choice import Choice

if TYPE_CHECKING:
    from sessions.asked_before import OwnPrompt
    from workbench.app.tasks import CancelToken


class AskedBefore(Controller):
    """A list of prompts, to be narrowed by typing."""

    def choose(self) -> None:
        """Look for them in a worker, then offer them."""
        if not self.view.built:
            return

        def work(token: CancelToken) -> None:
            from sessions.asked_before import own_prompts

            found = list(own_prompts(cancelled=token))
            if not token.cancelled:
                self.bench.call_soon(self._offer, found)

        self.bench.tasks.run("choices", work)

    def _offer(self, found: list[OwnPrompt]) -> None:
        from workbench.app.widgets.picker import Picker

        if not found:
            said = "no prompt of your own yet: what you type in the prompt is kept once it is asked"
            self.bench.notify(said, timeout=4)
            return
        now = time.time()
        choices = [Choice(one.text, _about(one, now), one) for one in found]

        def take(chosen: OwnPrompt | None) -> None:
            if chosen is not None:
                self.post(TextWanted(chosen.text, chosen.system))

        self.bench.push_screen(Picker("Earlier prompts", choices), take)


def _about(prompt: OwnPrompt, now: float) -> str:
    when = ago(prompt.ts, now)
    parts = [when if when in ("now", "–") else f"{when} ago", prompt.model]
    parts += [f"system: {prompt.system}"] if prompt.system else []
    return " · ".join(part for part in parts if part)
