"""The one thread that touches the model: a queue of tickets, served in the order they came.

Guarantee: none starves. Chat requests for the model at hand join the running batch at its next
token, in the order of the queue; the first one that cannot join (another model, an explanation,
beams) closes the door until it has been served. A failure belongs to its ticket and leaves the
thread alive; one outside of any ticket's own work (no memory, a module that cannot be imported)
answers all that were under way, and the model is loaded anew; where even that fails all are told
and `on_death` is called. Work that does not get on is told by `stalled`. Not for HTTP: `server`
puts tickets in and hands their events on.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sessions.environment import versions
from sessions.errors import WbError
from workbench.errors import Cancelled, EngineError
from workbench.models.activity import at, doing, given_up_by, progressed
from workbench.models.spec import ModelSpec
from workbench.sample import Token
from workbench.serving.engine_request import EngineRequest, Event, JsonResult, LoadStage

if TYPE_CHECKING:
    from workbench.inference.prefix_cache import PrefixCache
    from workbench.models.base import LoadedModel

_WORK = {
    "chat": "answering",
    "explain": "explaining an answer",
    "features": "looking at pictures",
    "load": "reading adapters",
}
MAX_ROWS = 32  # decoded together; more would make each one's tokens come slowly


class Worker(threading.Thread):
    """Serves tickets until `stop`."""

    def __init__(self, on_death: Callable[[], object] = lambda: None) -> None:
        """Begin without a model.

        Args:
            on_death: Called, in this thread, when it cannot go on; everyone has been told.
        """
        super().__init__(name="model", daemon=True)
        self._on_death = on_death
        self._open: dict[int, EngineRequest] = {}  # taken out of the queue and not answered yet
        self._queue: deque[EngineRequest] = deque()
        self._arrived = threading.Condition()
        self._stopping = False
        self._loaded: LoadedModel | None = None
        self._prefixes: PrefixCache | None = None
        self.loading: ModelSpec | None = None
        self.served = 0
        self.tokens = 0
        self.last_active = time.monotonic()

    # -- from other threads ----------------------------------------------------------------

    def submit(self, ticket: EngineRequest) -> None:
        """Put a ticket at the end of the queue."""
        with self._arrived:
            if not self._stopping:
                self.last_active = time.monotonic()
                self._queue.append(ticket)
                self._arrived.notify()
                return
        ticket.emit(EngineError("the engine is stopping"), "")

    def stop(self) -> None:
        """Refuse what waits and end after the step under way."""
        with self._arrived:
            self._stopping = True
            waiting, self._queue = list(self._queue), deque()
            self._arrived.notify()
        for ticket in waiting:
            ticket.emit(EngineError("the engine is stopping"), "")

    @property
    def serving(self) -> int:
        """Tickets taken out of the queue and not answered yet."""
        return len(self._open)

    @property
    def busy(self) -> bool:
        """Whether anything waits or is being served."""
        return bool(self._queue) or self.serving > 0

    def at(self) -> tuple[str, float] | None:
        """What the thread is at, and seconds without progress; `None` where it idles."""
        return at(self.ident)

    def status(self) -> dict[str, Any]:
        """What it holds and does."""
        loaded = self._loaded
        state = "loading" if self.loading else "busy" if self.busy else "idle"
        return {
            "state": state if loaded or self.loading or self.busy else "empty",
            "model": _model_status(loaded) if loaded else None,
            "loading": self.loading.to_json() if self.loading else None,
            "memory_bytes": loaded.memory_bytes() if loaded else 0,
            "queue": len(self._queue),
            "serving": self.serving,
            "doing": {"what": now[0], "silent_s": now[1]} if (now := self.at()) else None,
            "served": self.served,
            "tokens": self.tokens,
            "prefix_cache": self._prefixes.status() if self._prefixes else _no_prefixes(),
        }

    # -- the thread ------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until told to stop."""
        try:
            given_up_by(self._given_up)
            self._warm_up()
            while (ticket := self._next()) is not None:
                try:
                    self._serve(ticket)
                except BaseException as error:  # the queue goes on, whatever it is
                    self._start_over(error)
                finally:
                    self.last_active = time.monotonic()
        except BaseException as error:
            self._die(error)

    def _warm_up(self) -> None:
        """Import what the first request should not pay these seconds for."""
        with contextlib.suppress(Exception), doing("importing torch and transformers"):
            import workbench.models.families.qwen2_vl  # noqa: F401

    def _given_up(self) -> bool:
        """Whether nobody waits any more for what is under way."""
        under_way = list(self._open.values())
        return bool(under_way) and all(ticket.cancelled.is_set() for ticket in under_way)

    def _start_over(self, error: BaseException) -> None:
        """Tell those under way why they have no answer, and drop the model."""
        failure = _broke(error, "ask again: the model is loaded again; see: wb engine log")
        self._answer_all(list(self._open.values()), failure)
        self.loading = None
        self._unload()

    def _die(self, error: BaseException) -> None:
        """Tell everyone, and whoever runs this thread."""
        with self._arrived:
            self._stopping = True
            waiting, self._queue = list(self._queue), deque()
        try:
            failure = _broke(error, "ask again: a new engine is started; see: wb engine log")
            self._answer_all([*self._open.values(), *waiting], failure)
        finally:
            self._on_death()

    def _answer_all(self, tickets: Sequence[EngineRequest], failure: WbError) -> None:
        self._open.clear()
        for ticket in tickets:
            with contextlib.suppress(Exception):
                ticket.emit(failure, "")

    def _next(self) -> EngineRequest | None:
        with self._arrived:
            while not self._queue and not self._stopping:
                self._arrived.wait()
            if self._stopping:
                return None
            return self._taken(self._queue.popleft())

    def _taken(self, ticket: EngineRequest) -> EngineRequest:
        self._open[id(ticket)] = ticket
        return ticket

    # -- what tickets that are decoded together ask of it (`together.Queue`) ------------------

    def take(
        self, loaded: LoadedModel, fits: Callable[[Sequence[EngineRequest], EngineRequest], bool]
    ) -> list[EngineRequest]:
        """Tickets off the head of the queue that can join now, up to the first that cannot."""
        found: list[EngineRequest] = []
        with self._arrived:
            while (
                self._queue
                and self.serving < MAX_ROWS
                and self._queue[0].joins
                and self._queue[0].spec == loaded.spec
                and not self._stopping
                and fits(found, self._queue[0])
            ):
                found.append(self._taken(self._queue.popleft()))
        return found

    def put_back(self, tickets: Sequence[EngineRequest]) -> None:
        """Serve these before all others, in their order."""
        with self._arrived:
            for ticket in tickets:
                self._open.pop(id(ticket), None)
            if not self._stopping:
                self._queue.extendleft(reversed(tickets))
                return
        for ticket in tickets:
            ticket.emit(EngineError("the engine is stopping"), "")

    def tell(self, ticket: EngineRequest, token: Token, visible: str) -> None:
        """Hand a token on."""
        self.tokens += 1
        progressed()
        self._sign(ticket)
        ticket.emit(token, visible)

    def finish(self, ticket: EngineRequest, event: Event, visible: str = "") -> None:
        """Hand the last event of a ticket on."""
        self.served += 1
        self._open.pop(id(ticket), None)
        self._sign(ticket)
        ticket.emit(event, visible)

    def _sign(self, ticket: EngineRequest) -> None:
        """Say who answers while it is at hand: the next ticket may have another one loaded."""
        if self._loaded is not None and not ticket.answered_by:
            ticket.answered_by = _answered_by(self._loaded)

    def _serve(self, ticket: EngineRequest) -> None:
        try:
            if ticket.cancelled.is_set():
                raise Cancelled("cancelled before it was served")
            if ticket.kind == "release":
                self._unload()
                self.finish(ticket, JsonResult({"released": True}))
                return
            with doing(f"loading {ticket.spec.model}"):
                loaded = self._ensure(ticket)
            with doing(_WORK[ticket.kind]):
                if ticket.joins:
                    from workbench.inference.prefix_cache import PrefixCache
                    from workbench.serving.scheduler import Scheduler

                    self._prefixes = self._prefixes or PrefixCache()
                    Scheduler(self, loaded, self._prefixes).run(ticket)
                else:
                    self.finish(ticket, self._alone(loaded, ticket))
        except WbError as error:
            self.finish(ticket, error)
        except Exception as error:
            from workbench.serving.scheduler import as_failure

            self.finish(ticket, as_failure(error))

    def _alone(self, loaded: LoadedModel, ticket: EngineRequest) -> Event:
        if ticket.kind == "load":
            for wish in ticket.body.get("adapters", ()):
                loaded.keep_adapter(wish["path"], wish.get("name", ""))
            return JsonResult({"model": _model_status(loaded)})
        if ticket.kind == "explain":
            from workbench.explain.request import explain_request

            body = {**ticket.body, "messages": ticket.messages}
            return JsonResult(explain_request(loaded, body, cancelled=ticket.asked_to_end))
        if ticket.kind == "features":
            return JsonResult(_features(loaded, ticket))
        from workbench.inference.beams import search
        from workbench.serving.scheduler import request_of

        answer = search(loaded, request_of(ticket))
        self.tokens += len(answer.tokens)
        return answer

    # -- the model -------------------------------------------------------------------------

    def _ensure(self, ticket: EngineRequest) -> LoadedModel:
        """The model that a ticket asks for, loaded or swapped to where it is not at hand."""
        spec = ticket.spec
        if self._loaded is not None and self._loaded.base_stale:
            self._unload()
        if self._loaded is not None and self._loaded.spec == spec and not self._loaded.stale:
            return self._loaded
        started = time.perf_counter()
        self.loading = spec
        try:
            if self._loaded is None or not self._swapped(ticket):
                self._loaded = self._read(ticket)
        finally:
            self.loading = None
        ticket.load_s = time.perf_counter() - started
        return self._loaded

    def _swapped(self, ticket: EngineRequest) -> bool:
        """Whether the model at hand now carries the adapter that is asked for."""
        from workbench.models.adapters.kept import BaseChanged

        if self._loaded is None or self._loaded.spec.base != ticket.spec.base:
            return False
        ticket.emit(LoadStage("adapter", 0.5), "")
        try:
            self._loaded.set_adapter(ticket.spec.adapter)
        except BaseChanged as error:
            # Perhaps the adapter before did it: whoever asks next is answered by a clean base.
            print(f"the model is loaded again: {error.message}", flush=True)  # noqa: T201
            ticket.emit(LoadStage("anew: an adapter changed the model's own weights", 0.0), "")
            return False
        return True

    def _read(self, ticket: EngineRequest) -> LoadedModel:
        from workbench.models.base import check_spec, load_model

        ticket.emit(LoadStage("find", 0.0), "")
        check_spec(ticket.spec)  # what is refused anyway costs nobody the model at hand
        self._unload()  # two models need not fit together

        def tell(stage: str, share: float) -> None:
            progressed(f"loading {ticket.spec.model}: {stage}")
            ticket.emit(LoadStage(stage, share), "")

        return load_model(ticket.spec, tell, ticket.asked_to_end)

    def _unload(self) -> None:
        if self._loaded is None:
            return
        import gc

        import torch

        self._loaded = None
        if self._prefixes is not None:
            self._prefixes.clear()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _broke(error: BaseException, hint: str) -> EngineError:
    """What took the thread out of its work, in one line; its traceback goes to the log."""
    with contextlib.suppress(Exception):
        traceback.print_exception(error)
    first = (str(error).strip().splitlines() or [""])[0]
    name = type(error).__name__
    return EngineError(
        f"the engine's work broke off: {f'{name}: {first}' if first else name}"[:500],
        hint=hint,
        kind="engine_broke",
    )


