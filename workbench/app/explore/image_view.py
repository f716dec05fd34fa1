"""The image or the pair of a sample, as large as fits, with heat over it: the hero of Explore.

Guarantee: decoding, scaling and laying heat over run in a thread worker; the last picture stays
until the next one is ready, so that stepping through samples does not flicker. Only the newest
request is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from sessions.errors import WbError
from workbench.app.widgets.frames import Box, Frame, Look, Shown, make_frame
from workbench.app.widgets.protocol import (
    Protocol,
    cell_pixels,
    choose_protocol,
    picture_ids,
    send,
)

if TYPE_CHECKING:
    from textual.timer import Timer

    from workbench.app.app import WbApp
    from workbench.app.tasks import Token
    from workbench.sample import Sample

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class ImageView(Widget):
    """Shows one sample's images.

    `show(sample)` changes the sample, `show_heat(maps)` lays heat over its images (`None` takes
    it off), `look` is how.
    """

    HELP_TITLE = "Image"
    DEFAULT_CSS = """
    ImageView { width: 1fr; height: 1fr; min-height: 4; }
    """

    class Drawn(Message):
        """A new picture is on the screen."""

    def __init__(self, setting: str = "auto", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.protocol: Protocol = choose_protocol(setting)
        self.look = Look()
        self.uid: str | None = None
        self._frame: Frame | None = None
        self._pictures: tuple[Shown, ...] = ()
        self._heat: tuple[Any, ...] | None = None
        self._sample: Sample | None = None
        self._note = ""
        self._ground = Style()
        self._wait: str = ""
        self._turn = 0
        self._timer: Timer | None = None

    # -- what to show ----------------------------------------------------------------------

    def show(self, sample: Sample | None, note: str = "") -> None:
        """Show a sample's images, or a note where there is no sample."""
        self._sample, self._heat, self._note = sample, None, note
        self.uid = sample.uid if sample else None
        self._draw(decode=True)

    def show_heat(self, maps: Sequence[Any] | None) -> None:
        """Lay heat over: one (h, w) array in 0..1 per image, `None` for none."""
        self._heat = tuple(maps) if maps is not None else None
        self._draw()

    def set_look(self, look: Look) -> None:
        """Change opacity and colour map."""
        if look != self.look:
            self.look = look
            if self._heat is not None:
                self._draw()

    def wait(self, what: str = "") -> None:
        """A moving sign with these words in the corner, until called with none."""
        self._wait = what
        if what and self._timer is None:
            self._timer = self.set_interval(0.1, self._spin)
        elif not what and self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.refresh()

    @property
    def bench(self) -> WbApp:
        """The app, by its own type."""
        return cast("WbApp", self.app)

    @property
    def hot(self) -> bool:
        """Whether heat lies over the images."""
        return self._heat is not None

    @property
    def boxes(self) -> list[Box]:
        """Where each image lies, in cells of this widget."""
        return self._frame.boxes if self._frame else []

    # -- drawing ---------------------------------------------------------------------------

    def _spin(self) -> None:
        self._turn += 1
        self.refresh(Region(0, 0, self.size.width, 1))

    def on_resize(self) -> None:
        """The picture is made anew for the new size."""
        self._draw()

    def _draw(self, *, decode: bool = False) -> None:
        """Ask a worker for a new frame; the older requests are dropped."""
        if not self.is_mounted or not self.size:
            return
        if self._sample is None or not self._sample.images:
            self.bench.tasks.cancel("frame")
            self._pictures = ()
            self._take(Frame([]), ())
            return
        sample, heat, area, look = self._sample, self._heat, self.size, self.look
        pictures = () if decode else self._pictures
        size = (area.width, area.height)
        self.bench.tasks.run(
            "frame", lambda token: self._work(token, sample, pictures, heat, size, look)
        )

    def _work(
        self,
        token: Token,
        sample: Sample,
        pictures: tuple[Shown, ...],
        heat: tuple[Any, ...] | None,
        area: tuple[int, int],
        look: Look,
    ) -> None:
        """In a thread: decode where needed, make the frame, hand it over."""
        if not pictures:
            pictures = decode_images(sample)
        drawn = pictures
        if heat is not None:
            drawn = tuple(
                replace(p, heat=heat[i] if i < len(heat) else None) for i, p in enumerate(pictures)
            )
        if token.cancelled:
            return
        frame = make_frame(
            drawn,
            area,
            protocol=self.protocol,
            cell=cell_pixels(),
            look=look,
            first_id=next(picture_ids),
        )
        if not token.cancelled:
            self.bench.call_soon(self._take, frame, pictures, sample)

    def _take(
        self, frame: Frame, pictures: tuple[Shown, ...], sample: Sample | None = None
    ) -> None:
        """On the event loop: show a frame that a worker made."""
        if sample is not None and sample is not self._sample:
            return
        self._write(self._frame.remove if self._frame else "")
        self._write(frame.upload)
        self._frame, self._pictures = frame, pictures
        self.refresh()
        self.post_message(self.Drawn())

    def _write(self, sequence: str) -> None:
        send(self.app, sequence)

    def on_unmount(self) -> None:
        """Free what the terminal keeps."""
        if self._frame is not None:
            self._write(self._frame.remove)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines in sight; their common ground is found once for all of them."""
        self._ground = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the frame on the widget's own ground."""
        return self._line(y).apply_style(self._ground)

    def _line(self, y: int) -> Strip:
        """One line of the frame; of sixels and the like, the last one carries the data."""
        width = self.size.width
        frame = self._frame
        if frame is None or not frame.strips:
            return self._empty_line(y, width)
        strip = frame.strips[y] if y < len(frame.strips) else Strip.blank(width)
        strip = strip.adjust_cell_length(width)
        if self._wait and y == 0:
            strip = self._with_wait(strip, width)
        if frame.stamps and y == min(len(frame.strips), self.size.height) - 1:
            strip = self._with_stamps(strip, frame)
        return strip

    def _with_wait(self, strip: Strip, width: int) -> Strip:
        from rich.cells import set_cell_size

        text = f" {_SPINNER[self._turn % len(_SPINNER)]} {self._wait} "
        text = set_cell_size(text, min(width, len(text)))
        head = Strip([Segment(text, Style(reverse=True))], len(text))
        return Strip.join([head, strip.crop(len(text), width)])

    def _with_stamps(self, strip: Strip, frame: Frame) -> Strip:
        """Pictures are written after the last line's cells, each at its own place."""
        if self.app.screen is not self.screen:
            return strip
        left, top = self.content_region.offset
        parts = [
            f"\x1b7\x1b[{top + box.y + 1};{left + box.x + 1}H{data}\x1b8"
            for box, data in frame.stamps
            if data
        ]
        extra = [Segment(part, None, [(0,)]) for part in parts]  # type: ignore[list-item]
        return Strip([*strip, *extra], strip.cell_length)

    def _empty_line(self, y: int, width: int) -> Strip:
        text = ""
        if y == self.size.height // 2:
            text = self._note
            if self._sample is not None and not self._sample.images:
                text = "no image in this sample"
            if self._wait:
                text = f"{_SPINNER[self._turn % len(_SPINNER)]} {self._wait}"
        if not text:
            return Strip.blank(width)
        text = text[:width]
        pad = (width - len(text)) // 2
        line = " " * pad + text
        return Strip([Segment(line.ljust(width), Style(dim=True))], width)


def decode_images(sample: Sample) -> tuple[Shown, ...]:
    """Decode a sample's images; what cannot be decoded becomes its error. For worker threads."""
    shown = []
    for number, ref in enumerate(sample.images):
        name = ref.name or (f"image {number + 1}" if len(sample.images) > 1 else "")
        try:
            image = ref.load()
        except WbError as error:
            shown.append(Shown(None, name, error=error.message))
            continue
        except (OSError, ValueError, MemoryError) as error:
            shown.append(Shown(None, name, error=f"cannot be decoded: {error}"))
            continue
        size = f"{image.width}×{image.height}"
        shown.append(Shown(image, f"{name} {size}".strip()))
    return tuple(shown)
