"""Talk to the engine: find it or start it, ask, explain, load, stop.

Guarantee: torch-free, and httpx is imported with the first call; an engine that dies on the way
gives an `EngineError` of kind `engine_died` whose hint says how to go on, never a hang. Safe to
use from several threads at once.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench import errors as wb_errors
from workbench.engine import process
from workbench.engine.decoding import Decoding
from workbench.engine.protocol import (
    PROTOCOL,
    absolute,
    chat_body,
    messages_json,
    read_answer,
    read_token,
)
from workbench.errors import EngineError
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, Message, Timing, Token

if TYPE_CHECKING:
    import httpx

Cancelled = Callable[[], bool]
OnProgress = Callable[[str, float], None]
# The engine says something twice a second; importing torch can hold it up for some seconds.
_SILENCE_S = 120.0
_ERRORS: dict[str, type[WbError]] = {
    name: cls
    for name, cls in vars(wb_errors).items()
    if isinstance(cls, type) and issubclass(cls, WbError)
}


class Engine:
    """A connected engine.

    Attributes:
        pid: Its process.
    """

    def __init__(self, pid: int = 0) -> None:
        self.pid = pid
        self._http: httpx.Client | None = None

    # -- finding and starting -----------------------------------------------------------------

    @classmethod
    def connect(
        cls, start: bool = True, wait_s: float = 60, idle_minutes: float | None = None
    ) -> Engine:
        """The running engine, or a new one.

        Args:
            start: Start one where none answers.
            wait_s: How long to wait for it to answer, seconds.
            idle_minutes: After which a new one leaves; 0 for never, `None` for the setting.

        Raises:
            EngineError: None runs and none was to be started (`engine_off`), it did not come up
                in time, or it speaks another version's protocol.
        """
        engine = cls()
        status = engine._greet()
        engine.pid = int(status["pid"]) if status else 0
        if status is not None and status.get("protocol") != PROTOCOL:
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
            status = engine._bring_up(start, wait_s, idle_minutes)
        engine.pid = int(status["pid"])
        return engine

    def _bring_up(self, start: bool, wait_s: float, idle_minutes: float | None) -> dict[str, Any]:
        """Start a process where none holds the lock, and wait until one answers."""
        deadline = time.monotonic() + wait_s
        child = None
        while time.monotonic() < deadline:
            if (status := self._greet()) is not None:
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
            f"the engine did not answer within {wait_s:.0f} seconds",
            hint="see: wb engine log; if it hangs: wb engine stop --force",
        )

    def _greet(self) -> dict[str, Any] | None:
        if not process.socket_path().exists():
            return None
        with contextlib.suppress(EngineError):
            return self.status()
        return None

    # -- asking -------------------------------------------------------------------------------

    def chat(
        self,
        messages: Sequence[Message],
        spec: ModelSpec,
        decoding: Decoding,
        *,
        labels: Sequence[str] | None = None,
        cancelled: Cancelled | None = None,
        on_progress: OnProgress | None = None,
    ) -> Iterator[Token | Answer]:
        """Tokens as they come, then the whole `Answer`.

        Closing the iterator, or `cancelled` turning true, stops the generation within a token;
        the latter still gives an answer of what was said, with finish reason `cancelled`.

        Args:
            messages: The conversation; images are sent as bytes.
            spec: The model and adapter; loaded or swapped to where it is not at hand.
            decoding: The knobs.
            labels: Words to score.
            cancelled: Asked at least twice a second.
            on_progress: Told the stage and share of a load.

        Raises:
            ImageError, PromptTooLong, UnknownName, ModelError, ...: As in process.
            EngineError: The engine is gone or refuses.
        """
        started = time.perf_counter()
        body = chat_body(messages, spec, decoding, labels)
        tokens: list[Token] = []
        for event in self._events("/v1/chat/completions", body, cancelled):
            if event is None:
                break
            if progress := (event.get("wb") or {}).get("progress"):
                if on_progress is not None:
                    on_progress(progress["stage"], progress["share"])
                continue
            for choice in event.get("choices", ()):
                for entry in (choice.get("logprobs") or {}).get("content") or ():
                    tokens.append(read_token(entry))
                    if decoding.num_beams == 1:
                        yield tokens[-1]
            if answer := (event.get("wb") or {}).get("answer"):
                yield read_answer(answer, tokens)
                return
        spent = time.perf_counter() - started
        yield Answer(
            "".join(token.text for token in tokens),
            tuple(tokens),
            "cancelled",
            timing=Timing(total_s=spent),
        )

    def explain(
        self,
        messages: Sequence[Message],
        answer_text: str,
        spec: ModelSpec,
        *,
        token: int | str | Sequence[int] = 0,
        cancelled: Cancelled | None = None,
        on_progress: OnProgress | None = None,
        **knobs: Any,
    ) -> dict[str, Any]:
        """A heatmap for a token of an answer, as `wb gradcam --json` prints it.

        Args:
            messages: The conversation that was answered.
            answer_text: What was answered.
            spec: The model that answered.
            token: Which token of the answer, several, or `"all"`.
            cancelled: Asked at least twice a second.
            on_progress: Told the stage and share of a load.
            knobs: `method`, `layer`, `target`, `contrast`, `answer_ids`, ... of
                `workbench.explain`; those that are `None` are left to their defaults.

        Raises:
            Cancelled: `cancelled` said so.
            WbError: As `workbench.explain` raises; `EngineError` where the engine is gone.
        """
        body = {
            "spec": absolute(spec).to_json(),
            "messages": messages_json(messages),
            "answer_text": answer_text,
            "token": token,
            **{key: value for key, value in knobs.items() if value is not None},
        }
        return self._result("/wb/explain", body, cancelled, on_progress)

    # -- looking after it ---------------------------------------------------------------------

    def load(
        self,
        spec: ModelSpec,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
    ) -> dict[str, Any]:
        """Load a model or swap an adapter now; returns what `status()["model"]` says of it."""
        body = {"spec": absolute(spec).to_json()}
        return self._result("/wb/load", body, cancelled, on_progress)["model"]

    def release_gpu(self) -> None:
        """Let the model go after what is under way; the next request loads it again."""
        self._result("/wb/release", {}, None, None)

    def status(self) -> dict[str, Any]:
        """Process, model, memory, queue. Raises `EngineError` where it is gone."""
        return self._json("GET", "/wb/status")

    def models(self) -> list[str]:
        """Names that can be asked for."""
        return [model["id"] for model in self._json("GET", "/v1/models")["data"]]

    def cancel(self, request_id: str) -> bool:
        """Stop a request by its id; whether there was one."""
        return bool(self._json("POST", f"/wb/cancel/{request_id}")["cancelled"])

    def stop(self, wait_s: float = 10) -> None:
        """End it and wait until it is gone. Raises `EngineError` where it does not go."""
        with contextlib.suppress(EngineError):
            self._json("POST", "/wb/stop")
        deadline = time.monotonic() + wait_s
        while self._still_there():
            if time.monotonic() > deadline:
                raise EngineError(
                    f"the engine {self.pid} does not stop", hint="wb engine stop --force"
                )
            time.sleep(0.05)
        self.close()

    def _still_there(self) -> bool:
        status = self._greet()
        # Someone may have started another one meanwhile: that is not the one we stopped.
        return process.is_running() if status is None else status["pid"] == self.pid

    def close(self) -> None:
        """Drop the connection; the engine stays."""
        http, self._http = self._http, None
        if http is not None:
            http.close()

    def __enter__(self) -> Engine:
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

    def _json(self, verb: str, path: str) -> dict[str, Any]:
        with self._explained():
            response = self._client().request(verb, path, timeout=10.0)
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
        stopped = _as_call(cancelled)
        with self._explained(), self._client().stream("POST", path, json=body) as response:
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
    def _explained(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TimeoutException as error:
            raise EngineError(
                f"the engine {self.pid or ''} has been silent for too long".replace("  ", " "),
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


def _as_call(cancelled: Any) -> Cancelled:
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
