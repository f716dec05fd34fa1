"""Explore's heat: where in the image the token under the cursor comes from.

Guarantee: computed by the engine in a lane of its own, kept per prompt, answer and token, so that
moving back costs nothing; Esc stops waiting; a failure is shown and the answer stays.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.app.explore.asked import Asked
from workbench.app.explore.asker import PromptAsker
from workbench.app.widgets.frames import Look
from workbench.errors import Cancelled
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.explore.answer import AnswerPanel
    from workbench.app.tasks import Token

_KEEP = 256
_OPACITY_STEP = 0.1
_DEBOUNCE_S = 0.08


class HeatOverlay(PromptAsker):
    """What lies over the image."""

    def __init__(self) -> None:
        super().__init__()
        self.heat_on = False
        self.heat: dict[str, Any] | None = None
        self._heats: OrderedDict[tuple[Any, ...], dict[str, Any]] = OrderedDict()

    def action_heat(self) -> None:
        """Lay heat over the image, or take it off."""
        self.once_shown(self._toggle_heat)

    def _toggle_heat(self) -> None:
        if self.heat_on:
            self.heat_on = False
            self._take_off()
            return
        if self.asking and self.asking_uid == self.uid:
            self.heat_on = True  # laid as soon as the answer stands: see `answer_ready`
            self.image.wait("heat follows the answer")
            return
        if self.asked is None or self.answer.answer is None or not self.answer.tokens:
            self.notify("nothing to explain yet: Enter asks", severity="warning", timeout=3)
            return
        if self.sample is not None and not self.sample.images:
            self.notify("this sample has no image", severity="warning", timeout=3)
            return
        self.heat_on = True
        self._want()

    def _take_off(self) -> None:
        self.bench.tasks.cancel("heat")
        self.heat = None
        self.image.wait()
        self.image.show_heat(None)
        self.heat_bar.show(None, self.image.look)

    def cancel_heat(self) -> bool:
        """Stop waiting for heat, or take it off; whether there was any."""
        if not self.heat_on:
            return False
        self.heat_on = False
        self._take_off()
        return True

    def answer_began(self) -> None:
        """The heat of the answer before goes."""
        if self.heat_on:
            self._take_off()

    def answer_ready(self) -> None:
        """Heat that is switched on follows to the new answer, where that has a token."""
        if not self.answer.tokens:
            self.answer_missing()
        elif self.heat_on:
            self._want()

    def answer_missing(self) -> None:
        """No heat without an answer."""
        self.cancel_heat()

    def on_answer_panel_cursor_moved(self, event: AnswerPanel.CursorMoved) -> None:
        """The heat follows the cursor."""
        event.stop()
        if self.heat_on:
            self._want()

    def _want(self) -> None:
        """Show the heat of the token under the cursor, from memory or from the engine."""
        asked, answer, token = self.asked, self.answer.answer, self.answer.cursor
        if asked is None or answer is None or token < 0:
            return
        key = heat_key(asked, answer.text, token)
        known = self._heats.get(key)
        if known is not None:
            self._heats.move_to_end(key)
            self.bench.tasks.cancel("heat")
            self._lay(asked.uid, token, known)
            return
        word = clean(answer.tokens[token].text, newlines=False).strip()
        waiting = f"heat for ‹{word}›"
        self.image.wait(waiting)
        self.heat_bar.show(None, self.image.look, waiting=waiting)

        def work(cancel: Token) -> None:
            if cancel.wait(_DEBOUNCE_S):
                return
            try:
                found = self._explain(cancel, asked, answer.text, token)
            except Cancelled:
                return
            except Exception as error:
                if not cancel.cancelled:
                    self.bench.call_soon(self._no_heat, error)
                return
            self.bench.call_soon(self._computed, cancel, key, asked, token, found)

        self.bench.tasks.run("heat", work)

    def _explain(self, cancel: Token, asked: Asked, text: str, token: int) -> dict[str, Any]:
        """In the lane: ask the engine."""
        service = self.bench.engine()
        engine = service.client([asked.spec])
        service.working("explaining")
        try:
            found = engine.explain(
                asked.messages,
                text,
                asked.spec,
                token=token,
                cancelled=cancel,
                on_progress=service.progress,
            )
        finally:
            service.refresh()
        self._record(asked, text, token, found)
        return dict(found)

    def _record(self, asked: Asked, text: str, token: int, found: Mapping[str, Any]) -> None:
        """Put what was explained into the session, without its pixels."""
        from sessions.records import GradcamRecord
        from sessions.session_log import current_session

        images = tuple({k: v for k, v in i.items() if k != "heat"} for i in found["images"])
        record = GradcamRecord(
            uid=asked.uid,
            prompt_id=asked.prompt_id,
            model=asked.spec.model,
            adapter=asked.spec.adapter,
            quantization=asked.spec.quantization,
            dtype=asked.spec.dtype,
            answer_text=text,
            token=token,
            token_text=str(found.get("token_text") or ""),
            method=str(found.get("method") or ""),
            layer=str(found.get("layer") or ""),
            target=_str(found.get("target")),
            contrast=_str(found.get("contrast")),
            images=images,
        )
        try:
            current_session().append(record)
        except WbError as error:
            self.bench.call_soon(
                self.notify, error.message, severity="warning", markup=False, title="not recorded"
            )

    def _computed(
        self,
        cancel: Token,
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
        if uid != self.uid or token != self.answer.cursor or not self.heat_on:
            return
        import numpy as np

        self.heat = found
        self.image.wait()
        maps = [np.asarray(i["heat"], np.float32).reshape(i["grid"]) for i in found["images"]]
        count = len(self.sample.images) if self.sample else 0
        # The prompt's last images are the sample's own: examples stand before them.
        self.image.show_heat(maps[-count:] if count else maps)
        self.heat_bar.show(found, self.image.look)

    def _no_heat(self, error: Exception) -> None:
        self.heat_on = False
        self._take_off()
        self.bench.fail(error, "no heat")

    # -- how it is painted -----------------------------------------------------------------

    def action_opacity(self, by: int) -> None:
        """Paint the heat stronger or weaker."""
        look = self.image.look
        opacity = round(min(1.0, max(0.0, look.opacity + by * _OPACITY_STEP)), 2)
        self._set_look(replace(look, opacity=opacity))

    def action_colormap(self) -> None:
        """The next colour map."""
        from workbench.explain.colormaps import COLORMAPS

        look = self.image.look
        at = COLORMAPS.index(look.colormap) if look.colormap in COLORMAPS else -1
        self._set_look(replace(look, colormap=COLORMAPS[(at + 1) % len(COLORMAPS)]))

    def action_fade(self) -> None:
        """Let the image through where it is cold, or paint all of it."""
        look = self.image.look
        self._set_look(replace(look, fade=not look.fade))

    def _set_look(self, look: Look) -> None:
        self.image.set_look(look)
        if self.heat is not None:
            self.heat_bar.show(self.heat, look)
        else:
            how = "faded where cold" if look.fade else "even"
            said = f"heat: {look.opacity:.0%} {look.colormap}, {how}"
            self.notify(said, timeout=2, markup=False)


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


def _str(value: Any) -> str | None:
    return None if value is None else str(value)
