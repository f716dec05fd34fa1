"""The identity of a sample: `dataset/split/native-id`, the same however the data are read.

Guarantee: `str(Uid.parse(text)) == text`, and `to_filename()` gives one bounded, portable name
that cannot leave its folder. Not for making identities up: the native id comes from the data.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from sessions.errors import BadUid

# File systems end a name at 255 bytes; what is left over is for suffixes and temporary names.
MAX_FILENAME = 180
_HASH_DIGITS = 24
_HINT = "a UID is dataset/split/native-id, for example demo/test/000012"


@dataclass(frozen=True, order=True)
class Uid:
    """One sample's identity.

    Attributes:
        dataset: Name of the dataset; holds no slash.
        split: Name of the split; holds no slash.
        native: The id that the data themselves give; may hold anything, slashes included.
    """

    dataset: str
    split: str
    native: str

    def __post_init__(self) -> None:
        for role, part in (("dataset", self.dataset), ("split", self.split)):
            if not part or part in {".", ".."} or "/" in part or _has_control(part):
                raise BadUid(f"{part!r} cannot be the {role} of a UID", hint=_HINT)
        if not self.native:
            raise BadUid(f"the UID {str(self)!r} has an empty native id", hint=_HINT)
        try:
            str(self).encode("utf-8")
        except UnicodeEncodeError:
            raise BadUid(
                f"the UID {str(self)!r} holds half a surrogate pair",
                hint="the id column was read with the wrong encoding",
            ) from None

    @classmethod
    def parse(cls, text: str | Uid) -> Uid:
        """Split `text` at its first two slashes. Raises `BadUid` where it is no UID."""
        if isinstance(text, Uid):
            return text
        parts = text.split("/", 2) if isinstance(text, str) else []
        if len(parts) != 3:
            raise BadUid(f"{text!r} is not a UID", hint=_HINT)
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.dataset}/{self.split}/{self.native}"

    def to_filename(self) -> str:
        """A file name of at most `MAX_FILENAME` ASCII characters, without any separator.

        Names that fit are percent-escaped and can be read back by `from_filename`; longer ones
        are cut and end in `~` and a hash, still one name per UID.
        """
        # quote() leaves "~" and "." alone: the one marks a cut name, the other hides a file.
        name = quote(str(self), safe="").replace("~", "%7E")
        if name.startswith("."):
            name = "%2E" + name[1:]
        if len(name) <= MAX_FILENAME:
            return name
        digest = hashlib.sha256(str(self).encode()).hexdigest()[:_HASH_DIGITS]
        head = re.sub(r"%.?$", "", name[: MAX_FILENAME - _HASH_DIGITS - 1])
        return f"{head}~{digest}"

    @classmethod
    def from_filename(cls, name: str) -> Uid:
        """The reverse of `to_filename`.

        Raises `BadUid` for a name that was cut, since its UID cannot be read from it.
        """
        if "~" in name:
            raise BadUid(
                f"the file name {name!r} was shortened: its UID cannot be read from it",
                hint="look the UID up in the manifest or record that names the file",
            )
        try:
            return cls.parse(unquote_to_bytes(name).decode("utf-8"))
        except UnicodeDecodeError:
            raise BadUid(f"the file name {name!r} is not that of a UID", hint=_HINT) from None


def _has_control(text: str) -> bool:
    return any(unicodedata.category(c) == "Cc" for c in text)


def by_number(uid: str) -> tuple[tuple[int, str], ...]:
    """A key by which `demo/test/4` sorts before `demo/test/11`."""
    parts = re.split("([0-9]+)", uid)  # texts and numbers in turn
    numbers = {at: part.lstrip("0") for at, part in enumerate(parts) if at % 2}
    return tuple((len(numbers.get(at, "")), numbers.get(at, part)) for at, part in enumerate(parts))
