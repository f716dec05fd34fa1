"""Which hub, as whom, and whether it may be asked: the environment that Hugging Face tools share.

Guarantee: read at each call, so that a test or a notebook can change it; a token is only handed
to the hub itself, and stands in no message. Nothing here goes over a network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from workbench.errors import DataError

DEFAULT_ENDPOINT = "https://huggingface.co"
_TRUE = ("1", "true", "yes", "on")


class HubError(DataError):
    """The hub cannot be asked, or refuses.

    Attributes:
        lasting: Trying again does not help: it is not there, or not for this user.
    """

    kind = "hub"

    def __init__(self, message: str, *, hint: str = "", lasting: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.lasting = lasting


def endpoint() -> str:
    """The hub's address: `HF_ENDPOINT`, else huggingface.co; without a slash at its end."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def is_offline() -> bool:
    """Whether `HF_HUB_OFFLINE` (or `HF_DATASETS_OFFLINE`) forbids to ask the hub."""
    names = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
    return any(os.environ.get(name, "").lower() in _TRUE for name in names)


def token() -> str | None:
    """The user's token: `HF_TOKEN`, else the file that `hf auth login` writes."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if os.environ.get(name, "").strip():
            return os.environ[name].strip()
    path = Path(os.environ.get("HF_TOKEN_PATH") or _hf_home() / "token").expanduser()
    try:
        return path.read_text("utf-8").strip() or None
    except (OSError, ValueError):
        return None


def hub_cache() -> Path:
    """Where huggingface_hub keeps what it fetched, by its own rules."""
    if cache := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(cache).expanduser()
    return _hf_home() / "hub"


def _hf_home() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("HF_HOME") or Path(base, "huggingface")).expanduser()


@dataclass(frozen=True)
class Remote:
    """One version of one file of a repository.

    Attributes:
        repo: `owner/name`, a dataset.
        commit: The revision's id: what is read under it never changes.
        path: In the repository.
        size: Bytes.
        etag: SHA-256 of the content where the hub keeps it apart (LFS), else git's blob id.
    """

    repo: str
    commit: str
    path: str
    size: int
    etag: str

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return f"hub:{self.repo}@{self.commit[:7]}/{self.path}"

    @property
    def url(self) -> str:
        """Where the hub serves it."""
        return (
            f"{endpoint()}/datasets/{self.repo}/resolve/{quote(self.commit, safe='')}"
            f"/{quote(self.path)}"
        )
