"""What the parts of a training share: texts, images, and whole samples of them.

An adapter that was evaluated on what it was trained on, or chosen by what it is reported on, has a
figure that says little. Guarantee: texts are compared by their words (case and spacing aside) and
images by their bytes; what could not be compared is counted. A file is read only where another
part has one of the same size. Not for what merely looks alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.similar.texts import text_key

if TYPE_CHECKING:
    from workbench.sample import ImageRef, Sample

_SHOWN = 3


@dataclass(frozen=True)
class _Print:
    """A sample by what is compared.

    Attributes:
        text: Digest of its texts by role, empty where it has none.
        images: Digest of each image whose size another part has, `None` for the others.
    """

    uid: str
    text: bytes
    images: tuple[bytes | None, ...]


@dataclass(frozen=True)
class Overlap:
    """What one part shares with another.

    Attributes:
        part, other: `dataset/split` of both.
        texts, images, pairs: UIDs of `part` whose texts, any image, or both as a whole stand in
            `other` too, each with one of `other`.
        total: Samples of `part`.
        unchecked: How many images of either could not be compared.
        texts_recur: Texts that are the same are no leak by themselves: questions recur.
    """

    part: str
    other: str
    texts: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    pairs: dict[str, str] = field(default_factory=dict)
    total: int = 0
    unchecked: int = 0
    texts_recur: bool = False

    @property
    def leaks(self) -> dict[str, str]:
        """The samples of `part` that should not be there, with those of `other`."""
        return self.pairs | self.images | ({} if self.texts_recur else self.texts)

    def words(self) -> str:
        """One line that counts and names; empty where nothing is shared and all was compared."""
        kinds = [(self.images, "the images"), (self.pairs, "both")]
        if not self.texts_recur:
            kinds.insert(0, (self.texts, "the texts"))
        found = [f"{what} of {len(shared)}" for shared, what in kinds if shared]
        parts = []
        if found:
            first = list(self.leaks.items())[:_SHOWN]
            named = ", ".join(f"{mine} and {other}" for mine, other in first)
            more = ", …" if len(self.leaks) > _SHOWN else ""
            parts.append(
                f"{self.part} ({self.total} samples) shares with {self.other} {', '.join(found)}: "
                f"{named}{more}"
            )
        if self.unchecked:
            parts.append(
                f"{self.unchecked} images of {self.part} and {self.other} were not compared: they "
                "lie at URLs or cannot be read"
            )
        return "; ".join(parts)

    def to_json(self) -> dict[str, object]:
        """Counts, and the first of each."""
        return {
            "part": self.part,
            "other": self.other,
            "total": self.total,
            **{kind: len(getattr(self, kind)) for kind in ("texts", "images", "pairs")},
            "unchecked": self.unchecked,
            "examples": [list(pair) for pair in list(self.leaks.items())[:_SHOWN]],
        }


class OverlapPart:
    """The samples of one part, looked at once.

    Args:
        name: `dataset/split`, for messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.recurs = False
        self.unchecked = 0
        self._samples: list[tuple[str, bytes, list[tuple[int, ImageRef | bytes] | None]]] = []

    def add(self, sample: Sample) -> None:
        """Look at a sample: its texts, and how large its images are."""
        self.recurs = self.recurs or sample.task == "question"
        images = [_sized(ref) for ref in sample.images]
        self.unchecked += images.count(None)
        self._samples.append((sample.uid, text_key(sample.texts), images))

    def sizes(self) -> set[int]:
        """Bytes of each image."""
        return {image[0] for _, _, images in self._samples for image in images if image}

    def prints(self, sizes: set[int]) -> list[_Print]:
        """The samples with the digests of those images whose size is in `sizes`."""
        return [
            _Print(uid, text, tuple(self._digest(image, sizes) for image in images))
            for uid, text, images in self._samples
        ]

    def _digest(self, image: tuple[int, ImageRef | bytes] | None, sizes: set[int]) -> bytes | None:
        if image is None or image[0] not in sizes:
            return None
        what = image[1]
        if isinstance(what, bytes):
            return what
        try:
            return _hash(what.read())
        except WbError:
            self.unchecked += 1
            return None


def part_of(name: str, samples: Iterable[Sample]) -> OverlapPart:
    """A part out of its samples."""
    part = OverlapPart(name)
    for sample in samples:
        part.add(sample)
    return part


def compare(part: OverlapPart, other: OverlapPart) -> Overlap:
    """What `part` shares with `other`."""
    sizes = part.sizes() & other.sizes()
    theirs = other.prints(sizes)
    texts = {print_.text: print_.uid for print_ in reversed(theirs) if print_.text}
    images = {image: p.uid for p in reversed(theirs) for image in p.images if image}
    pairs = {(p.text, p.images): p.uid for p in reversed(theirs) if _whole(p)}
    mine_all = part.prints(sizes)
    found = Overlap(
        part.name,
        other.name,
        total=len(mine_all),
        unchecked=part.unchecked + other.unchecked,
        texts_recur=part.recurs and other.recurs,
    )
    for mine in mine_all:
        if mine.text in texts:
            found.texts[mine.uid] = texts[mine.text]
        shared = next((images[image] for image in mine.images if image in images), None)
        if shared is not None:
            found.images[mine.uid] = shared
        if _whole(mine) and (mine.text, mine.images) in pairs:
            found.pairs[mine.uid] = pairs[mine.text, mine.images]
    return found


def _whole(print_: _Print) -> bool:
    return bool(print_.text) and bool(print_.images) and None not in print_.images


def _sized(ref: ImageRef) -> tuple[int, ImageRef | bytes] | None:
    """The size in bytes, and the digest or where to read it; `None` where it is not to be had.

    Bytes that are in memory are digested at once, so that they need not be held.
    """
    if ref.data is not None:
        return len(ref.data), _hash(ref.data)
    if ref.path is None:
        return None
    try:
        return ref.path.stat().st_size, ref
    except (OSError, ValueError):
        return None


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