def _features(loaded: LoadedModel, ticket: EngineRequest) -> dict[str, Any]:
    from workbench.explain.features import image_features
    from workbench.serving.protocol import FeatureReply

    made = image_features(loaded, ticket.body["images"], cancelled=ticket.asked_to_end)
    numbers = made.vectors.astype("<f4").tobytes()
    width = made.vectors.shape[1]
    return FeatureReply(width, numbers, made.errors, loaded.identity, made.layer).to_json()


def _no_prefixes() -> dict[str, Any]:
    """As `PrefixCache.status()`, before any prompt was read and without torch."""
    off = os.environ.get("WB_PREFIX_CACHE_MB") == "0"
    counts = dict.fromkeys(("entries", "bytes", "hits", "misses", "tokens_saved"), 0)
    return {**counts, "max_bytes": 0 if off else None, "off": "it is turned off" if off else ""}


def _answered_by(loaded: LoadedModel) -> dict[str, Any]:
    return {
        "identity": loaded.identity,
        "revision": loaded.spec.revision,
        "dtype": loaded.dtype,
        "device": ",".join(map(str, loaded.devices)),
        "versions": versions(),
    }


def _model_status(loaded: LoadedModel) -> dict[str, Any]:
    from workbench.models.placement import gpu_ids

    return {
        **loaded.spec.to_json(),
        "dtype": loaded.dtype,
        "device": ",".join(map(str, loaded.devices)),
        "gpus": gpu_ids(loaded.devices),
        "identity": loaded.identity,
        "family": loaded.family.name,
        "limits": dict(loaded.family.limits),
        "context_length": loaded.context_length,
        "memory_bytes": loaded.memory_bytes(),
        "load_s": loaded.load_s,
        "path": str(loaded.path),
        "adapters": loaded.adapters.to_json(),
    }
