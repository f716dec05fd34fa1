"""A question as an OpenAI-compatible server takes it, and its chunks as tokens and an answer.

Guarantee: a knob is sent as the server documents it, or refused by name; none is left out in
silence. A knob that is off is said to be off where the server would have a default of its own
(vLLM and SGLang take those of the model's `generation_config.json`). Images are sent upright, RGB,
in a format that every server reads. Not for transport: `remote_wire`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import UsageError
from workbench.inference.decoding import Decoding
from workbench.models.remote_model import RemoteModel
from workbench.sample import Answer, ImageRef, Message, Timing, Token
from workbench.serving.protocol import OWNER, read_token
from workbench.serving.remote.errors import malformed

# By what a server says of itself (`owned_by`): our knob -> its word, and the value that is off.
_PLAIN = {
    "top_k": ("top_k", -1),
    "min_p": ("min_p", 0.0),
    "repetition_penalty": ("repetition_penalty", 1.0),
}
_EXTENSIONS: dict[str, dict[str, tuple[str, Any]]] = {
    OWNER: _PLAIN | {"top_k": ("top_k", 0), "num_beams": ("num_beams", 1)},
    "vllm": _PLAIN,
    "sglang": _PLAIN,
    "llamacpp": _PLAIN | {"repetition_penalty": ("repeat_penalty", 1.0)},
}
_OFF = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "num_beams": 1}
_PASSES = ("PNG", "JPEG", "WEBP")


@dataclass(frozen=True)
class ServerFacts:
    """What is known of a server.

    Attributes:
        owner: `owned_by` of the model, by which servers tell themselves apart; may be empty.
        names: Of the models it lists.
        root: What the model is underneath its name, where the server says so.
    """

    owner: str = ""
    names: tuple[str, ...] = ()
    root: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether it is an engine of `wb`."""
        return self.owner == OWNER


def read_models(body: Any, name: str) -> ServerFacts:
    """Out of `GET /models`; an empty one where it makes no sense."""
    data = body.get("data") if isinstance(body, Mapping) else None
    entries = [e for e in data if isinstance(e, Mapping)] if isinstance(data, list) else []
    names = tuple(str(e.get("id")) for e in entries)
    mine = next((e for e in entries if e.get("id") == name), entries[0] if entries else {})
    root = mine.get("root") if mine.get("id") == name else None
    return ServerFacts(
        str(mine.get("owned_by") or "")[:40], names, root if isinstance(root, str) else ""
    )


def request_body(
    messages: Sequence[Message],
    there: RemoteModel,
    decoding: Decoding,
    labels: Sequence[str],
    server: ServerFacts,
) -> dict[str, Any]:
    """A streamed completion's body.

    Raises:
        UsageError: A knob or label scores that this server does not have.
        ImageError: An image cannot be read.
    """
    _refuse_labels(there, labels, server)
    long = "max_completion_tokens" if there.host == "api.openai.com" else "max_tokens"
    body: dict[str, Any] = {
        "model": there.name,
        "messages": [_message(message) for message in messages],
        "stream": True,
        "stream_options": {"include_usage": True, **({"progress": True} if server.is_ours else {})},
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "seed": decoding.seed,
        long: decoding.max_new_tokens,
        **_extensions(there, decoding, server),
    }
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    if decoding.top_logprobs or server.is_ours:
        body |= {"logprobs": True, "top_logprobs": decoding.top_logprobs}
    if labels:
        body["labels"] = list(labels)
    return body


def _extensions(there: RemoteModel, decoding: Decoding, server: ServerFacts) -> dict[str, Any]:
    words = _EXTENSIONS.get(server.owner, {})
    unknown = [n for n, off in _OFF.items() if n not in words and getattr(decoding, n) != off]
    if unknown:
        flags = ", ".join(f"--{n.replace('_', '-')} {getattr(decoding, n)}" for n in unknown)
        known = ", ".join(sorted(_EXTENSIONS))
        raise UsageError(
            f"{flags}: {there.url} ({server.owner or 'unknown'}) is not known to have it, and "
            "would ignore it without a word",
            hint="leave it out"
            if "num_beams" in unknown
            else f"leave it out, or ask a server that lists its models as owned by {known}",
            kind="bad_knob",
        )
    return {
        word: off if getattr(decoding, name) == _OFF[name] else getattr(decoding, name)
        for name, (word, off) in words.items()
    }


