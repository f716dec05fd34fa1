"""Explore's earlier prompts: what the user wrote before, in any session, back in the prompt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import TextWanted
from workbench.app.widgets.choice import Choice
from workbench.times import ago

if TYPE_CHECKING:
    from sessions.asked_before import OwnPrompt
    from workbench.app.tasks import CancelToken


class AskedBefore(Controller):
    """A list of prompts, to be narrowed by typing."""

    def choose(self) -> None:
        """Offer them; they are looked for in a worker."""
        if not self.view.built:
            return
        from workbench.app.widgets.picker import Picker

        def find(token: CancelToken) -> list[Choice]:
            from sessions.asked_before import own_prompts

            now = time.time()
            return [Choice(p.text, _about(p, now), p) for p in own_prompts(cancelled=token)]

        def take(chosen: OwnPrompt | None) -> None:
            if chosen is not None:
                self.post(TextWanted(chosen.text, chosen.system))

        empty = "no prompt of your own yet: what you type in the prompt is kept once it is asked"
        self.bench.push_screen(Picker("Earlier prompts", find=find, empty=empty), take)


def _about(prompt: OwnPrompt, now: float) -> str:
    when = ago(prompt.ts, now)
    parts = [when if when in ("now", "–") else f"{when} ago", prompt.model]
    parts += [f"system: {prompt.system}"] if prompt.system else []
    return " · ".join(part for part in parts if part)
