"""What goes over the socket: OpenAI's chat completions, and our own words beside them.

Guarantee: torch-free; a body is either understood whole or refused by name (an unknown or
contradictory knob is never ignored); image URLs are data URLs, nothing is fetched and no file of
the engine's machine is read. Not for transport: that is `server` and `client`.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sessions.errors import WbError
from workbench.errors import ImageError, UsageError
from workbench.inference.decoding import Decoding, check_labels
from workbench.knobs import RANGES
from workbench.models.remote_model import is_remote, settled
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, CoordinateFrame, ImageRef, Message, Timing, Token

PROTOCOL = 4  # raised when an old client and a new engine would misunderstand each other
OWNER = "wb"  # `owned_by` of the models that are listed: by it an engine is known elsewhere
MAX_BODY = 128 * 1024 * 1024
STILL = "no progress"  # a stage of loading that begins so is none: the work stands still
MAX_IMAGES = 256


def loading_words(stage: str, share: float) -> str:
    """What a load is at, as it is told to people; empty where it is done."""
    if stage.startswith(STILL):
        return stage
    return "" if stage == "ready" else f"loading: {stage} {share:.0%}"


_SPEC_KEYS = tuple(f.name for f in fields(ModelSpec))
_KNOBS = tuple(f.name for f in fields(Decoding) if f.name != "top_logprobs")
# OpenAI's words that ask for nothing at these values; at others they are refused.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "modalities": (["text"],),
    "store": (False,),
    "service_tier": ("auto", "default"),
}
# These say who asks, not what.
_TALK = {"user", "metadata", "safety_identifier", "prompt_cache_key"}
_OWN = {"model", "messages", "stream", "stream_options", "logprobs", "top_logprobs", "n", "labels"}


@dataclass(frozen=True)
class ChatRequest:
    """A chat completion that was asked for, understood.

    Attributes:
        spec: The model, adapter and precision.
        messages: The conversation, images as bytes.
        decodings: One for each choice; their seeds count up from the one given.
        labels: Words to score.
        stream: As server-sent events.
        usage: Whether a stream ends with the counts of tokens.
        progress: Whether a stream tells of the loading of a model, in chunks without choices.
        logprobs: Whether tokens come with their log-probabilities.
    """

    spec: ModelSpec
    messages: tuple[Message, ...]
    decodings: tuple[Decoding, ...]
    labels: tuple[str, ...] = ()
    stream: bool = False
    usage: bool = False
    progress: bool = False
    logprobs: bool = False


def chat_body(
    messages: Sequence[Message],
    spec: ModelSpec,
    decoding: Decoding,
    labels: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The request of a client that wants everything: a stream with log-probabilities.

    Raises:
        ImageError: An image cannot be read.
    """
    knobs = decoding.to_json()
    knobs["max_tokens"] = knobs.pop("max_new_tokens")
    return {
        **absolute(spec).to_json(),
        **knobs,
        "messages": messages_json(messages),
        "logprobs": True,
        "stream": True,
        "stream_options": {"include_usage": True, "progress": True},
        **({"labels": list(labels)} if labels else {}),
    }


def absolute(spec: ModelSpec) -> ModelSpec:
    """Folders by their whole path, since the engine stands in another working directory.

    Names that are not found here are left to the engine, which says so. A model elsewhere is
    spelled the usual way; what cannot be said of one is refused (`UsageError`).
    """
    if is_remote(spec.model):
        return settled(spec)
    from workbench.models.locate import DEMO, existing_path, find_adapter

    model, adapter = spec.model, spec.adapter
    if model != DEMO and (path := existing_path(model)) is not None and path.is_dir():
        model = str(path.resolve())
    if adapter:
        with contextlib.suppress(WbError):
            adapter = str(find_adapter(adapter))
    return replace(spec, model=model, adapter=adapter or None)