def _refuse_labels(there: RemoteModel, labels: Sequence[str], server: ServerFacts) -> None:
    if labels and not server.is_ours:
        raise UsageError(
            f"label scores of {there.model}: OpenAI's protocol gives the likelihood of what a "
            "model says, not of words that it is given",
            hint="leave out --label-scores, or serve the model by `wb engine serve`",
            kind="elsewhere",
        )


def _message(message: Message) -> dict[str, Any]:
    if not message.images:
        # Servers' templates take a turn of text most widely as one string.
        return {"role": message.role, "content": "".join(map(str, message.parts))}
    content = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": portable_url(part)}}
        for part in message.parts
    ]
    return {"role": message.role, "content": content}


def portable_url(image: ImageRef) -> str:
    """An image as a data URL: as it is where every server reads it alike, else as PNG.

    Raises `ImageError` for what is missing, damaged, too large or no image.
    """
    import io

    from PIL import Image

    from workbench.images.decode import facts

    data, picture, known = image.read(), image.load(), facts(image)
    kind = str(known["format"])
    if kind in _PASSES and known["mode"] in ("RGB", "L") and not known["animated"]:
        with Image.open(io.BytesIO(data), formats=_PASSES) as raw:
            upright = raw.getexif().get(0x0112, 1) == 1  # who else turns it, nobody knows
        if upright:
            return _url(kind.lower(), data)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return _url("png", out.getvalue())


def _url(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(data).decode("ascii")


@dataclass
class ChunkReader:
    """Chunks on their way to an answer."""

    there: RemoteModel
    tokens: list[Token] = field(default_factory=list)
    text: str = ""
    finish: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    server: dict[str, str] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)

    def take(self, chunk: Mapping[str, Any]) -> list[Token]:
        """The new tokens of a chunk. Raises `ModelError` where it is none."""
        before = len(self.tokens)
        try:
            self._take(chunk)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError):
            raise malformed(self.there, repr(chunk)) from None
        return self.tokens[before:]

    def progress(self, chunk: Mapping[str, Any]) -> tuple[str, float] | None:
        """The stage and share of a load, as an engine of ours tells it."""
        own = chunk.get("wb")
        told = own.get("progress") if isinstance(own, Mapping) else None
        return (str(told["stage"]), float(told["share"])) if isinstance(told, Mapping) else None

    def _take(self, chunk: Mapping[str, Any]) -> None:
        for name, key in (("model", "model"), ("system_fingerprint", "fingerprint")):
            if value := chunk.get(name):
                self.server[key] = str(value)[:200]
        self.usage = chunk.get("usage") or self.usage
        if isinstance(own := chunk.get("wb"), Mapping) and own.get("answer"):
            self.own = dict(own["answer"])
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            said = (delta.get("content") or "") + (delta.get("refusal") or "")
            self.text += said
            entries = (choice.get("logprobs") or {}).get("content") or ()
            if entries:
                self.tokens += [read_token(entry) for entry in entries]
            elif said and not self.own:
                self.tokens.append(Token(-1, said))
            self.finish = str(choice.get("finish_reason") or self.finish)[:40]

    def answer(self, started_s: float, first_s: float, now_s: float, finish: str = "") -> Answer:
        """The whole answer.

        Args:
            started_s: When it was asked, seconds of any clock.
            first_s: When its first token came.
            now_s: When it was whole.
            finish: How it ended, where the server did not say.
        """
        own = self.own
        timing = own.get("timing")
        load_s = float(timing.get("load_s") or 0.0) if isinstance(timing, Mapping) else 0.0
        counted = self.usage.get("completion_tokens")
        scores, head = own.get("label_scores"), own.get("head")
        return Answer(
            text=self.text,
            tokens=tuple(self.tokens),
            finish_reason=finish or str(own.get("finish_reason") or self.finish),
            prompt_tokens=_whole(self.usage.get("prompt_tokens")) or 0,
            timing=Timing(load_s, max(0.0, first_s - started_s), now_s - started_s),
            label_scores={str(k): float(v) for k, v in scores.items()} if scores else None,
            head={str(k): float(v) for k, v in head.items()} if head else None,
            counted=_whole(counted),
            server=dict(self.server),
        )


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
