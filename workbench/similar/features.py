"""Features of pictures by the engine's model, asked for by the batch and kept in the home.

Guarantee: torch-free; the engine is asked about a picture once for each model, whatever becomes of
the process that asked; a picture that the model cannot read has no vector, and says why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sessions.errors import WbError
from workbench.sample import ImageRef

if TYPE_CHECKING:
    from sessions.kept_vectors import KeptVectors
    from workbench.models.spec import ModelSpec
    from workbench.serving.protocol import FeatureReply

AT_ONCE = 32  # pictures of one request: what else is asked of the engine waits no longer
_MOST_BYTES = 32 * 2**20


class FeatureEngine(Protocol):
    """What of `workbench.serving.client.Engine` is needed here."""

    def load(self, spec: ModelSpec, on_progress: Callable[[str, float], None] | None = None,
             cancelled: Callable[[], bool] | None = None) -> dict:  # fmt: skip
        """See `Engine.load`."""
        ...

    def features(self, images: list[ImageRef], spec: ModelSpec, *,
                 cancelled: Callable[[], bool] | None = None) -> FeatureReply:  # fmt: skip
        """See `Engine.features`."""
        ...


class FeatureBook:
    """The features of one model.

    Attributes:
        vectors: SHA-256 of a picture -> (D,) float16 of length 1.
        problems: SHA-256 of a picture -> why it has none.
        asked: Pictures that the engine was asked about.
        identity: Of the model.
    """

    def __init__(
        self,
        engine: FeatureEngine,
        spec: ModelSpec,
        kept: KeptVectors | None = None,
        *,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Callable[[str, float], None] | None = None,
    ) -> None:
        """Load the model, whose identity says what is kept already.

        Args:
            engine: Who is asked.
            spec: The model, with its adapter.
            kept: Where features are kept; `None` keeps none.
            cancelled: Asked at least twice a second.
            on_progress: Told the stage and share of a load.

        Raises:
            ModelError: The model cannot be loaded, or is elsewhere.
            EngineError: The engine is gone.
            Cancelled: `cancelled` said so.
        """
        self._engine, self._spec, self._kept, self._cancelled = engine, spec, kept, cancelled
        self.vectors: dict[str, np.ndarray] = {}
        self.problems: dict[str, str] = {}
        self.asked = 0
        self._waiting: dict[str, bytes] = {}
        self.identity = str(engine.load(spec, on_progress, cancelled)["identity"])

    def want(self, pictures: Iterable[tuple[str, bytes]]) -> None:
        """Have these pictures' features, now or with those that follow.

        Args:
            pictures: SHA-256 and encoded bytes of each.

        Raises:
            As the engine's `features`.
        """
        new = {
            sha256: data
            for sha256, data in pictures
            if not (sha256 in self.vectors or sha256 in self.problems or sha256 in self._waiting)
        }
        if self._kept is not None and new:
            with contextlib.suppress(WbError):  # a file that cannot be used costs time alone
                for sha256, body in self._kept.find(self._scope, new).items():
                    self.vectors[sha256] = np.frombuffer(body, "<f2")
                    del new[sha256]
        self._waiting |= new
        while len(self._waiting) >= AT_ONCE or sum(map(len, self._waiting.values())) > _MOST_BYTES:
            self._ask()

    def finish(self) -> None:
        """Ask about those that wait for more. Raises as `want`."""
        while self._waiting:
            self._ask()

    @property
    def _scope(self) -> str:
        return f"features 1, {self.identity}"  # raised when the pooling is another

    def _ask(self) -> None:
        some: dict[str, bytes] = {}
        size = 0
        for sha256, data in self._waiting.items():
            if some and (len(some) == AT_ONCE or size + len(data) > _MOST_BYTES):
                break
            some[sha256], size = data, size + len(data)
        refs = [ImageRef(data=data, name=sha256[:12]) for sha256, data in some.items()]
        reply = self._engine.features(refs, self._spec, cancelled=self._cancelled)
        self.identity = reply.identity
        made = np.frombuffer(reply.vectors, "<f4").reshape(len(some), reply.width)
        bodies: dict[str, bytes] = {}
        for place, sha256 in enumerate(some):
            del self._waiting[sha256]
            vector = made[place].astype(np.float64)
            length = float(np.linalg.norm(vector)) if len(vector) else 0.0
            if place in reply.errors or not np.isfinite(length) or length == 0:
                self.problems[sha256] = reply.errors.get(place, "its features are no numbers")
                continue
            self.vectors[sha256] = (vector / length).astype("<f2")
            bodies[sha256] = self.vectors[sha256].tobytes()
        self.asked += len(some)
        if self._kept is not None and bodies:
            with contextlib.suppress(WbError):
                self._kept.keep(self._scope, bodies)