def messages_json(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as the protocol has them, images as data URLs. Raises `ImageError`."""
    return [
        {
            "role": message.role,
            "content": [
                {"type": "text", "text": part}
                if isinstance(part, str)
                else {
                    "type": "image_url",
                    "image_url": {"url": data_url(part)},
                    "name": part.name,
                }
                for part in message.parts
            ],
        }
        for message in messages
    ]


def data_url(image: ImageRef) -> str:
    """An image's encoded bytes as a URL; what they are is found out where they are decoded."""
    return "data:image/*;base64," + base64.b64encode(image.read()).decode("ascii")


def read_messages(body: Any) -> tuple[Message, ...]:
    """Messages out of a request.

    Raises:
        UsageError: A shape, role or part that is not known; too many images.
        ImageError: A URL that is no data URL, damaged base64, or more pixels in all images
            together than are decoded for one request.
    """
    if not isinstance(body, list) or not body:
        raise UsageError("messages wants a list of at least one message", kind="bad_request")
    messages = tuple(_message(item, index) for index, item in enumerate(body))
    count = sum(len(message.images) for message in messages)
    if count > MAX_IMAGES:
        raise UsageError(f"{count} images; at most {MAX_IMAGES} are read", kind="bad_request")
    if count:
        from workbench.images.decode import check_together

        check_together([image for message in messages for image in message.images])
    if messages[-1].role == "assistant":
        raise UsageError("the last message is the assistant's own", kind="bad_request")
    return messages


def read_images(body: Any) -> list[ImageRef]:
    """The pictures of a request for features: a list of data URLs.

    Raises:
        UsageError: Another shape, or too many.
        ImageError: A URL that is no data URL, or damaged base64.
    """
    if not isinstance(body, list) or not body or len(body) > MAX_IMAGES:
        raise UsageError(f"images wants a list of 1 to {MAX_IMAGES} data URLs", kind="bad_request")
    parts = [_part({"type": "image_url", "image_url": url}, "images") for url in body]
    return [part for part in parts if isinstance(part, ImageRef)]


def read_adapters(body: Any) -> list[dict[str, str]]:
    """The adapters that a load keeps beside the one it names: `[{"path", "name"}]`.

    Raises:
        UsageError: Another shape, or two of one name.
    """
    wishes = body or []
    fits = isinstance(wishes, list) and all(
        isinstance(wish, Mapping)
        and isinstance(wish.get("path"), str)
        and isinstance(wish.get("name", ""), str)
        and not set(wish) - {"path", "name"}
        for wish in wishes
    )
    if not fits:
        raise UsageError("adapters wants a list of {path, name}", kind="bad_request")
    names = [wish["name"] for wish in wishes if wish.get("name")]
    if len(set(names)) < len(names):
        raise UsageError("two adapters of one name", hint="name each its own", kind="bad_request")
    return [dict(wish) for wish in wishes]


def _message(item: Any, index: int) -> Message:
    role = item.get("role") if isinstance(item, Mapping) else None
    role = "system" if role == "developer" else role
    if role not in ("system", "user", "assistant"):
        raise UsageError(f"messages[{index}] has the role {role!r}", kind="bad_request")
    content = item.get("content")
    parts = [content] if isinstance(content, str) else content
    if not isinstance(parts, list) or not parts:
        raise UsageError(f"messages[{index}] has no content", kind="bad_request")
    return Message(role, tuple(_part(part, f"messages[{index}]") for part in parts))


def _part(part: Any, where: str) -> str | ImageRef:
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "text" and isinstance(part.get("text"), str):
        return part["text"]
    if kind == "image_url":
        inner = part.get("image_url")
        url = inner.get("url") if isinstance(inner, Mapping) else inner
        if not isinstance(url, str) or not url.startswith("data:"):
            raise ImageError(
                f"{where} has an image that is no data URL: {str(url)[:60]!r}",
                hint="the engine fetches nothing: send data:image/png;base64,...",
            )
        from workbench.images.decode import data_url_bytes

        return ImageRef(data=data_url_bytes(url), name=str(part.get("name") or ""))
    raise UsageError(f"{where} has a part of type {kind!r}", kind="bad_request")


def read_chat(body: Any) -> ChatRequest:
    """A chat completion's body, understood whole.

    Raises:
        UsageError: What is missing, unknown or contradictory, by name.
        ImageError: An image that cannot be read.
    """
    if not isinstance(body, Mapping):
        raise UsageError("the body wants a JSON object", kind="bad_request")
    body = {key: value for key, value in body.items() if value is not None}
    _refuse_unknown(body)
    logprobs = bool(body.get("logprobs", False))
    if "top_logprobs" in body and not logprobs and body["top_logprobs"]:
        raise UsageError("top_logprobs wants logprobs: true", kind="bad_knob")
    count = _whole(body, "n", 1)
    decoding = _decoding(body, _whole(body, "top_logprobs", 0) if logprobs else 0)
    try:
        spec = ModelSpec.from_json({k: body[k] for k in _SPEC_KEYS if k in body})
    except (TypeError, ValueError) as error:
        raise UsageError(f"a setting of the wrong type: {error}", kind="bad_knob") from error
    labels = check_labels(body.get("labels", []))
    options = _stream_options(body)
    return ChatRequest(
        spec=spec,
        messages=read_messages(body.get("messages")),
        decodings=tuple(replace(decoding, seed=decoding.seed + i) for i in range(count)),
        labels=labels,
        stream=bool(body.get("stream", False)),
        usage=options["include_usage"],
        progress=options["progress"],
        logprobs=logprobs,
    )


def _whole(body: Mapping[str, Any], key: str, default: int) -> int:
    """A whole number of a request. Raises `UsageError` where it is none of its range."""
    value, range_ = body.get(key, default), RANGES[key]
    if not range_.holds(value):
        raise UsageError(f"{key} wants {range_.wants}, got {repr(value)[:80]}", kind="bad_knob")
    return value


def _decoding(body: Mapping[str, Any], top_logprobs: int) -> Decoding:
    knobs = {key: body[key] for key in _KNOBS if key in body}
    lengths = [body[k] for k in ("max_completion_tokens", "max_tokens") if k in body]
    if lengths:
        knobs["max_new_tokens"] = lengths[0]
    return Decoding.from_json({**knobs, "top_logprobs": top_logprobs})


def _stream_options(body: Mapping[str, Any]) -> dict[str, bool]:
    """`include_usage`, and `progress`, which is our own word."""
    given = body.get("stream_options") or {}
    known = {"include_usage": False, "progress": False, "include_obfuscation": False}
    if not isinstance(given, Mapping) or (unknown := sorted(set(given) - set(known))):
        what = f"unknown words {', '.join(unknown)}" if isinstance(given, Mapping) else "no object"
        raise UsageError(
            f"stream_options: {what}", hint=f"they are {', '.join(known)}", kind="bad_knob"
        )
    if given and not body.get("stream"):
        raise UsageError("stream_options wants stream: true", kind="bad_knob")
    return known | {key: bool(value) for key, value in given.items()}


def _refuse_unknown(body: Mapping[str, Any]) -> None:
    known = {*_OWN, *_TALK, *_NEUTRAL, *_SPEC_KEYS, *_KNOBS, "max_tokens", "max_completion_tokens"}
    if unknown := sorted(set(body) - known):
        raise UsageError(
            f"unknown fields in the request: {', '.join(unknown)}",
            hint=f"the fields are {', '.join(sorted(_KNOBS))}",
            kind="bad_knob",
        )
    for key, harmless in _NEUTRAL.items():
        if key in body and body[key] not in harmless:
            raise UsageError(f"{key} is not supported", hint="leave it out", kind="bad_knob")


def token_json(token: Token) -> dict[str, Any]:
    """A token as an entry of `logprobs.content`; `id` is our own word."""
    return {
        "token": token.text,
        "logprob": token.logprob,
        "bytes": list(token.text.encode()),
        "top_logprobs": [
            {"token": text, "logprob": value, "bytes": list(text.encode())}
            for text, value in token.top
        ],
        "id": token.id,
    }


def read_token(entry: Mapping[str, Any]) -> Token:
    """The reverse of `token_json`; a server that says no ids gives -1."""
    top = tuple((t["token"], t["logprob"]) for t in entry.get("top_logprobs") or ())
    return Token(entry.get("id", -1), entry["token"], entry.get("logprob"), top)


def answer_json(answer: Answer) -> dict[str, Any]:
    """An answer without its tokens, which went before it: how many of them are its own."""
    return {
        "text": answer.text,
        "tokens": len(answer.tokens),
        "finish_reason": answer.finish_reason,
        "prompt_tokens": answer.prompt_tokens,
        "timing": {f.name: getattr(answer.timing, f.name) for f in fields(Timing)},
        "label_scores": dict(answer.label_scores) if answer.label_scores is not None else None,
        "head": dict(answer.head) if answer.head is not None else None,
        "frames": [frame.to_json() for frame in answer.frames],
    }


def read_answer(body: Mapping[str, Any], tokens: Sequence[Token]) -> Answer:
    """The reverse of `answer_json`, given the tokens that went before."""
    return Answer(
        text=body["text"],
        tokens=tuple(tokens[: body["tokens"]]),
        finish_reason=body["finish_reason"],
        prompt_tokens=body["prompt_tokens"],
        timing=Timing(**body["timing"]),
        label_scores=body["label_scores"],
        head=body.get("head"),
        frames=tuple(map(CoordinateFrame.from_json, body.get("frames") or ())),
    )


@dataclass(frozen=True)
class FeatureReply:
    """The features of some pictures, as they go over the socket.

    Attributes:
        width: Numbers of a vector, 0 where no picture has one.
        vectors: (n, `width`) little-endian float32, row after row; NaN where there is an error.
        errors: Place of a picture -> why it has none.
        identity: Of the model.
        layer: What they are taken from.
    """

    width: int
    vectors: bytes
    errors: Mapping[int, str]
    identity: str
    layer: str

    def to_json(self) -> dict[str, Any]:
        """Its fields, the numbers in base64."""
        return {
            "width": self.width,
            "vectors": base64.b64encode(self.vectors).decode("ascii"),
            "errors": {str(place): why for place, why in self.errors.items()},
            "identity": self.identity,
            "layer": self.layer,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> FeatureReply:
        """The reverse of `to_json`."""
        errors = {int(place): str(why) for place, why in body["errors"].items()}
        vectors = base64.b64decode(body["vectors"])
        return cls(int(body["width"]), vectors, errors, body["identity"], body["layer"])
