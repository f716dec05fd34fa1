"""The bench in a test: a pilot that waits for workers, and a stand-in for the engine's client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from textual import events
from textual.widgets import TextArea

from tests.workbench.app.frames import Still
from workbench.app.app import WbApp
from workbench.app.explore.screen import ExploreScreen
from workbench.sample import Answer, Timing, Token

SIZES = [(80, 24), (120, 40), (200, 60)]


class FakeEngine:
    """Answers `False . It is red` token by token; explains with a hot first cell.

    Attributes:
        gate: Where set, a token is given only when it is released once.
        asked: (messages, spec, decoding) of every chat.
        explained: The token of every explanation.
        error: Raised by the next chat or explanation.
        fails: Raised by a chat that is on its way, where it waits at the gate.
    """

    def __init__(self, words: tuple[str, ...] = ("False", ".", " It", " is", " red")) -> None:
        self.words = words
        self.gate: threading.Semaphore | None = None
        self.heat_gate: threading.Event | None = None
        self.asked: list[tuple[Any, Any, Any]] = []
        self.explained: list[int] = []
        self.error: Exception | None = None
        self.fails: Exception | None = None
        self.pid = 0

    def chat(
        self,
        messages: Any,
        spec: Any,
        decoding: Any,
        *,
        labels: Any = None,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Any = None,
    ) -> Iterator[Token | Answer]:
        self.asked.append((messages, spec, decoding))
        if self.error is not None:
            raise self.error
        said: list[Token] = []
        reason = "stop"
        for number, word in enumerate(self.words):
            while self.gate is not None and not self.gate.acquire(timeout=0.02):
                if self.fails is not None:
                    raise self.fails
                if cancelled and cancelled():
                    break
            if cancelled and cancelled():
                reason = "cancelled"
                break
            token = Token(number, word, -0.05 * number, ((word, -0.05 * number), ("True", -2.0)))
            said.append(token)
            yield token
        text = "".join(token.text for token in said)
        yield Answer(text, tuple(said), reason, 99, Timing(0.0, 0.1, 0.5))

    def explain(
        self,
        messages: Any,
        answer_text: str,
        spec: Any,
        *,
        token: int = 0,
        answer_ids: Any = None,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Any = None,
    ) -> dict[str, Any]:
        self.explained.append(token)
        while self.heat_gate is not None and not self.heat_gate.wait(0.02):
            if cancelled and cancelled():
                from workbench.errors import Cancelled

                raise Cancelled("cancelled")
        if self.error is not None:
            raise self.error
        count = sum(len(message.images) for message in messages)
        cold, hot = [[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]
        images = [
            {"grid": [2, 2], "peak": [4, 4], "size": [64, 64], "heat": hot if n == 0 else cold}
            for n in range(count)
        ]
        return {
            "token": token,
            "token_text": self.words[token],
            "method": "hirescam",
            "layer": "patch.embed",
            "target": "margin",
            "contrast": " True",
            "images": images,
            "notes": [],
        }

    def load(self, spec: Any, on_progress: Any = None, cancelled: Any = None) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        return {"identity": f"fake {spec.model}"}

    def features(self, images: Any, spec: Any, *, cancelled: Any = None) -> Any:
        """Means over a grid of 4 × 4, held at `heat_gate`."""
        import numpy as np

        from workbench.errors import Cancelled
        from workbench.serving.protocol import FeatureReply

        while self.heat_gate is not None and not self.heat_gate.wait(0.02):
            if cancelled and cancelled():
                raise Cancelled("cancelled")
        small = b"".join(image.load().resize((4, 4)).tobytes() for image in images)
        rows = np.frombuffer(small, np.uint8).reshape(len(images), -1).astype("<f4")
        return FeatureReply(rows.shape[1], rows.tobytes(), {}, f"fake {spec.model}", "patch.last")

    def status(self) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        return {"state": "idle", "model": {"model": "demo"}, "memory_bytes": 21_000_000}

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


class Bench:
    """An app under a pilot."""

    def __init__(self, app: WbApp, pilot: Any) -> None:
        self.app, self.pilot = app, pilot

    @property
    def explore(self) -> ExploreScreen:
        screen = self.app._screen_stacks["explore"][0]
        assert isinstance(screen, ExploreScreen)
        return screen

    async def settle(self, timeout: float = 60) -> None:
        """Wait until no worker runs (but the one that only waits) and the screen is quiet."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        calm, still = 0, Still(self.app, self.text)
        while loop.time() < until:
            await asyncio.sleep(0.02)
            if self._works():
                calm = 0
                continue
            await self.pilot.pause(0)
            calm = 0 if self._works() else calm + 1
            if calm >= 2 and still():
                return
        raise AssertionError(f"still at work: {self.app.tasks._running}")

    def _works(self) -> bool:
        with self.app.tasks._lock:
            lanes = set(self.app.tasks._running) - {"visit"}
        return bool(lanes) or self.app.keys_under_way or not self.explore.view.built

    async def until(self, holds: Callable[[], Any], timeout: float = 30) -> None:
        """Wait until something holds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while not holds():
            assert loop.time() < end, "it did not come to pass"
            await self.pilot.pause(0.02)

    async def press(self, *keys: str) -> None:
        """Press keys, then wait until what they started is done."""
        for key in keys:
            await self.pilot.press(key)
        await self.settle()

    async def type(self, text: str) -> None:
        """Type text into what has the focus."""
        names = {" ": "space", ":": "colon", "/": "slash", ".": "full_stop", "-": "minus"}
        await self.pilot.press(*(names.get(character, character) for character in text))
        await self.settle()

    async def write(self, text: str) -> None:
        """Paste a text over all that stands in the prompt, which has the focus."""
        area = self.explore.query_one("#prompt-text", TextArea)
        area.select_all()
        self.app.post_message(events.Paste(text))
        await self.settle()

    async def shows(self, *texts: str) -> None:
        """Wait until all of these stand on the screen."""
        loop = asyncio.get_running_loop()
        end = loop.time() + 30
        while missing := [text for text in texts if text not in self.text()]:
            assert loop.time() < end, f"not on the screen: {missing}\n{self.text()}"
            await self.pilot.pause(0.02)

    def text(self) -> str:
        """The whole screen as text."""
        lines = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in lines)


@asynccontextmanager
async def bench(
    size: tuple[int, int] = (120, 40),
    *,
    dataset: str = "demo/test",
    engine: FakeEngine | None = None,
    hints: bool = False,
    **corner: Any,
) -> AsyncIterator[Bench]:
    """The bench, open and settled."""
    app = WbApp()
    app.state.hints_dismissed = app.state.hints_dismissed or not hints
    app.state.place("explore").setdefault("dataset", dataset)
    app.state.place("explore").update(corner)
    if engine is not None:
        app.engine()._engine = engine  # type: ignore[assignment]
    async with app.run_test(size=size, notifications=True) as pilot:
        opened = Bench(app, pilot)
        await opened.settle()
        yield opened
