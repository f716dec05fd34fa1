"""Answers as tiles side by side, filling in as they stream; a cursor stands on one of them.

Guarantee: draws only what is in sight, and wraps a text again only where it changed; what a model
wrote is cleaned and never read as markup. Tiles line up under the last axis where its values fit
side by side. Not for asking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.app.explore.sweep_axes import LABELS
from workbench.app.lists.draw import SPINNER, fit, plain
from workbench.app.lists.palette import PALETTE
from workbench.app.sessions.tables import prompt_sign
from workbench.grounding.answered import recorded_regions
from workbench.models.names import adapter_name, model_name
from workbench.playground.answer_diff import aligned, words_of
from workbench.reports.silence import answered_nothing
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from workbench.playground.question import Question

HEIGHTS = (4, 6, 9, 14)  # lines of a tile, caption and facts included
_NARROWEST = 26
_GAP = 1


@dataclass
class AnswerTile:
    """One cell as it is shown.

    Attributes:
        values: What it has of the axes.
        question: What is asked; `None` where it cannot be.
        text: What was said so far.
        tokens: How many tokens that is.
        record: Of the whole answer.
        problem: Why there is none.
    """

    values: Mapping[str, Any]
    question: Question | None = None
    text: str = ""
    tokens: int = 0
    record: PromptRecord | None = None
    problem: str = ""
    _drawn: tuple[Any, list[Strip]] | None = field(default=None, repr=False)

    @property
    def state(self) -> str:
        """`waiting`, `asking`, `done` or `failed`."""
        if self.problem:
            return "failed"
        if self.record is not None:
            return "done"
        return "asking" if self.tokens else "waiting"

    @property
    def caption(self) -> str:
        """What it has of the axes, in a line; what changes from tile to tile first."""
        words = [value_words(name, value) for name, value in self.values.items()]
        return " · ".join(reversed(words)) or "the one answer"


def value_words(name: str, value: Any) -> str:
    """`temp 0.7`; a template, model or adapter by its own name."""
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    if name == "template":
        return "free text" if value is None else shown.partition("/")[2] or shown
    if name in ("model", "adapter"):
        if value is None:
            return f"no {name}"
        return model_name(shown) if name == "model" else f"+{adapter_name(shown)}"
    return f"{LABELS.get(name, name)} {shown}"


class AnswerGrid(ScrollView, can_focus=True):
    """The tiles."""

    HELP_TITLE = "Answers"
    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--cursor", "grid--caption"}
    DEFAULT_CSS = """
    AnswerGrid { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    AnswerGrid .grid--caption { background: $boost; }
    AnswerGrid .grid--cursor { background: $primary 40%; text-style: bold; }
    AnswerGrid:focus .grid--cursor { background: $primary; color: $text; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1, 0)", "Left", id="grid.left", show=False),
        Binding("right,l", "move(1, 0)", "Right", id="grid.right", show=False),
        Binding("up,k", "move(0, -1)", "Up", id="grid.up", show=False),
        Binding("down,j", "move(0, 1)", "Down", id="grid.down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", id="grid.page_up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", id="grid.page_down", show=False),
        Binding("home", "end(False)", "First", id="grid.first", show=False),
        Binding("end", "end(True)", "Last", id="grid.last", show=False),
        Binding("space", "refer", "Compare", id="grid.refer",
                tooltip="Mark in all others what differs from this answer"),
        Binding("plus,equals_sign", "resize(1)", "Larger", id="grid.larger", key_display="+",
                show=False),
        Binding("minus", "resize(-1)", "Smaller", id="grid.smaller", key_display="-", show=False),
    ]  # fmt: skip
    cursor: reactive[int] = reactive(0)

    class TileSelected(Message):
        """A tile was clicked twice."""

    class Left(Message):
        """The cursor goes up beyond the first row."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tiles: list[AnswerTile] = []
        self.columns_wanted = 0
        self.reference: int | None = None
        self._chosen: int | None = None
        self._turn = 0

    # -- content ---------------------------------------------------------------------------

    def show(self, tiles: Sequence[AnswerTile], columns: int) -> None:
        """Other tiles; `columns` is how many values the last axis has."""
        self.tiles, self.columns_wanted = list(tiles), columns
        self.reference = None
        self.set_reactive(AnswerGrid.cursor, 0)
        self._settle()

    @property
    def tile(self) -> AnswerTile | None:
        """The one under the cursor."""
        return self.tiles[self.cursor] if self.cursor < len(self.tiles) else None

    def turn(self) -> None:
        """The moving signs move."""
        self._turn += 1
        self.refresh()

    # -- measure ---------------------------------------------------------------------------

    @property
    def across(self) -> int:
        """Tiles side by side."""
        room = max(1, (self.size.width + _GAP) // (_NARROWEST + _GAP))
        if 0 < self.columns_wanted <= room:
            return self.columns_wanted if self.columns_wanted > 1 else min(room, self._few())
        return min(room, self._few())

    def _few(self) -> int:
        return max(1, len(self.tiles))

    @property
    def tile_width(self) -> int:
        """Columns of a tile."""
        return max(4, (self.size.width + _GAP) // self.across - _GAP)

    @property
    def tile_height(self) -> int:
        """Lines of a tile: as chosen, else the largest at which all are in sight."""
        if self._chosen is not None:
            return HEIGHTS[self._chosen]
        fits = [h for h in HEIGHTS[1:] if self._rows * (h + _GAP) <= self.size.height + _GAP]
        return max(fits, default=HEIGHTS[1])

    @property
    def _rows(self) -> int:
        return (len(self.tiles) + self.across - 1) // self.across

    def _settle(self) -> None:
        lines, rows = self.tile_height + _GAP, self._rows
        self.virtual_size = Size(max(1, self.size.width), max(1, rows * lines))
        region = Region(0, self.cursor // self.across * lines, 1, lines)
        self.scroll_to_region(region, animate=False, force=True)
        self.refresh()

    def on_resize(self) -> None:
        """Another width holds other tiles."""
        self._settle()

    # -- moving ----------------------------------------------------------------------------

    def action_move(self, across: int, down: int) -> None:
        """One tile in a direction; above the first row is the form."""
        if down < 0 and self.cursor < self.across:
            self.post_message(self.Left())
            return
        self._go(self.cursor + across + down * self.across)

    def action_page(self, by: int) -> None:
        """A screenful."""
        rows = max(1, self.size.height // (self.tile_height + _GAP))
        self._go(self.cursor + by * rows * self.across)

    def action_end(self, last: bool) -> None:
        """The first or the last tile."""
        self._go(len(self.tiles) - 1 if last else 0)

    def action_resize(self, by: int) -> None:
        """Larger or smaller tiles."""
        at = HEIGHTS.index(self.tile_height) + by
        self._chosen = max(0, min(len(HEIGHTS) - 1, at))
        self._settle()

    def action_refer(self) -> None:
        """Mark what differs from this answer; again for no marks."""
        self.reference = None if self.reference == self.cursor else self.cursor
        self.refresh()

    def _go(self, place: int) -> None:
        if self.tiles:
            self.cursor = max(0, min(place, len(self.tiles) - 1))
            self._settle()

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there; a second one opens."""
        column = event.x // (self.tile_width + _GAP)
        row = (int(self.scroll_offset.y) + event.y) // (self.tile_height + _GAP)
        place = row * self.across + column
        if column < self.across and place < len(self.tiles):
            self._go(place)
            if event.chain == 2:
                self.post_message(self.TileSelected())

    # -- drawing ---------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line: a piece of each tile in its row."""
        row, line = divmod(y + int(self.scroll_offset.y), self.tile_height + _GAP)
        width = self.size.width
        if not self.tiles:
            words = plain(" the answers come here: F5 asks" if y == 1 else "", PALETTE.dim)
            return self._strip(fit(words, width)).apply_style(self.rich_style)
        pieces: list[Strip] = []
        last = min(len(self.tiles), (row + 1) * self.across)
        for place in range(row * self.across, last):
            pieces += [self._piece(place, line), Strip.blank(_GAP)]
        strip = Strip.join(pieces) if pieces else Strip.blank(width)
        return strip.adjust_cell_length(width).apply_style(self.rich_style)

    def _piece(self, place: int, line: int) -> Strip:
        tile, width, lines = self.tiles[place], self.tile_width, self.tile_height
        if line == 0:
            return self._caption(place, tile, width)
        if line >= lines:
            return Strip.blank(width)
        body = self._body(place, tile, width)
        room = lines - 2
        if line - 1 == min(room, len(body)):  # right below the text
            return self._strip(fit(self._facts(tile), width))
        if line - 1 > room:
            return Strip.blank(width)
        # Of an answer under way its end is seen, of a whole one its beginning.
        first = max(0, len(body) - room) if tile.state == "asking" else 0
        at = first + line - 1
        return body[at].adjust_cell_length(width) if at < len(body) else Strip.blank(width)

    def _caption(self, place: int, tile: AnswerTile, width: int) -> Strip:
        here = place == self.cursor
        style = self.get_component_rich_style("grid--cursor" if here else "grid--caption")
        sign = Text("▸" if here else "◆" if place == self.reference else " ")
        text = sign + self._sign(tile) + Text(" ") + plain(tile.caption)
        return self._strip(fit(text, width)).apply_style(style)

    def _sign(self, tile: AnswerTile) -> Text:
        palette = PALETTE
        if tile.state == "failed":
            return Text("!", style=palette.bad)
        if tile.state == "asking":
            return Text(SPINNER[self._turn % len(SPINNER)], style=palette.accent)
        if tile.record is None:
            return Text("·", style=palette.dim)
        return prompt_sign(tile.record, palette)

    def _facts(self, tile: AnswerTile) -> Text:
        palette = PALETTE
        if tile.record is None:
            return plain(f"{tile.tokens} tok" if tile.tokens else "", palette.dim)
        record = tile.record
        words = [f"{tile.tokens} tok"] if tile.tokens else []
        if record.label is not None:
            words.append(f"read as {record.label}")
        if (places := recorded_regions(record.grounding)) is not None:
            words += [said for said in (places.overlap_words, *places.problems) if said]
        if record.finish_reason not in (None, "stop"):
            words.append(str(record.finish_reason))
        return plain(" · ".join(words), palette.dim)

    def _body(self, place: int, tile: AnswerTile, width: int) -> list[Strip]:
        other = None
        if self.reference not in (None, place) and self.reference < len(self.tiles):
            other = self.tiles[self.reference].text
        key = (width, tile.text, tile.problem, tile.state, other)
        if tile._drawn is None or tile._drawn[0] != key:
            text = self._text(tile, other)
            lines = text.wrap(self.app.console, width, overflow="fold")
            tile._drawn = (key, [self._strip(line) for line in lines])
        return tile._drawn[1]

    def _text(self, tile: AnswerTile, other: str | None) -> Text:
        palette = PALETTE
        if tile.problem:
            return Text(clean(tile.problem), style=palette.bad)
        if not tile.text.strip() and tile.state == "done":
            finish = tile.record.finish_reason if tile.record else None
            tokens = len(tile.record.tokens) if tile.record else None
            return Text(answered_nothing(tokens, finish), style=palette.dim)
        if other is None or tile.state != "done":
            return Text(clean(tile.text))
        mark, text = palette.warn + Style(bold=True, underline=True), Text()
        for same, _, after in aligned(words_of(other), words_of(tile.text)):
            text.append(clean(after), None if same else mark)
        return text

    def _strip(self, text: Text) -> Strip:
        segments = [s for s in text.render(self.app.console) if s.text and s.text != "\n"]
        return Strip([Segment(s.text, s.style) for s in segments])
