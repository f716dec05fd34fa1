"""The images of one sample on their way to the screen: decoded once, by whichever worker asks.

Guarantee: touches no widget; what cannot be decoded becomes its error. Not for drawing: `frames`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.app.widgets.frames import ShownPicture
from workbench.errors import Cancelled

if TYPE_CHECKING:
    from workbench.sample import ImageRef, Sample


class Pictures:
    """What is decoded of a sample, bound to its UID.

    Attributes:
        uid: The sample's. A frame made of these pictures is drawn only while that is in view.
    """

    def __init__(self, sample: Sample) -> None:
        self.uid, self._refs = sample.uid, sample.images
        self._lock = threading.Lock()
        self._shown: tuple[ShownPicture, ...] | None = None
        self._left = threading.Event()

    def __bool__(self) -> bool:
        return bool(self._refs)

    @property
    def decoded(self) -> bool:
        """Whether `get` has nothing left to wait for."""
        return self._shown is not None

    def get(self) -> tuple[ShownPicture, ...]:
        """The decoded pictures; the first call decodes, others wait for it. For workers.

        Raises:
            Cancelled: Another sample came into view before all were there.
        """
        with self._lock:
            if self._shown is None:
                self._shown = decode_images(self._refs, self._left.is_set)
            return self._shown

    def leave(self) -> None:
        """Another sample is in view: what is being fetched is given up."""
        self._left.set()

    def coming(self) -> str:
        """What is being waited for, in words: `decoding 45 MB`, `fetching`. For workers."""
        if any(ref.url and not ref.url.startswith("data:") for ref in self._refs):
            return "fetching"
        size = sum(_bytes_of(ref) for ref in self._refs)
        return f"decoding {size_words(size)}" if size else "decoding"


def decode_images(
    refs: tuple[ImageRef, ...], given_up: Callable[[], bool]
) -> tuple[ShownPicture, ...]:
    """Decode images; what cannot be decoded becomes its error. For workers.

    Raises:
        Cancelled: `given_up()` says that nobody waits for them any more.
    """
    from workbench.images.fetch import fetched_unless

    with fetched_unless(given_up):
        return tuple(_decoded(refs, given_up))


def _decoded(refs: tuple[ImageRef, ...], given_up: Callable[[], bool]) -> Iterator[ShownPicture]:
    for number, ref in enumerate(refs):
        name = ref.name or (f"image {number + 1}" if len(refs) > 1 else "")
        if given_up():
            raise Cancelled("another sample is in view")
        try:
            image = ref.load()
        except Cancelled:
            raise
        except WbError as error:
            yield ShownPicture(None, name, error=error.message)
            continue
        except (OSError, ValueError, MemoryError) as error:
            yield ShownPicture(None, name, error=f"cannot be decoded: {error}")
            continue
        size = f"{image.width}×{image.height}"
        yield ShownPicture(image, f"{name} {size}".strip())


def size_words(size: int) -> str:
    """`45 MB`, `812 kB`."""
    return f"{size / 1e6:.0f} MB" if size >= 999_500 else f"{max(1, round(size / 1e3))} kB"


def _bytes_of(ref: ImageRef) -> int:
    """Encoded bytes, 0 where they are not known without reading."""
    if ref.data is not None:
        return len(ref.data)
    try:
        return os.stat(ref.path).st_size if ref.path is not None else 0  # noqa: PTH116
    except (OSError, ValueError):
        return 0
