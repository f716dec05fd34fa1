"""Secrets inside URLs, struck out of whatever is written down, said or handed to another process.

Guarantee: a user and password (`https://me:secret@host/`) and the value of a query parameter that
grants access (`?token=`, `X-Amz-Signature=`, `sig=`) are replaced by `***`, in every text that
`without_secrets` is given, however often. What a text holds beside them stays as it is. Secrets in
variables of the environment are `sessions.environment`'s.
"""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "***"

# Up to the last @ before the path: browsers take a password with an @ in it so; one slash is what
# is left of a URL that was taken for a path. All stretches are bounded: no text makes this slow.
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}:/{1,3})[^\s/?#\\\"'<>`]{1,999}@(?=[^\s/?#@])")
_USER_ENCODED = re.compile(
    r"(%3A%2F%2F)(?:(?!%2F|%3F|%23|%20)[^\s/?#&\"'<>]){1,999}%40", re.IGNORECASE
)
# Words by themselves, or at the beginning or the end of others.
_WORDS = (
    r"[\w.%-]{0,64}(?:token|secret|passw|passphrase|credential|signature|api[-_]?key"
    r"|access[-_]?key|jwt)[\w.%-]{0,64}|(?:[\w.%]{0,64}[-_.])?(?:key|sig|auth|pass|pwd|pw)"
)
_PARAMETER = re.compile(rf"([?&;#](?:amp;)?(?:{_WORDS})=)[^\s&#;\"'<>`]+", re.IGNORECASE)
_PARAMETER_ENCODED = re.compile(
    rf"((?:%3F|%26)(?:{_WORDS})%3D)(?:(?!%26|%23)[^\s&#\"'<>])+", re.IGNORECASE
)


def without_secrets(text: str) -> str:
    """`text` with the secrets of the URLs in it replaced by `***`."""
    if "@" not in text and "=" not in text and "%" not in text:
        return text
    text = _USER.sub(rf"\1{HIDDEN}@", text)
    text = _USER_ENCODED.sub(rf"\g<1>{HIDDEN}%40", text)
    text = _PARAMETER.sub(rf"\1{HIDDEN}", text)
    return _PARAMETER_ENCODED.sub(rf"\g<1>{HIDDEN}", text)


def holds_secret(text: str) -> bool:
    """Whether there is something in `text` to strike out."""
    return without_secrets(text) != text


def redacted(value: Any, *, keep: frozenset[str] = frozenset()) -> Any:
    """A JSON value with `without_secrets` taken of each string, keys aside.

    Args:
        value: Of dicts, lists and scalars.
        keep: Keys whose string is left as it is.
    """
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {
            key: one if key in keep and isinstance(one, str) else redacted(one, keep=keep)
            for key, one in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(redacted(one, keep=keep) for one in value)
    return value
