"""The gallery: the samples of the list as a grid of thumbnails; Enter opens one in Explore.

Guarantee: reads and decodes only the samples in sight, in a worker; a split of a hundred thousand
samples or without end costs no more than one screenful, and the drawn tiles that are kept are
bounded, here and in the terminal. In kitty's protocol tiles are its own graphics, behind
placeholders that scroll as text does; elsewhere half-cells.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, cast

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Static

from workbench.app.explore.rows import MARKS
from workbench.app.explore.thumbnails import GallerySamples, Thumbnail, read_thumbnail
from workbench.app.widgets.arrangement import GAP
from workbench.app.widgets.protocol import send
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken

_KEEP = 400  # tiles: about 20 kB each
SIZES = ((18, 7), (26, 11), (38, 15), (56, 22))  # columns and lines of a tile, texts included
SENTENCE = (1, 2, 2, 3)  # lines of them that are the sentence's, below the name
_GAP = 1  # lines between tiles; columns are one more than between the pictures of one tile
_GUTTER = GAP + 1
_AHEAD = 4 * 40  # tiles that an endless stream shows beyond what was seen


class GalleryGrid(ScrollView, can_focus=True):
    """Thumbnails side by side, with a cursor on one of them."""

    HELP_TITLE = "Gallery"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "gallery--tile",
        "gallery--cursor",
        "gallery--dim",
        "gallery--star",
        "gallery--right",
        "gallery--wrong",
        "gallery--doubt",
    }
    DEFAULT_CSS = """
    GalleryGrid { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    GalleryGrid .gallery--tile { background: $surface; }
    GalleryGrid .gallery--right { color: $text-success; text-style: bold; }
    GalleryGrid .gallery--wrong { color: $text-error; text-style: bold; }
    GalleryGrid .gallery--doubt { color: $text-warning; text-style: bold; }
    GalleryGrid .gallery--cursor { background: $primary; color: $text; text-style: bold; }
    GalleryGrid .gallery--dim { color: $text-muted; }
    GalleryGrid .gallery--star { color: $warning; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1, 0)", "Left", id="gallery.left", show=False),
        Binding("right,l", "move(1, 0)", "Right", id="gallery.right", show=False),
        Binding("up,k", "move(0, -1)", "Up", id="gallery.up", show=False),
        Binding("down,j", "move(0, 1)", "Down", id="gallery.down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", id="gallery.page_up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", id="gallery.page_down", show=False),
        Binding("home", "end(False)", "First", id="gallery.first", show=False),
        Binding("end", "end(True)", "Last", id="gallery.last", show=False),
        Binding("plus,equals_sign", "resize(1)", "Larger", id="gallery.larger", key_display="+"),
        Binding("minus", "resize(-1)", "Smaller", id="gallery.smaller", key_display="-"),
    ]
    cursor: reactive[int] = reactive(0)

    class ThumbnailSelected(Message):
        """A tile was clicked twice."""

    def __init__(self, samples: GallerySamples, at: int, size: int = 1) -> None:
        super().__init__()
        self.samples = samples
        self.tile_size = size
        self.tiles: OrderedDict[int, Thumbnail] = OrderedDict()
        self._reach = at
        self.set_reactive(GalleryGrid.cursor, at)

    # -- measure ---------------------------------------------------------------------------

    @property
    def tile(self) -> tuple[int, int]:
        """(columns, lines) of a tile, no wider than there is room."""
        columns, lines = SIZES[self.tile_size]
        return min(columns, max(4, self.size.width - _GUTTER)), lines

    @property
    def across(self) -> int:
        """Tiles side by side."""
        return max(1, self.size.width // (self.tile[0] + _GUTTER))

    @property
    def count(self) -> int:
        """Tiles there are, as far as is known."""
        known = self.samples.count
        return known if known is not None else max(self._reach, self.cursor) + _AHEAD

    @property
    def ordinal(self) -> int | None:
        """The ordinal under the cursor."""
        return self.samples.ordinal(self.cursor) if self.count else None

    def _settle(self) -> None:
        """After a change of size or place: height, the cursor in sight, what is missing."""
        lines = self.tile[1] + _GAP
        rows = (self.count + self.across - 1) // self.across
        self.virtual_size = Size(max(1, self.size.width), max(1, rows * lines))
        region = Region(0, self.cursor // self.across * lines, 1, self.tile[1])
        self.scroll_to_region(region, animate=False, force=True)
        self._ask()
        self.refresh()

    def on_resize(self) -> None:
        """Another width holds other tiles."""
        self._settle()

    # -- reading ---------------------------------------------------------------------------

    def _in_sight(self) -> range:
        lines = self.tile[1] + _GAP
        first = int(self.scroll_offset.y) // lines
        last = (int(self.scroll_offset.y) + self.size.height) // lines + 1
        return range(first * self.across, min(self.count, last * self.across))

    def _ask(self) -> None:
        """Have a worker draw what is missing in sight."""
        missing = [place for place in self._in_sight() if place not in self.tiles]
        if not missing or not self.size.width:
            return
        size, samples, text_lines = self.tile, self.samples, SENTENCE[self.tile_size]
        app = cast("WbApp", self.app)

        def work(token: CancelToken) -> None:
            for place in missing:
                if token.cancelled:
                    return
                tile = read_thumbnail(samples, place, size, text_lines)
                app.call_soon(self._take, place, tile, size)

        app.tasks.run("gallery", work)

    def _take(self, place: int, tile: Thumbnail, size: tuple[int, int]) -> None:
        if not self.is_mounted or size != self.tile:
            return
        old = self.tiles.pop(place, None)
        self._free([old] if old else [])
        send(self.app, tile.upload)
        self.tiles[place] = tile
        while len(self.tiles) > _KEEP:
            self._free([self.tiles.popitem(last=False)[1]])
        self.refresh()

    def _free(self, tiles: Iterable[Thumbnail]) -> None:
        """Have the terminal forget the pictures of tiles."""
        send(self.app, "".join(tile.remove for tile in tiles))

    def on_unmount(self) -> None:
        """Free what the terminal keeps."""
        self._free(self.tiles.values())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """What came into sight is read."""
        super().watch_scroll_y(old_value, new_value)
        if self.is_mounted:
            self._ask()

    # -- moving ----------------------------------------------------------------------------

    def action_move(self, across: int, down: int) -> None:
        """One tile in a direction; at the end of a line to the next one."""
        self._go(self.cursor + across + down * self.across)

    def action_page(self, by: int) -> None:
        """A screenful."""
        rows = max(1, self.size.height // (self.tile[1] + _GAP))
        self._go(self.cursor + by * rows * self.across)

    def action_end(self, last: bool) -> None:
        """The first or the last tile known."""
        self._go(self.count - 1 if last else 0)

    def action_resize(self, by: int) -> None:
        """Larger or smaller tiles."""
        size = max(0, min(len(SIZES) - 1, self.tile_size + by))
        if size != self.tile_size:
            self.tile_size = size
            self._free(self.tiles.values())
            self.tiles.clear()
            self._settle()

    def _go(self, place: int) -> None:
        if not self.count:
            return
        self.cursor = max(0, min(place, self.count - 1))
        self._reach = max(self._reach, self.cursor)
        self._settle()

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there; a second one opens."""
        column = event.x // (self.tile[0] + _GUTTER)
        row = (int(self.scroll_offset.y) + event.y) // (self.tile[1] + _GAP)
        place = row * self.across + column
        if column < self.across and place < self.count:
            self._go(place)
            if event.chain == 2:
                self.post_message(self.ThumbnailSelected())

    # -- drawing ---------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line: a piece of each tile in its row."""
        row, line = divmod(y + int(self.scroll_offset.y), self.tile[1] + _GAP)
        width = self.size.width
        pieces: list[Strip] = []
        for place in range(row * self.across, min(self.count, (row + 1) * self.across)):
            pieces += [self._piece(place, line), Strip.blank(_GUTTER)]
        strip = Strip.join(pieces) if pieces else Strip.blank(width)
        return strip.adjust_cell_length(width).apply_style(self.rich_style)

    def _piece(self, place: int, line: int) -> Strip:
        columns, lines = self.tile
        if line >= lines:  # between two rows of tiles
            return Strip.blank(columns)
        tile = self.tiles.get(place)
        name = lines - SENTENCE[self.tile_size] - 1
        if line == name:
            strip = self._caption(place, tile, columns)
        elif tile is not None and line < name and line < len(tile.strips):
            strip = tile.strips[line].adjust_cell_length(columns)
        elif tile is not None and name < line <= name + len(tile.sentence):
            text = set_cell_size(tile.sentence[line - name - 1], columns)
            strip = Strip([Segment(text, Style())], columns)
        else:
            strip = Strip.blank(columns)
        # One ground under both pictures of a pair, their name and sentence: they belong together.
        return strip.apply_style(self.get_component_rich_style("gallery--tile"))

    def _caption(self, place: int, tile: Thumbnail | None, columns: int) -> Strip:
        base = Style()
        if place == self.cursor:
            base = self.get_component_rich_style("gallery--cursor")
        dim = base + self.get_component_rich_style("gallery--dim", partial=True)
        if tile is None:
            return Strip([Segment(set_cell_size(f" {place + 1} …", columns), dim)], columns)
        samples = self.samples
        starred = "★" if samples.starred(tile.uid) else "▸" if place == self.cursor else " "
        star = base + self.get_component_rich_style("gallery--star", partial=True)
        mark = samples.run.mark(tile.uid) if samples.run.run_id else None
        name = clean(tile.uid.split("/", 2)[-1], newlines=False)
        label = f" {tile.label}"
        label = set_cell_size(label, min(cell_len(label), columns // 2))
        room = max(1, columns - 1 - cell_len(label) - (2 if mark else 0))
        parts = [
            Segment(starred, star),
            Segment(set_cell_size(name, room), base),
            Segment(label, base),
        ]
        if mark:
            colour = {"right": "right", "wrong": "wrong", "failed": "wrong", "none": "dim"}
            look = f"gallery--{colour.get(mark, 'doubt')}"
            style = self.get_component_rich_style(look, partial=True)
            parts.append(Segment(f" {MARKS[mark][0]}", style))
        return Strip(parts, columns).adjust_cell_length(columns)


class GalleryScreen(ModalScreen["int | None"]):
    """Returns the ordinal that was opened, or `None`."""

    HELP = "Thumbnails of what the list shows, the filter included. + and - change their size."
    DEFAULT_CSS = """
    GalleryScreen { background: $background; }
    GalleryScreen > Static { height: 1; padding: 0 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="gallery.open"),
        Binding("escape,q,G", "leave", "Back", id="gallery.leave"),
    ]

    def __init__(self, samples: GallerySamples, at: int, size: int = 1) -> None:
        super().__init__()
        self.grid = GalleryGrid(samples, at, size)

    def compose(self) -> ComposeResult:
        """The grid between its title and the keys."""
        yield Static(Text(clean(self.grid.samples.title, newlines=False), style="bold"))
        yield self.grid
        yield Static(
            "Enter opens · arrows or hjkl move · + - size · Esc back", id="keys", markup=False
        )

    def on_mount(self) -> None:
        """The grid takes the keys."""
        self.grid.focus()

    def on_gallery_grid_thumbnail_selected(self, event: GalleryGrid.ThumbnailSelected) -> None:
        """A second click opens."""
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        """Go to the sample under the cursor."""
        self.dismiss(self.grid.ordinal)

    def action_leave(self) -> None:
        """Back to where one was."""
        self.dismiss(None)

    def on_unmount(self) -> None:
        """Nobody waits for the tiles any more."""
        cast("WbApp", self.app).tasks.cancel("gallery")
