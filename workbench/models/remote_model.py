"""A model behind an OpenAI-compatible server: `openai:URL#NAME`, read and refused in one place.

Guarantee: torch-free, no network. A name holds no key and no password; what such a model cannot
be asked here is refused by name, never ignored. `workbench.serving.remote` asks it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit, urlunsplit

from workbench.errors import ModelError, UsageError

if TYPE_CHECKING:
    from workbench.models.spec import ModelSpec

PREFIX = "openai:"
_EXAMPLE = "such as openai:http://127.0.0.1:8000/v1#Qwen/Qwen2.5-VL-3B-Instruct"
_ENDPOINT = "/chat/completions"


@dataclass(frozen=True)
class RemoteModel:
    """A model that a server holds.

    Attributes:
        url: Base URL, with its path and without a slash at the end: `https://host:8000/v1`.
        name: What the server calls the model.
    """

    url: str
    name: str

    @property
    def model(self) -> str:
        """As `--model` takes it, always spelled the same."""
        return f"{PREFIX}{self.url}#{self.name}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def host(self) -> str:
        """The host alone."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_open(self) -> bool:
        """Whether what is sent can be read on its way."""
        return self.url.startswith("http:") and not self.is_loopback


def is_remote(model: str) -> bool:
    """Whether a model's name is that of a server's model."""
    return model.startswith(PREFIX)


def read_remote(model: str) -> RemoteModel:
    """`openai:URL#NAME`; a URL without a path gets `/v1`.

    Raises:
        UsageError: It is none, lacks the name, or its URL holds a password, query or other scheme.
    """
    url, _, name = model.removeprefix(PREFIX).strip().partition("#")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"--model {PREFIX}…: {error}", hint=_EXAMPLE) from None
    if "@" in parts.netloc:
        # Not repeated: it may hold a password, and messages are kept.
        raise UsageError(
            f"--model {PREFIX}…: the URL holds a user or a password",
            hint="a key comes from OPENAI_API_KEY in the environment alone",
        )
    if not is_remote(model) or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--model {model!r} holds no http or https URL", hint=_EXAMPLE)
    if parts.query:
        raise UsageError(f"--model {PREFIX}…: the URL has a query", hint=_EXAMPLE)
    path = parts.path.rstrip("/").removesuffix(_ENDPOINT).rstrip("/") or "/v1"
    host = parts.hostname if ":" not in parts.hostname else f"[{parts.hostname}]"
    usual = {"http": 80, "https": 443}[parts.scheme]
    netloc = host if port in (None, usual) else f"{host}:{port}"
    base = urlunsplit((parts.scheme, netloc, path, "", ""))
    if not name.strip():
        raise UsageError(
            f"--model {PREFIX}{base} does not say which of its models",
            hint=f"add #NAME; GET {base}/models lists them",
        )
    return RemoteModel(base, name.strip())


def settled(spec: ModelSpec) -> ModelSpec:
    """A spec of such a model with its name spelled the usual way.

    Raises:
        UsageError: The name is none, or settings go with it that are the server's own affair.
    """
    there = read_remote(spec.model)
    given = [
        f"--{f.name.replace('image_', '').replace('_', '-')} {value}"
        for f in fields(spec)
        if f.name != "model"
        and (value := getattr(spec, f.name)) != f.default
        # It goes with any quantisation, unsaid.
        and (f.name, value) != ("quantize_parts", "language")
    ]
    if given:
        raise UsageError(
            f"{', '.join(given)}: how {there.model} is held is its server's affair",
            hint="leave it out, of the settings too (wb config list); a server offers an adapter "
            "as a model with a name of its own",
            kind="elsewhere",
        )
    return replace(spec, model=there.model)


def refuse_weights(spec: ModelSpec, what: str) -> None:
    """Refuse what wants the weights of a model, which a server keeps to itself.

    Args:
        spec: Of whatever model; one that can be loaded passes.
        what: A heatmap, a fine-tune, ...

    Raises:
        ModelError: It is a server's.
    """
    if is_remote(spec.model):
        refuse_remote(spec.model, what)


def refuse_remote(model: str, what: str) -> NoReturn:
    """Say that `what` wants the weights of a server's model. Raises `ModelError`."""
    raise ModelError(
        f"{what} wants the model's weights here, and {model} is behind a server that answers alone",
        hint="name a model that can be loaded: demo, a folder or a hub id",
        kind="elsewhere",
    )
