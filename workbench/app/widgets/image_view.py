"""The image or the pair of a sample, as large as fits, with heat over it: the hero of Explore.

Guarantee: what is drawn belongs to the sample in view. `show` names its UID, and from then on no
cell of another sample's picture is drawn: a frame carries the UID that it was made for, and is
checked against the one in view when it arrives and when it is drawn. Until the new one is there,
a moving sign says what is being waited for. Decoding, scaling and laying heat over run in
workers; one that decodes what nobody looks at any more holds up nobody.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from workbench.app.widgets.arrangement import Box
from workbench.app.widgets.frames import Frame, HeatLook, make_frame
from workbench.app.widgets.pictures import Pictures
from workbench.app.widgets.places import ShownPlaces
from workbench.app.widgets.protocol import picture_ids, send
from workbench.app.widgets.readable import is_final
from workbench.errors import Cancelled
from workbench.images.terminal.protocol import Protocol, cell_pixels, choose_protocol
from workbench.text import clean

if TYPE_CHECKING:
    from textual.timer import Timer

    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken
    from workbench.sample import Sample

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_views = itertools.count()


@dataclass(frozen=True)
class MadeFrame:
    """A frame and whose it is."""

    uid: str
    frame: Frame


class ImageView(Widget):
    """Shows one sample's images.

    `show(sample)` changes the sample, `show_heat(maps)` lays heat over its images (`None` takes
    it off), `look` is how; `show_places(places)` draws boxes and points.
    """

    HELP_TITLE = "Image"
    DEFAULT_CSS = """
    ImageView { width: 1fr; height: 1fr; min-height: 4; }
    """

    class Drawn(Message):
        """A new picture is on the screen."""

    def __init__(self, setting: str = "auto", *, captions: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.protocol: Protocol = choose_protocol(setting)
        self.look = HeatLook()
        self.uid: str | None = None
        self._captions = captions
        self._pictures: Pictures | None = None
        self._made: MadeFrame | None = None
        self._heat: tuple[Any, ...] | None = None
        self._places: ShownPlaces | None = None
        self._note = ""
        self._ground = Style()
        self._wait = self._coming = self._away = ""
        self._turn = 0
        self._timer: Timer | None = None
        # A worker cannot be stopped while it decodes: another sample then takes a free lane.
        view = next(_views)
        self._lanes = (f"frame {view}a", f"frame {view}b")
        self._lane = self._lanes[0]
        self._newest = 0

    # -- what to show ----------------------------------------------------------------------

    def show(self, sample: Sample | None, note: str = "") -> None:
        """Show a sample's images, or a note where there is no sample; what was there goes now."""
        self._heat, self._places, self._note, self._away = None, None, note, ""
        self.uid = sample.uid if sample else None
        self._give_up()
        self._pictures = Pictures(sample) if sample else None
        if sample is not None and not sample.images:
            self._note = "no image in this sample"
        self._forget()
        self._come("")
        self._take_lane()
        self._draw()

    def leave(self, what: str = "") -> None:
        """Another sample is being read: no picture is drawn until called with none, or `show`."""
        picture, self._away = self._frame, what
        self._run_sign(whole=self._frame is not picture)

    def show_heat(self, maps: Sequence[Any] | None) -> None:
        """Lay heat over: one (h, w) array in 0..1 per image, `None` for none."""
        self._heat = tuple(maps) if maps is not None else None
        self._draw()

    def show_places(self, places: ShownPlaces | None) -> None:
        """Draw boxes and points over the images, `None` for none."""
        if places != self._places:
            self._places = places
            self._draw()

    def set_look(self, look: HeatLook) -> None:
        """Change opacity and colour map."""
        if look != self.look:
            self.look = look
            if self._heat is not None:
                self._draw()

    def wait(self, what: str = "") -> None:
        """A moving sign with these words in the corner, until called with none."""
        self._wait = what
        self._run_sign()

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

    @property
    def _frame(self) -> Frame | None:
        """The frame to draw: that of the sample in view, or none."""
        made = self._made
        return made.frame if made and made.uid == self.uid and not self._away else None

    def _come(self, what: str) -> None:
        """Say what the picture waits for, or that it is there."""
        self._coming = what
        self._run_sign()

    def _run_sign(self, *, whole: bool = True) -> None:
        """The sign moves while there is something to wait for."""
        busy = bool(self._wait or self._coming or self._away)
        if busy and self._timer is None and self.is_mounted:
            self._timer = self.set_interval(0.1, self._spin)
        elif not busy and self._timer is not None:
            self._timer.stop()
            self._timer = None
        if whole:
            self.refresh()
        else:
            self._refresh_sign()

    def _spin(self) -> None:
        self._turn += 1
        self._refresh_sign()

    def _refresh_sign(self) -> None:
        line = 0 if self._frame else self.size.height // 2
        self.refresh(Region(0, line, self.size.width, 1))

    def on_resize(self) -> None:
        """The picture is made anew for the new size."""
        self._draw()

    def _take_lane(self) -> None:
        """Have nobody wait for another sample's pictures, and a lane without such work."""
        if not self.is_mounted:
            return
        tasks = self.bench.tasks
        for lane in self._lanes:
            tasks.cancel(lane)
        self._lane = next((lane for lane in self._lanes if not tasks.busy(lane)), self._lane)

    def _draw(self) -> None:
        """Ask a worker for a new frame; the older requests are dropped."""
        self._newest += 1
        if not self.is_mounted or not self.size or not self._pictures:
            return
        pictures, look = self._pictures, self.look
        heat, places = self._heat, self._places
        size, number = (self.size.width, self.size.height), self._newest
        if self._made is None and not self._coming:
            self._come("decoding")

        def work(token: CancelToken) -> None:
            try:
                self._work(token, number, pictures, (heat, places), size, look)
            except Exception:
                self.bench.call_soon(self._undrawn, number)
                raise

        self.bench.tasks.run(self._lane, work)

    def _work(
        self,
        token: CancelToken,
        number: int,
        pictures: Pictures,
        over: tuple[tuple[Any, ...] | None, ShownPlaces | None],
        area: tuple[int, int],
        look: HeatLook,
    ) -> None:
        """In a thread: decode where needed, make the frame, hand it over."""
        if not pictures.decoded:
            self.bench.call_soon(self._expect, pictures, pictures.coming())
        try:
            shown, (heat, places) = pictures.get(), over
        except Cancelled:
            return
        if places is not None:
            shown = places.on(shown)
        if heat is not None:
            shown = tuple(
                replace(p, heat=heat[i] if i < len(heat) else None) for i, p in enumerate(shown)
            )
        if token.cancelled:
            return
        frame = make_frame(
            shown,
            area,
            protocol=self.protocol,
            cell=cell_pixels(),
            look=look,
            captions=self._captions,
            first_id=next(picture_ids),
        )
        if not token.cancelled:
            self.bench.call_soon(self._take, number, MadeFrame(pictures.uid, frame))

    def _expect(self, pictures: Pictures, what: str) -> None:
        """On the event loop: how much there is to decode is known."""
        if pictures is self._pictures and self._coming:
            self._come(what)

    def _take(self, number: int, made: MadeFrame) -> None:
        """On the event loop: show a frame that a worker made, where it is still wanted."""
        if made.uid != self.uid or number != self._newest:
            return
        self._forget()
        self._write(made.frame.upload)
        self._made = made
        self._come("")
        self.post_message(self.Drawn())

    def _give_up(self) -> None:
        """Nobody waits for the pictures any more."""
        if self._pictures is not None:
            self._pictures.leave()

    def _undrawn(self, number: int) -> None:
        """On the event loop: no frame comes; the reason is in the error panel."""
        if number == self._newest:
            self._note = "the picture could not be drawn"
            self._come("")

    def _forget(self) -> None:
        """What was drawn goes, from the terminal's memory too."""
        if self._made is not None:
            self._write(self._made.frame.remove)
            self._made = None

    def _write(self, sequence: str) -> None:
        send(self.app, sequence)

    def on_unmount(self) -> None:
        """Free what the terminal keeps; nobody waits for the pictures any more."""
        self._forget()
        self._give_up()
        for lane in self._lanes:
            self.bench.tasks.cancel(lane)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines in sight; their common ground is found once for all of them."""
        self._ground = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the frame on the widget's own ground."""
        strip, ground = self._line(y), self._ground
        # A picture's cells have a ground: to add the widget's to each takes as long as to draw it.
        segments = [
            Segment(text, ground if style is None else ground + style, control)
            if style is None or not is_final(style)
            else Segment(text, style, control)
            for text, style, control in strip
        ]
        return Strip(segments, strip.cell_length)

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
            waits = self._away or self._wait or self._coming
            text = f"{_SPINNER[self._turn % len(_SPINNER)]} {waits} …" if waits else self._note
        if not text:
            return Strip.blank(width)
        text = clean(text, newlines=False)
        text = set_cell_size(text, min(width, cell_len(text)))
        line = set_cell_size(" " * ((width - cell_len(text)) // 2) + text, width)
        return Strip([Segment(line, Style(dim=True))], width)
