"""The tiles of the gallery: a sample's pictures, read and drawn small, and where they are from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.strip import Strip

from sessions.errors import WbError
from workbench.app.explore.rows import RunView, row_of
from workbench.app.widgets.protocol import picture_ids
from workbench.images.terminal.protocol import Protocol, cell_pixels
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.explore.browser import Browser
    from workbench.sample import Sample

MOST = 4  # images of a tile; more of them would be specks, and the tile says how many there are


@dataclass(frozen=True)
class GallerySamples:
    """What is shown: a source, or those of its samples that a filter left.

    Attributes:
        browser: Reads the samples.
        ordinals: Those of the filter, `None` for all.
        run: Whose predictions stand beside the names.
        starred: UID -> whether it is bookmarked.
        title: What to call it.
        protocol: How tiles are drawn: `kitty` by its placeholders, which scroll as text does; any
            other graphics are tied to a place on the screen, so that half cells stand for them.
    """

    browser: Browser
    ordinals: Sequence[int] | None
    run: RunView
    starred: Callable[[str], bool]
    title: str
    protocol: Protocol = "halfcell"

    @property
    def count(self) -> int | None:
        """How many there are, `None` for an endless stream."""
        return self.browser.length if self.ordinals is None else len(self.ordinals)

    def ordinal(self, place: int) -> int:
        """The ordinal in the source of what is shown at a place."""
        return place if self.ordinals is None else self.ordinals[place]

    def place(self, ordinal: int) -> int:
        """The reverse; 0 where the filter has not this one."""
        if self.ordinals is None:
            return ordinal
        return self.ordinals.index(ordinal) if ordinal in self.ordinals else 0


@dataclass(frozen=True)
class Thumbnail:
    """One drawn sample: its UID, its label, the lines of its pictures and of its sentence.

    Attributes:
        sentence: The lines below the name, as many as were asked for or fewer.
        upload: What the terminal is sent before the lines are drawn; empty for half cells.
        remove: What frees the pictures there again.
    """

    uid: str
    label: str
    strips: tuple[Strip, ...]
    upload: str = ""
    remove: str = ""
    sentence: tuple[str, ...] = ()


def read_thumbnail(
    samples: GallerySamples, place: int, size: tuple[int, int], text_lines: int = 1
) -> Thumbnail:
    """Read and draw one sample. For worker threads; what cannot be read is drawn as its error.

    Args:
        samples: Where it stands.
        place: Which one.
        size: (columns, lines) of the tile.
        text_lines: How many of the lines the sentence has; one more is the name's.
    """
    from workbench.app.widgets.frames import ShownPicture, make_frame

    columns, lines = size[0], size[1] - text_lines
    try:
        sample = samples.browser.at(samples.ordinal(place))
    except WbError as error:
        frame = make_frame(
            [ShownPicture(None, error=error.message)], (columns, lines - 1), captions=False
        )
        return Thumbnail("", "!", tuple(frame.strips))
    protocol = samples.protocol if samples.protocol in ("kitty", "off") else "halfcell"
    cell = cell_pixels()
    pixels = cell if protocol == "kitty" else (2, 4)
    shown = _thumbnails(sample, (columns * pixels[0], lines * pixels[1]))
    frame = make_frame(
        shown,
        (columns, lines - 1),
        protocol=protocol,
        cell=cell,
        captions=False,
        first_id=next(picture_ids),
    )
    label = "!" if sample.error else clean(sample.label or "–", newlines=False)
    brief = row_of(0, sample).brief
    if len(sample.images) > MOST:
        brief = f"{MOST} of {len(sample.images)} images · {brief}"
    sentence = wrapped(brief, columns, text_lines)
    return Thumbnail(sample.uid, label, tuple(frame.strips), frame.upload, frame.remove, sentence)


def wrapped(text: str, columns: int, lines: int) -> tuple[str, ...]:
    """The first lines of a text at that width; what is cut off ends in an ellipsis."""
    from rich.cells import set_cell_size
    from rich.console import Console
    from rich.text import Text

    found = Text(text).wrap(Console(width=columns), columns) if text and lines else []
    kept = [line.plain.rstrip() for line in found[:lines]]
    if len(found) > lines and kept:
        kept[-1] = set_cell_size(kept[-1], columns - 1).rstrip() + "…"
    return tuple(kept)


def _thumbnails(sample: Sample, size: tuple[int, int]) -> list[Any]:
    from workbench.app.widgets.frames import ShownPicture
    from workbench.grounding.drawing import marks_of, sizes_of
    from workbench.grounding.gold import gold_of
    from workbench.images.decode import thumbnail

    shown = []
    gold = gold_of(sample)
    marks = marks_of(None, gold, sizes_of(sample.images)) if gold else [()] * len(sample.images)
    for ref, own in zip(sample.images[:MOST], marks, strict=False):
        try:
            shown.append(ShownPicture(thumbnail(ref, size), marks=own))
        except (WbError, OSError, ValueError, MemoryError) as error:
            shown.append(ShownPicture(None, error=getattr(error, "message", str(error))))
    return shown or [ShownPicture(None, error="no image in this sample")]
