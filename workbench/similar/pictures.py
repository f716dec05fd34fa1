"""What tells that two pictures are the same, without a model.

Three things are kept of a picture: the SHA-256 of its bytes, a digest of its decoded pixels, and
the picture at 16 × 16 pixels. Two pictures of one digest are the same for sure. How alike two
others are is the correlation of their small versions (Pearson's r over 16 × 16 × 3 values): another
brightness or contrast, another compression and another size leave it near 1. Not for pictures that
are mirrored, or cropped by more than a few percent: see the features of a model for these.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from sessions.kept_vectors import KeptVectors
    from workbench.sample import ImageRef

SIDE = 16
"""Pixels of the small version, across and down."""
NEAR = 0.98
"""From this correlation on two pictures count as nearly the same; measured in docs/datasets.md."""
_SCOPE = f"pixels 1, {SIDE}"  # raised when digest or small version are made in another way
_DIGEST = 16
_AT_ONCE = 256  # pictures that are kept in one transaction


@dataclass(frozen=True)
class ComparedPicture:
    """One picture of a sample.

    Attributes:
        sha256: Of its encoded bytes.
        pixels: Digest of its size and its decoded RGB pixels.
        small: (16, 16, 3) values of 0 to 255, row after row.
    """

    sha256: str
    pixels: bytes
    small: bytes


class PictureBook:
    """Pictures as they were seen, remembered in the home by the hash of their bytes.

    Args:
        kept: Where; `None` remembers nothing.
    """

    def __init__(self, kept: KeptVectors | None = None) -> None:
        self._kept = kept
        self._new: dict[str, bytes] = {}

    def look(self, refs: Sequence[ImageRef]) -> list[tuple[ComparedPicture, bytes] | ImageError]:
        """Each picture with its encoded bytes, or why it cannot be had."""
        read: list[tuple[str, bytes] | ImageError] = []
        for ref in refs:
            try:
                data = ref.read()
                read.append((hashlib.sha256(data).hexdigest(), data))
            except ImageError as error:
                read.append(error)
        wanted = [each[0] for each in read if not isinstance(each, ImageError)]
        known = self._find(wanted)
        found: list[tuple[ComparedPicture, bytes] | ImageError] = []
        for ref, each in zip(refs, read, strict=True):
            if isinstance(each, ImageError):
                found.append(each)
                continue
            try:
                body = known.get(each[0]) or self._made(ref, *each)
            except ImageError as error:
                found.append(error)
                continue
            picture = ComparedPicture(each[0], body[:_DIGEST], body[_DIGEST:])
            found.append((picture, each[1]))
        return found

    def close(self) -> None:
        """Keep what is not kept yet."""
        self._flush()

    def _find(self, wanted: list[str]) -> dict[str, bytes]:
        known = {each: self._new[each] for each in wanted if each in self._new}
        missing = [each for each in wanted if each not in known]
        if self._kept is not None and missing:
            with contextlib.suppress(WbError):  # a file that cannot be used costs time alone
                known |= self._kept.find(_SCOPE, missing)
        return known

    def _made(self, ref: ImageRef, sha256: str, data: bytes) -> bytes:
        from workbench.images.decode import decode, name_of

        body = small_of(decode(data, name_of(ref)))
        self._new[sha256] = body
        if len(self._new) >= _AT_ONCE:
            self._flush()
        return body

    def _flush(self) -> None:
        if self._kept is not None and self._new:
            with contextlib.suppress(WbError):
                self._kept.keep(_SCOPE, self._new)
        self._new = {}


def small_of(image: Image.Image) -> bytes:
    """The digest of an RGB picture's pixels, then the picture at 16 × 16: 784 bytes."""
    from PIL import Image

    digest = hashlib.blake2b(f"{image.width} {image.height} ".encode(), digest_size=_DIGEST)
    digest.update(image.tobytes())
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=None)
    return digest.digest() + small.tobytes()


def standardised(smalls: Sequence[bytes]) -> np.ndarray:
    """Small pictures as rows whose dot products are correlations.

    Returns:
        (n, 768) float32 of mean 0 and length 1; NaN where all values are one, which correlates
        with nothing.
    """
    import numpy as np

    rows = np.frombuffer(b"".join(smalls), np.uint8).reshape(len(smalls), SIDE * SIDE * 3)
    rows = rows.astype(np.float32)
    rows -= rows.mean(1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(length > 0, rows / length, np.float32(np.nan))
