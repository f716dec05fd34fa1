"""An explanation as a request: a dict in, a dict out. What the engine's endpoint calls.

The body:

- `messages`: OpenAI chat messages (images as data URLs), or `Message` objects.
- `answer`: the answer's text; `answer_ids`: its tokens as generated, where they are known.
- `token`: an index, a list of indices, or `"all"`; 0 where it is left out.
- every knob of `workbench.explain.settings.Settings`; `None` takes the default. Other words are
  refused by name, never ignored.

The reply is `Explanation.to_json()` with the model's identity; for several tokens it is that of
the first, and `tokens` holds one for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.explain.settings import ExplainSettings
from workbench.sample import ImageRef, Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.explain.result import Explanation
    from workbench.models.base import LoadedModel

_KEYS = ("messages", "answer", "answer_text", "answer_ids", "token")


def explain_request(
    loaded: LoadedModel,
    body: Mapping[str, Any],
    *,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Answer one request.

    Args:
        loaded: The model, with the adapter that was asked for.
        body: See the module.
        cancelled: Asked between passes through the model.

    Raises:
        UsageError: Something in the body cannot be meant.
        Cancelled: `cancelled` said so.
    """
    from workbench.explain.explain import explain_tokens

    messages = read_messages(body.get("messages") or ())
    answer = str(body.get("answer", body.get("answer_text", "")) or "")
    settings = ExplainSettings.from_json({k: v for k, v in body.items() if k not in _KEYS})
    token = body.get("token", 0)
    several = token == "all" or isinstance(token, (list, tuple))
    made = explain_tokens(
        loaded,
        messages,
        answer,
        tokens=_tokens(token),
        settings=settings,
        answer_ids=_ids(body.get("answer_ids")),
        cancelled=cancelled,
    )
    replies = [_reply(one, loaded) for one in made]
    return replies[0] | ({"tokens": replies} if several else {})


def _reply(explanation: Explanation, loaded: LoadedModel) -> dict[str, Any]:
    spec = loaded.spec
    return explanation.to_json() | {
        "model": spec.model,
        "adapter": spec.adapter,
        "quantization": spec.quantization,
        "dtype": loaded.dtype,
        "identity": loaded.identity,
    }


def _tokens(token: Any) -> list[int] | None:
    if token is None or token == "all":
        return None if token == "all" else [0]
    wanted = list(token) if isinstance(token, (list, tuple)) else [token]
    if not wanted or any(isinstance(t, bool) or not isinstance(t, int) for t in wanted):
        raise UsageError(
            f"token wants a whole number, a list of them or 'all', got {token!r}",
            kind="bad_knob",
        )
    return wanted


def _ids(ids: Any) -> list[int] | None:
    # An engine that does not tell ids marks them -1; then the answer's text has to do.
    if not ids or any(not isinstance(i, int) or i < 0 for i in ids):
        return None
    return list(ids)


def read_messages(messages: Sequence[Any]) -> tuple[Message, ...]:
    """`Message` objects as they are, OpenAI chat messages read.

    Raises:
        UsageError: A part is neither text nor an image in a data URL.
    """
    if not messages:
        raise UsageError("the request has no messages")
    return tuple(m if isinstance(m, Message) else _message(m) for m in messages)


def _message(body: Mapping[str, Any]) -> Message:
    content = body.get("content", "")
    parts = [content] if isinstance(content, str) else [_part(part) for part in content]
    return Message(body.get("role", "user"), tuple(parts))


def _part(part: Any) -> str | ImageRef:
    from workbench.images.decode import data_url_bytes

    if isinstance(part, str):
        return part
    kind = part.get("type")
    if kind == "text":
        return str(part["text"])
    if kind == "image_url":
        inner = part["image_url"]
        url = inner["url"] if isinstance(inner, Mapping) else inner
        if str(url).startswith("data:"):
            return ImageRef(data=data_url_bytes(url), name=str(part.get("name", "")))
    raise UsageError(
        f"a message part of kind {kind!r} cannot be read",
        hint="send text, or an image as a data URL",
    )
