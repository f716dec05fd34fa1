"""The bench's one connection to the engine, shared by all its workers.

Guarantee: nothing here runs on the event loop but reading `.state`; each change of state is told
to one listener, from the thread in which it happened. The engine outlives the bench: `close`
drops the connection only.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from sessions.errors import WbError
from workbench.models.remote_model import is_remote

if TYPE_CHECKING:
    from workbench.models.spec import ModelSpec
    from workbench.serving.client import Engine

Phase = Literal["off", "starting", "loading", "ready", "busy", "died"]


@dataclass(frozen=True)
class EngineState:
    """What the header says of the engine.

    Attributes:
        phase: `off` (nobody asked yet), `starting` (the process), `loading` (the model),
            `ready`, `busy` (generating or explaining), `died`.
        detail: A few words: what is loaded or what went wrong.
        progress: 0 to 1 while loading, where known.
        memory_bytes: What the model holds, where known.
    """

    phase: Phase = "off"
    detail: str = ""
    progress: float | None = None
    memory_bytes: int | None = None


class EngineService:
    """Connects on demand and says how the engine is."""

    def __init__(self, listener: Callable[[EngineState], None]) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._elsewhere: Engine | None = None  # asks servers; no process behind it
        self.state = EngineState()

    def set_state(self, phase: Phase, detail: str = "", **more: object) -> None:
        """Change the state and tell the listener."""
        self.state = replace(EngineState(phase, detail), **more)  # type: ignore[arg-type]
        self._listener(self.state)

    def client(self, specs: Iterable[ModelSpec] = ()) -> Engine:
        """The connected engine, started where there is none. Blocks; raises `EngineError`.

        Args:
            specs: What will be asked, where that is known: none is started for models that are
                all elsewhere.
        """
        specs = list(specs)
        with self._lock:
            if self._engine is None and specs and all(is_remote(s.model) for s in specs):
                if self._elsewhere is None:
                    from workbench.serving.client import Engine

                    self._elsewhere = Engine()
                return self._elsewhere
            if self._engine is None:
                self.set_state("starting")
                from workbench.serving.client import Engine

                try:
                    self._engine = Engine.connect(start=True, wait_s=60)
                except WbError as error:
                    self.set_state("died", error.message)
                    raise
                self.set_state("ready")
            return self._engine

    def progress(self, stage: str, share: float) -> None:
        """The engine says how far the loading of a model is."""
        self.set_state("loading", stage, progress=share)

    def working(self, what: str = "") -> None:
        """A request is under way."""
        self.set_state("busy", what, memory_bytes=self.state.memory_bytes)

    def refresh(self) -> None:
        """Ask the engine how it is, and say so. Blocks shortly; never raises."""
        engine = self._engine
        if engine is None:
            if self._elsewhere is not None:
                self.set_state("ready", "elsewhere")
            return
        try:
            status = engine.status()
        except WbError as error:
            self.died(error.message)
            return
        model = status.get("model") or {}
        memory = status.get("memory_bytes") or 0
        self.set_state("ready", str(model.get("model") or ""), memory_bytes=int(memory) or None)

    def look(self) -> None:
        """See whether an engine is running already, without starting one. Blocks; never raises."""
        if self._engine is not None or self.state.phase != "off":
            return
        from workbench.serving.client import Engine

        with contextlib.suppress(WbError):
            engine = Engine.connect(start=False, wait_s=2)
            with self._lock:
                self._engine = self._engine or engine
            self.refresh()

    def died(self, reason: str) -> None:
        """The engine is gone."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
        self.set_state("died", reason)

    def restart(self) -> None:
        """Stop what is left of the engine and start a new one. Blocks."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            with contextlib.suppress(WbError):  # it is being replaced: how it ends is no matter
                engine.stop()
        self.client()

    def close(self) -> None:
        """Drop the connections; the engine stays."""
        engines = (self._engine, self._elsewhere)
        self._engine = self._elsewhere = None
        for engine in engines:
            if engine is not None:
                engine.close()
