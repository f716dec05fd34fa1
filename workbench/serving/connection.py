"""The connection to the engine's process: find it or start it, greet it, send, stop.

Guarantee: torch-free, and httpx is imported with the first call; an engine that dies on the way
gives an `EngineError` of kind `engine_died` whose hint says how to go on, never a hang. Safe to
use from several threads at once. Not for what is asked: that is `client`.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self

from sessions.errors import WbError
from workbench import errors as wb_errors
from workbench.errors import EngineError
from workbench.models.remote_model import is_remote
from workbench.serving import process
from workbench.serving.protocol import PROTOCOL

if TYPE_CHECKING:
    import httpx

    from workbench.models.spec import ModelSpec

Cancelled = Callable[[], bool]
OnProgress = Callable[[str, float], None]
# The engine says something twice a second; importing torch can hold it up for some seconds.
_SILENCE_S = 120.0
ANSWER_S = 10.0  # for a status; whoever asks for one waits no longer than it was told to
_ERRORS: dict[str, type[WbError]] = {
    name: cls
    for name, cls in vars(wb_errors).items()
    if isinstance(cls, type) and issubclass(cls, WbError)
}


class Connection:
    """A connected engine, without its calls.

    Attributes:
        pid: Its process; 0 where none was needed, since all that is asked is elsewhere.
    """

    def __init__(self, pid: int = 0) -> None:
        self.pid = pid
        self._http: httpx.Client | None = None

    # -- finding and starting -----------------------------------------------------------------

    @classmethod
    def connect(
        cls,
        start: bool = True,
        wait_s: float = 60,
        idle_minutes: float | None = None,
        specs: Iterable[ModelSpec] | None = None,
        any_protocol: bool = False,
    ) -> Self:
        """The running engine, or a new one.

        Args:
            start: Start one where none answers.
            wait_s: How long to wait for it to answer, seconds.
            idle_minutes: After which a new one leaves; 0 for never, `None` for the setting.
            specs: What will be asked, where that is known: no process is needed for models that
                are all elsewhere.
            any_protocol: Take a busy engine of another version too, to stop it.

        Raises:
            EngineError: None runs and none was to be started (`engine_off`), it did not come up
                in time, or it speaks another version's protocol.
        """
        engine = cls()
        wanted = [spec.model for spec in specs] if specs is not None else []
        if wanted and all(map(is_remote, wanted)):
            return engine
        deadline = time.monotonic() + wait_s
        status = engine._greet(deadline)
        engine.pid = int(status["pid"]) if status else 0
        if status is not None and status.get("protocol") != PROTOCOL and not any_protocol:
            if status.get("state") not in ("empty", "idle") or not start:
                raise EngineError(
                    f"the engine {status.get('pid')} is wb {status.get('version')}, with another "
                    "protocol",
                    hint="stop it when its work is done: wb engine stop",
                )
            engine.stop()
            status = None
        if status is None:
            if not start and not process.is_running():
                raise EngineError(
                    "no engine is running", hint="start it: wb engine start", kind="engine_off"
                )
            status = engine._bring_up(start, wait_s, deadline, idle_minutes)
        engine.pid = int(status["pid"])
        return engine

    def _bring_up(
        self, start: bool, wait_s: float, deadline: float, idle_minutes: float | None
    ) -> dict[str, Any]:
        """Start a process where none holds the lock, and wait until one answers."""
        child = None
        while time.monotonic() < deadline:
            if (status := self._greet(deadline)) is not None:
                return status
            if child is not None and (code := child.poll()) not in (None, 0):
                raise EngineError(
                    f"the engine ended with {code} before it answered: {_last_words()}",
                    hint="see: wb engine log",
                )
            # An engine that is on its way down holds the lock until it is gone: start another.
            gone = child is None or child.poll() is not None
            if start and gone and not process.is_running():
                child = process.spawn(idle_minutes)
            time.sleep(0.05)
        raise EngineError(
            f"the engine did not answer within {wait_s:g} seconds",
            hint="see: wb engine log; if it hangs: wb engine stop --force",
        )

    def _greet(self, deadline: float) -> dict[str, Any] | None:
        """Its status, `None` where it does not tell; asked until `deadline` (monotonic)."""
        left = min(ANSWER_S, deadline - time.monotonic())
        if left <= 0 or not process.socket_path().exists():
            return None
        with contextlib.suppress(EngineError):
            return self._json("GET", "/wb/status", left)
        return None

    def status(self) -> dict[str, Any]:
        """Process, model, memory, queue. Raises `EngineError` where it is gone."""
        return self._json("GET", "/wb/status")

    def stop(self, wait_s: float = 10) -> None:
        """End it and wait until it is gone. Raises `EngineError` where it does not go."""
        deadline = time.monotonic() + wait_s
        with contextlib.suppress(EngineError):
            self._json("POST", "/wb/stop", min(ANSWER_S, wait_s))
        while self._still_there(deadline):
            if time.monotonic() > deadline:
                raise EngineError(
                    f"the engine {self.pid} did not stop within {wait_s:g} seconds",
                    hint="wb engine stop --force",
                )
            time.sleep(0.05)
        self.close()

    def _still_there(self, deadline: float) -> bool:
        status = self._greet(deadline)
        # Someone may have started another one meanwhile: that is not the one we stopped.
        return process.is_running() if status is None else status["pid"] == self.pid

    def close(self) -> None:
        """Drop the connection; the engine stays."""
        http, self._http = self._http, None
        if http is not None:
            http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- the wire -----------------------------------------------------------------------------

    def _client(self) -> httpx.Client:
        if self._http is None:
            import httpx

            self._http = httpx.Client(
                transport=httpx.HTTPTransport(uds=str(process.socket_path())),
                base_url="http://engine",
                timeout=httpx.Timeout(_SILENCE_S, connect=5.0),
                trust_env=False,  # a proxy from the environment has no business here
            )
        return self._http

    def _json(self, verb: str, path: str, within_s: float = ANSWER_S) -> dict[str, Any]:
        with self._explained(within_s):
            response = self._client().request(verb, path, timeout=within_s)
            _raise_for(response.status_code, response.content)
            return response.json()

    def _result(
        self,
        path: str,
        body: dict[str, Any],
        cancelled: Cancelled | None,
        on_progress: OnProgress | None,
    ) -> dict[str, Any]:
        for event in self._events(path, body, cancelled):
            if event is None:
                raise wb_errors.Cancelled("cancelled")
            if "result" in event:
                return event["result"]
            if on_progress is not None and (progress := event.get("progress")):
                on_progress(progress["stage"], progress["share"])
        raise self._died("it closed the connection")

    def _events(
        self, path: str, body: dict[str, Any], cancelled: Cancelled | None
    ) -> Iterator[dict[str, Any] | None]:
        """The events of a stream; `None` last where `cancelled` said so.

        Leaving early closes the connection, which cancels the request at the other end.
        """
        stopped = as_call(cancelled)
        with (
            self._explained(_SILENCE_S),
            self._client().stream("POST", path, json=body) as response,
        ):
            if response.status_code != 200:
                _raise_for(response.status_code, response.read())
            for line in response.iter_lines():
                if stopped():
                    yield None
                    return
                if line == "data: [DONE]":
                    return
                if line.startswith("data: "):
                    event = json.loads(line[6:])
                    if "error" in event:
                        raise _error(event["error"])
                    yield event
        raise self._died("it closed the connection")

    @contextlib.contextmanager
    def _explained(self, within_s: float) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TimeoutException as error:
            raise EngineError(
                f"the engine {self.pid or ''} said nothing for {within_s:g} seconds".replace(
                    "  ", " "
                ),
                hint="see: wb engine log; if it hangs: wb engine stop --force",
                kind="engine_silent",
            ) from error
        except (httpx.TransportError, httpx.StreamError, ValueError) as error:
            raise self._died(str(error) or type(error).__name__) from error

    def _died(self, reason: str) -> EngineError:
        return EngineError(
            f"the engine {self.pid or ''} is gone: {reason}".replace("  ", " "),
            hint="what is on record is safe; start it again (wb engine start) and ask again",
            kind="engine_died",
        )


def as_call(cancelled: Any) -> Cancelled:
    """A callable out of a callable, a `threading.Event` or nothing."""
    if cancelled is None:
        return lambda: False
    return cancelled.is_set if hasattr(cancelled, "is_set") else cancelled


def _raise_for(status: int, content: bytes) -> None:
    if status < 400:
        return
    try:
        body = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        raise EngineError(f"the engine refused with status {status}") from None
    raise _error(body)


def _error(body: dict[str, Any]) -> WbError:
    """The error that was raised in the engine, of the same class where it is known."""
    cls = _ERRORS.get(body.get("class", ""), wb_errors.ModelError)
    return cls(
        body.get("message", "the engine failed"),
        hint=body.get("hint", ""),
        kind=body.get("kind") or body.get("code"),
    )


def _last_words() -> str:
    lines = [line for line in process.log_tail() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
