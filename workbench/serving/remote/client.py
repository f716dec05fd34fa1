"""Ask a model behind an OpenAI-compatible server, as one asks the engine.

Guarantee: torch-free; `chat` is that of `client.Engine`, which hands such models on to here, so
that who asks need not care; failures that waiting may mend are waited for, others are one
`WbError`; a stream is sent again only as long as nobody has seen a token of it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.errors import UnknownName
from workbench.inference.decoding import Decoding
from workbench.models.remote_model import RemoteModel, read_remote, settled
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, Message, Token
from workbench.serving.connection import as_call
from workbench.serving.remote.body import ChunkReader, ServerFacts, read_models, request_body
from workbench.serving.remote.http_client import (
    HttpClient,
    RateLimited,
    Restart,
    RetryPolicy,
    retry_policy,
)

OnProgress = Callable[[str, float], None]


@dataclass
class _Known:
    """One server: how it is reached, and what it said of itself."""

    wire: HttpClient
    listed: Any = None
    asked: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class RemoteEngine:
    """Servers elsewhere, each connected to when it is first asked."""

    def __init__(self, at_once: int = 16, patience_: RetryPolicy | None = None) -> None:
        """Connect to nothing yet.

        Args:
            at_once: Requests to a server at the same time at most.
            patience_: How long a server is waited for; the usual where not given.
        """
        self._at_once = at_once
        self._patience = patience_
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    # -- asking -------------------------------------------------------------------------------

    def chat(
        self,
        messages: Sequence[Message],
        spec: ModelSpec,
        decoding: Decoding,
        *,
        labels: Sequence[str] | None = None,
        cancelled: Any = None,
        on_progress: OnProgress | None = None,
    ) -> Iterator[Token | Answer]:
        """Tokens as they come, then the whole `Answer`; see `client.Engine.chat`.

        Without log-probabilities (`top_logprobs` 0, or a server that gives none) a token is a
        piece of text as the server sent it, its id -1.

        Raises:
            UsageError: The model's name, a setting or a knob cannot be meant there.
            WbError: As `remote_errors` tells refusals and failures apart.
        """
        return self._ask(messages, spec, decoding, labels, cancelled, on_progress, restart=False)

    def answer(
        self,
        messages: Sequence[Message],
        spec: ModelSpec,
        decoding: Decoding,
        *,
        labels: Sequence[str] | None = None,
        cancelled: Any = None,
    ) -> Answer:
        """The whole answer; one that broke off half-way is asked for again. Raises as `chat`."""
        events = self._ask(messages, spec, decoding, labels, cancelled, None, restart=True)
        return [event for event in events if isinstance(event, Answer)][-1]

    def _ask(
        self,
        messages: Sequence[Message],
        spec: ModelSpec,
        decoding: Decoding,
        labels: Sequence[str] | None,
        cancelled: Any,
        on_progress: OnProgress | None,
        *,
        restart: bool,
    ) -> Iterator[Token | Answer]:
        there = read_remote(settled(spec).model)
        stopped = as_call(cancelled)
        known = self._reach(there)
        server = self._server(known, there, stopped)
        body = request_body(messages, there, decoding, labels or (), server)
        tell = on_progress or (lambda stage, share: None)
        started = first = time.perf_counter()
        finish, kind = "", {"kind": server.owner} if server.owner else {}
        reader = ChunkReader(there, server=dict(kind))
        for event in known.wire.chat(body, stopped, restart=restart):
            if event is None:
                finish = "cancelled"
                break
            if isinstance(event, Restart):
                reader = ChunkReader(there, server=dict(kind))
            elif isinstance(event, RateLimited):
                tell(f"{event.why}: again in {event.seconds:.0f} s", 0.0)
            elif (told := reader.progress(event)) is not None:
                tell(*told)
            else:
                fresh = reader.take(event)
                if fresh and len(fresh) == len(reader.tokens):
                    first = time.perf_counter()
                yield from fresh
        found = reader.answer(started, first, time.perf_counter(), finish)
        yield replace(found, answered_by=_answered_by(there, found.server))

    # -- what is known ------------------------------------------------------------------------

    def identity(self, spec: ModelSpec, cancelled: Any = None) -> str:
        """What a run's key is made of: the URL, the name and what is underneath, where it says.

        Not the fingerprint, which some servers change from day to day.

        Raises:
            UnknownName: The server lists its models, all of them, and it is none.
            WbError: It cannot be reached, or refuses.
        """
        there = read_remote(settled(spec).model)
        server = self._server(self._reach(there), there, as_call(cancelled))
        # Our own engine loads folders that it does not list.
        if server.names and there.name not in server.names and not server.is_ours:
            raise UnknownName(
                f"{there.url} has no model {there.name!r}",
                hint=f"it lists {', '.join(server.names[:8])}",
            )
        return there.model + (f" {server.root}" if server.root not in ("", there.name) else "")

    def check(self, spec: ModelSpec, decoding: Decoding, labels: Sequence[str] = ()) -> None:
        """Refuse what the server of a model cannot do. Raises `UsageError`; `WbError` as `chat`."""
        there = read_remote(settled(spec).model)
        server = self._server(self._reach(there), there, as_call(None))
        request_body((), there, decoding, labels, server)

    def models(self, spec: ModelSpec) -> list[str]:
        """What the server of a model lists."""
        there = read_remote(spec.model)
        return list(self._server(self._reach(there), there, as_call(None)).names)

    def _reach(self, there: RemoteModel) -> _Known:
        with self._lock:
            if there.url not in self._known:
                wire = HttpClient(there, self._at_once, self._patience or retry_policy())
                self._known[there.url] = _Known(wire)
            return self._known[there.url]

    def _server(
        self, known: _Known, there: RemoteModel, stopped: Callable[[], bool]
    ) -> ServerFacts:
        with known.lock:
            if not known.asked:
                # Where it has no such list, what it is stays unknown.
                with contextlib.suppress(UnknownName):
                    known.listed = known.wire.models(stopped)
                known.asked = not stopped()
            return read_models(known.listed, there.name)

    def close(self) -> None:
        """Drop the connections."""
        with self._lock:
            known, self._known = list(self._known.values()), {}
        for one in known:
            one.wire.close()

    def __enter__(self) -> RemoteEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _answered_by(there: RemoteModel, said: Mapping[str, str]) -> dict[str, Any]:
    """What is on record of a server that answered, from what it said of itself."""
    names = [there.model, said.get("model", ""), said.get("fingerprint", "")]
    served = [n for i, n in enumerate(names) if n and (i != 1 or n != there.name)]
    return {
        "identity": " ".join(served),
        "device": "elsewhere",
        "engine": there.url,
        "versions": {f"server {name}": value for name, value in said.items()},
    }
