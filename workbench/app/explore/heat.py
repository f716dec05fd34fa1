"""Explore's heat: where in the image the token under the cursor comes from.

Guarantee: computed by the engine in a lane of its own, kept per prompt, answer and token, so that
moving back costs nothing; Esc stops waiting; a failure is shown and the answer stays.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.app.explore.asked import Asked
from workbench.app.explore.controller import Controller, Shared
from workbench.app.explore.messages import HeatTakenOff
from workbench.app.explore.token_name import token_name
from workbench.app.widgets.frames import HeatLook
from workbench.errors import Cancelled

if TYPE_CHECKING:
    from workbench.app.tasks import CancelToken
    from workbench.sample import Answer

_KEEP = 256
_OPACITY_STEP = 0.1
_DEBOUNCE_S = 0.08


class HeatOverlay(Controller):
    """What lies over the image."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self.laid: dict[str, Any] | None = None
        self._heats: OrderedDict[tuple[Any, ...], dict[str, Any]] = OrderedDict()

    def toggle(self) -> None:
        """Lay heat over the image, or take it off."""
        view, panel = self.view, self.widgets.answer
        if self.cancel():
            return
        if view.asking is not None and view.asking == view.uid:
            view.heat = True  # laid as soon as the answer stands: see `answer_ready`
            self.widgets.image.wait("heat follows the answer")
            return
        if view.asked is None or panel.answer is None or not panel.tokens:
            self._refuse("nothing to explain yet: Enter asks")
        elif view.sample is not None and not view.sample.images:
            self._refuse("this sample has no image")
        else:
            view.heat = True
            self._want()

    def _refuse(self, why: str) -> None:
        self.bench.notify(why, severity="warning", timeout=3)

    def take_off(self) -> None:
        """The heat of the answer before goes."""
        self.bench.tasks.cancel("heat")
        self.laid = None
        self.widgets.image.wait()
        self.widgets.image.show_heat(None)
        self.widgets.heat_bar.show(None, self.widgets.image.look)
        self.post(HeatTakenOff())

    def forget(self) -> None:
        """Another sample is in view, whose image the widget has without heat."""
        self.laid, self.view.heat = None, False
        self.bench.tasks.cancel("heat")
        self.widgets.image.wait()
        self.widgets.heat_bar.show(None, self.widgets.image.look)

    def cancel(self) -> bool:
        """Stop waiting for heat, or take it off; whether there was any."""
        was, self.view.heat = self.view.heat, False
        if was:
            self.take_off()
        return was

    def cancel_wait(self) -> bool:
        """Stop waiting for heat; whether it was being computed."""
        return self.bench.tasks.busy("heat") and self.cancel()

    def follow(self) -> None:
        """To the token under the cursor, where heat is switched on."""
        if self.view.heat:
            self._want()

    def answer_ready(self) -> None:
        """To the new answer, where that has a token."""
        if self.widgets.answer.tokens:
            self.follow()
        else:
            self.cancel()

    def _want(self) -> None:
        """Show the heat of the token under the cursor, from memory or from the engine."""
        panel = self.widgets.answer
        asked, answer, token = self.view.asked, panel.answer, panel.cursor
        if asked is None or answer is None or token < 0:
            return
        key = heat_key(asked, answer.text, token)
        known = self._heats.get(key)
        if known is not None:
            self._heats.move_to_end(key)
            self.bench.tasks.cancel("heat")
            self._lay(asked.uid, token, known)
            return
        waiting = f"heat for ‹{token_name(answer.tokens[token].text)}›"
        self.widgets.image.wait(waiting)
        self.widgets.heat_bar.show(None, self.widgets.image.look, waiting=waiting)

        def work(cancel: CancelToken) -> None:
            if cancel.wait(_DEBOUNCE_S):
                return
            try:
                found = self._explain(cancel, asked, answer, token)
            except Cancelled:
                return
            except Exception as error:
                if not cancel.cancelled:
                    self.bench.call_soon(self._no_heat, error)
                return
            self.bench.call_soon(self._computed, cancel, key, asked, token, found)

        self.bench.tasks.run("heat", work)

    def _explain(
        self, cancel: CancelToken, asked: Asked, answer: Answer, token: int
    ) -> dict[str, Any]:
        """In the lane: ask the engine, and put it on record."""
        from sessions.session_log import current_session
        from workbench.playground.explain import Explained, explain

        service = self.bench.engine()
        engine = service.client([asked.spec])
        service.working("explaining")
        try:
            return explain(
                engine,
                Explained(asked.question, answer, token, prompt_id=asked.prompt_id),
                log=current_session(),
                cancelled=cancel,
                on_progress=service.progress,
                on_problem=self._not_recorded,
            )
        finally:
            service.refresh()

    def _not_recorded(self, error: WbError) -> None:
        self.bench.call_soon(
            self.bench.notify,
            error.message,
            severity="warning",
            markup=False,
            title="not recorded",
        )

    def _computed(
        self,
        cancel: CancelToken,
        key: tuple[Any, ...],
        asked: Asked,
        token: int,
        found: dict[str, Any],
    ) -> None:
        self._heats[key] = found
        while len(self._heats) > _KEEP:
            self._heats.popitem(last=False)
        if not cancel.cancelled:
            self._lay(asked.uid, token, found)

    def _lay(self, uid: str, token: int, found: dict[str, Any]) -> None:
        """On the event loop: put the maps over the images."""
        view, image = self.view, self.widgets.image
        if uid != view.uid or token != self.widgets.answer.cursor or not view.heat:
            return
        import numpy as np

        self.laid = found
        image.wait()
        maps = [np.asarray(i["heat"], np.float32).reshape(i["grid"]) for i in found["images"]]
        count = len(view.sample.images) if view.sample else 0
        # The prompt's last images are the sample's own: examples stand before them.
        image.show_heat(maps[-count:] if count else maps)
        self.widgets.heat_bar.show(found, image.look)

    def _no_heat(self, error: Exception) -> None:
        self.view.heat = False
        self.take_off()
        self.bench.fail(error, "no heat")

    # -- how it is painted -----------------------------------------------------------------

    def opacity(self, by: int) -> None:
        """Paint the heat stronger or weaker."""
        look = self.widgets.image.look
        opacity = round(min(1.0, max(0.0, look.opacity + by * _OPACITY_STEP)), 2)
        self._set_look(replace(look, opacity=opacity))

    def colormap(self) -> None:
        """The next colour map."""
        from workbench.explain.colormaps import COLORMAPS

        look = self.widgets.image.look
        at = COLORMAPS.index(look.colormap) if look.colormap in COLORMAPS else -1
        self._set_look(replace(look, colormap=COLORMAPS[(at + 1) % len(COLORMAPS)]))

    def fade(self) -> None:
        """Let the image through where it is cold, or paint all of it."""
        look = self.widgets.image.look
        self._set_look(replace(look, fade=not look.fade))

    def _set_look(self, look: HeatLook) -> None:
        self.widgets.image.set_look(look)
        if self.laid is not None:
            self.widgets.heat_bar.show(self.laid, look)
        else:
            how = "faded where cold" if look.fade else "even"
            said = f"heat: {look.opacity:.0%} {look.colormap}, {how}"
            self.bench.notify(said, timeout=2, markup=False)


def heat_key(asked: Asked, answer: str, token: int) -> tuple[Any, ...]:
    """What heat depends on: the prompt, the model, the answer, the token."""
    import hashlib

    digest = hashlib.sha256()
    for message in asked.messages:
        digest.update(message.role.encode() + b"\0")
        for part in message.parts:
            if isinstance(part, str):
                digest.update(b"t" + part.encode("utf-8", "surrogatepass"))
            else:
                digest.update(f"i{part.name}{part.path}{part.url}{hash(part.data)}".encode())
    return asked.uid, asked.spec, digest.hexdigest(), answer, token
