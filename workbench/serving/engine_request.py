"""What the one thread that touches the model is asked, and what it tells of it as it goes.

Guarantee: torch-free. Not for how requests are served: `worker`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sessions.errors import WbError
from workbench.inference.decoding import Decoding
from workbench.models.activity import progressed
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, Message, Token


@dataclass(frozen=True)
class LoadStage:
    """A stage of loading and the share done, 0 to 1."""

    stage: str
    share: float


@dataclass(frozen=True)
class JsonResult:
    """What a request that is no chat gave: JSON."""

    body: dict[str, Any]


Event = LoadStage | Token | Answer | JsonResult | WbError


@dataclass
class EngineRequest:
    """One request in the queue.

    Attributes:
        id: Names it for cancelling.
        kind: `chat`, `load`, `explain`, `features` or `release`.
        emit: Takes its events, in the worker's thread; the last is an `Answer`, `JsonResult` or
            `WbError`. For a chat, `visible` of its row is told with each token.
        body: The request of an `explain`; of a `load` the `adapters` to keep beside it; of
            `features` the `images`.
        answered_by: The load that answers, as `Answer.answered_by` has it, once it does.
        told: Tokens that `emit` has taken.
        columns: Of its prompt and the answer that may follow; 0 until that is asked for.
    """

    id: str
    kind: str
    emit: Callable[[Event, str], None]
    spec: ModelSpec = field(default_factory=ModelSpec)
    messages: tuple[Message, ...] = ()
    decoding: Decoding = field(default_factory=Decoding)
    labels: tuple[str, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)
    started: float = field(default_factory=time.perf_counter)
    load_s: float = 0.0
    answered_by: Mapping[str, Any] = field(default_factory=dict)
    told: int = 0
    columns: int = 0

    def asked_to_end(self) -> bool:
        """Whether it was cancelled; who asks got on with it."""
        progressed()
        return self.cancelled.is_set()

    @property
    def joins(self) -> bool:
        """Whether it can be decoded together with others."""
        return self.kind == "chat" and self.decoding.num_beams == 1
