"""What a server's refusals and failures mean, and which of them are worth another try.

Guarantee: every failure becomes one `WbError` that names the server and says what to do next; a
server's own words are shortened and the key is struck out of them. `EngineError` is a server that
would fail the next request the same way; `ModelError` and `UsageError` are this request's own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from sessions.errors import WbError
from workbench.errors import EngineError, ModelError, PromptTooLong, UnknownName
from workbench.models.remote_model import RemoteModel

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_TOO_LONG = ("context_length_exceeded", "maximum context length", "context length is only")


class RetryableError(Exception):
    """It failed in a way that another attempt may mend."""

    def __init__(self, error: WbError, why: str, after_s: float | None = None) -> None:
        """Hold what to raise in the end.

        Args:
            error: What it is if it stays so.
            why: In a few words.
            after_s: Seconds that the server wants to be left alone.
        """
        super().__init__(why)
        self.error = error
        self.why = why
        self.after_s = after_s

    def final(self, attempts: int, wait_s: float) -> WbError:
        """The error, saying how often it was tried."""
        error = self.error
        tried = f"{attempts} attempts" if attempts > 1 else "1 attempt"
        wants = f"; it asks to wait {wait_s:.0f} s" if (self.after_s or 0) > 0 else ""
        error.message = f"{error.message} ({tried}{wants})"
        error.args = (error.message,)
        return error


def hide(text: str, key: str) -> str:
    """A text without the key."""
    return text.replace(key, "[key]") if key else text


def failed(
    there: RemoteModel, status: int, headers: Mapping[str, str], body: bytes, key: str
) -> WbError | RetryableError:
    """What a status other than 200 means: an error, or `RetryableError`."""
    inner = _inner(body)
    if isinstance(inner, dict) and (own := own_error(there, inner, key)) is not None:
        return own
    said, code = _said(body, key)
    at = f"{there.url} answered {status}" + (f": {said}" if said else "")
    if 300 <= status < 400:
        where = hide(headers.get("location", "")[:200], key)
        return EngineError(
            f"{there.url} redirects to {where or 'another place'}",
            hint="nothing is sent after a redirect; name that URL yourself if it is meant",
            kind="remote_redirect",
        )
    if status in (401, 403):
        what = "the key was not taken" if key else "no key was sent"
        return EngineError(
            f"{at} ({what})",
            hint="set OPENAI_API_KEY to the key of that server",
            kind="remote_unauthorized",
        )
    if status == 404:
        return UnknownName(
            f"{at} (model {there.name!r})",
            hint=f"GET {there.url}/models lists its models; a base URL mostly ends in /v1",
        )
    if any(word in f"{code} {said}" for word in _TOO_LONG):
        return PromptTooLong(at, hint="ask for fewer new tokens, or show less")
    if status in _TRANSIENT and code != "insufficient_quota":
        # Too many requests are everyone's affair; what fails inside may be this prompt's own.
        kind = EngineError if status in (429, 503) else ModelError
        error = kind(at, hint="waiting did not help", kind="remote_failed")
        return RetryableError(error, f"{status}", _retry_after(headers))
    if status in (402, 429):
        return EngineError(at, hint="see the account at that service", kind="remote_quota")
    return ModelError(at, hint=_hint(said), kind="remote_refused")


def _hint(said: str) -> str:
    if "logprob" in said:
        return "--top-logprobs 0 asks for no log-probabilities"
    return "leave out what it does not know, or ask another server"


def lost(there: RemoteModel, error: Exception, key: str) -> RetryableError:
    """The connection could not be made, or broke."""
    import httpx

    why = hide(str(error) or type(error).__name__, key)[:200]
    if isinstance(error, (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol)):
        found = EngineError(
            f"{there.url} cannot be reached: {why}",
            hint="is it running, and is the URL right?",
            kind="remote_unreachable",
        )
        return RetryableError(found, "not reached")
    found = EngineError(
        f"{there.url} broke off: {why}",
        hint="ask again; if it stays so, see the server's log",
        kind="remote_broken",
    )
    return RetryableError(found, "broken off")


def silent(there: RemoteModel, error: Exception, silence_s: float) -> RetryableError:
    """Nothing came for too long."""
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return lost(there, httpx.ConnectError("no answer to the attempt to connect"), "")
    found = EngineError(
        f"{there.url} was silent for {silence_s:g} s",
        hint="a slow server may need more: WB_REMOTE_SILENCE_S",
        kind="remote_silent",
    )
    return RetryableError(found, "silent")


def half(there: RemoteModel) -> RetryableError:
    """A stream that ended before its answer did."""
    found = EngineError(
        f"{there.url} broke off in the middle of the answer",
        hint="ask again; if it stays so, see the server's log",
        kind="remote_broken",
    )
    return RetryableError(found, "broken off")


def too_long(limit: int, what: str = "a line") -> ModelError:
    """A line or an answer without an end."""
    return ModelError(
        f"the server sent {what} of more than {limit:,} bytes",
        hint="see the server's log, or ask another one",
        kind="remote_malformed",
    )


def overlong(there: RemoteModel, asked: int, came: int) -> ModelError:
    """An answer that does not end where it must."""
    return ModelError(
        f"{there.url} went on past max_tokens: {asked:,} were asked for, and {came:,} came",
        hint="the server does not keep to it; ask for more tokens, or ask another server",
        kind="remote_overlong",
    )


def stalled(there: RemoteModel, seconds: float) -> EngineError:
    """Signs of life, and no answer."""
    return EngineError(
        f"{there.url} sent signs of life for {seconds:g} s, and no word of an answer",
        hint="see the server's log; a slow one may need more: remote_silence_s, a sixth of it",
        kind="remote_silent",
    )


def malformed(there: RemoteModel, what: str) -> ModelError:
    """Not what the protocol says."""
    return ModelError(
        f"{there.url} sent what is no chat completion: {what[:120]}",
        hint="does the URL name an OpenAI-compatible server? It mostly ends in /v1",
        kind="remote_malformed",
    )


def parsed(there: RemoteModel, body: bytes) -> Any:
    """A JSON body. Raises `ModelError`."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise malformed(there, repr(body[:80].decode("utf-8", "replace"))) from None


def check_stream(there: RemoteModel, headers: Mapping[str, str]) -> None:
    """Raise `ModelError` for a page or a document in place of a stream."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind != "text/event-stream":
        raise malformed(there, f"{kind} in place of a stream")


def event_of(there: RemoteModel, line: bytes, key: str) -> dict[str, Any] | None:
    """What a line of a stream says: a chunk, `{}` for its end, `None` for nothing.

    Raises:
        ModelError, Again: It says an error, or what is no JSON.
    """
    if not line.startswith(b"data:"):
        return None
    data = line[5:].strip()
    if data == b"[DONE]":
        return {}
    event = parsed(there, data)
    if not isinstance(event, dict) or not event:
        raise malformed(there, repr(event))
    if event.get("error") or event.get("object") == "error":
        raise _error_in_stream(there, event, data, key)
    return event


def _error_in_stream(
    there: RemoteModel, event: dict[str, Any], data: bytes, key: str
) -> WbError | RetryableError:
    inner = event.get("error")
    found = own_error(there, inner, key) if isinstance(inner, dict) else None
    if found is not None:
        return found
    code = (inner if isinstance(inner, dict) else event).get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return failed(there, status, {}, data, key)


def own_error(there: RemoteModel, body: Mapping[str, Any], key: str) -> WbError | None:
    """The error of an engine of ours, by its class; `None` where another server speaks.

    The engine's own trouble is left to the status: it is tried again.
    """
    from workbench import errors

    cls = getattr(errors, str(body.get("class")), None)
    if "kind" not in body or not (isinstance(cls, type) and issubclass(cls, WbError)):
        return None
    if issubclass(cls, (EngineError, errors.Cancelled)):
        return None
    words = (hide(str(body.get(name) or "")[:1000], key) for name in ("message", "hint", "kind"))
    message, hint, kind = words
    return cls(f"{there.url}: {message}", hint=hint, kind=kind or None)


def _said(body: bytes, key: str) -> tuple[str, str]:
    """The server's message in at most 300 characters, and its code."""
    text = body.decode("utf-8", "replace").strip()
    code: Any = ""
    inner = _inner(body)
    if isinstance(inner, dict):
        code = inner.get("code") or inner.get("type") or ""
        text = str(inner.get("message") or inner.get("detail") or text)
    elif inner:
        text = str(inner)
    elif text.startswith("<"):
        text = "a web page"
    return hide(" ".join(text.split()), key)[:300], str(code)


def _inner(body: bytes) -> Any:
    """What is under `error`, or the whole object where nothing is; `None` for no JSON object."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found.get("error", found) if isinstance(found, dict) else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or a date."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError):
            return None
    return max(0.0, seconds) if seconds == seconds else None
