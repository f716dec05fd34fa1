"""A list of one-line rows in columns that draws only what is seen: 100,000 rows cost a screenful.

Guarantee: `show` keeps the cursor on the row with the same key and the scroll where it was, so a
list that is refreshed every second does not move under the reader; a row that a held key only
passes over is not told of; text in cells is drawn as it is given (cleaned `Text`), never as
markup.
Not for: trees, or rows of several lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip

from workbench.app.lists.draw import fit
from workbench.app.lists.in_sight import keep_in_sight
from workbench.app.widgets.sparing import steady_bar

# A cell is a line, or what draws itself at the width that the column turns out to have.
Cell = Text | Callable[[int], Text]


@dataclass(frozen=True)
class Column:
    """One column of a `RowList`.

    Attributes:
        title: Its heading.
        width: In cells; 0 shares what the fixed columns leave.
        justify: `left` or `right`.
        above: Shown only where the list is at least this many cells wide.
        share: How much of the rest a column of width 0 takes, against the others.
    """

    title: str
    width: int = 0
    justify: str = "left"
    above: int = 0
    share: int = 1


class RowList(ScrollView, can_focus=True):
    """The list. `RowHighlighted` as the cursor moves, `RowSelected` on Enter or a double click."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"row-list--head", "row-list--cursor"}
    DEFAULT_CSS = """
    RowList { overflow-x: hidden; scrollbar-size-vertical: 1; background: $background; }
    RowList > .row-list--head { color: $text-muted; text-style: none; }
    RowList > .row-list--cursor { background: $primary 15%; }
    RowList:focus > .row-list--cursor { background: $primary 35%; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", id="list.down", show=False, tooltip="Go down a line"),
        Binding("up,k", "move(-1)", "Up", id="list.up", show=False, tooltip="Go up a line"),
        Binding(
            "pagedown",
            "page(1)",
            "Page down",
            id="list.page-down",
            show=False,
            tooltip="Go down a page",
        ),
        Binding(
            "pageup", "page(-1)", "Page up", id="list.page-up", show=False, tooltip="Go up a page"
        ),
        Binding(
            "home", "jump(0)", "First", id="list.first", show=False, tooltip="Go to the first line"
        ),
        Binding(
            "end,G", "jump(-1)", "Last", id="list.last", show=False, tooltip="Go to the last line"
        ),
        Binding("enter", "open", "Open", id="list.open", tooltip="Open what is under the cursor"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    class RowHighlighted(Message):
        """The cursor is on another row, or its row has new content."""

        def __init__(self, rows: RowList, index: int, key: str) -> None:
            super().__init__()
            self.rows, self.index, self.key = rows, index, key

        @property
        def control(self) -> RowList:
            """The list, so that `@on` can choose by selector."""
            return self.rows

    class RowSelected(RowHighlighted):
        """Enter, or a double click, on a row."""

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        empty: Sequence[str] = (),
        head: bool = True,
        widget_id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """A list without rows.

        Args:
            columns: From left to right.
            empty: The lines that stand where there is no row: what would fill it, and the key.
            head: Show the columns' titles, which stay while the rows scroll.
            widget_id: Its id.
            classes: As of any widget.
        """
        super().__init__(id=widget_id, classes=classes)
        self.columns = tuple(columns)
        self.empty = tuple(empty)
        self.head = head
        self.keys: Sequence[str] = ()
        self._cells: Callable[[int], Sequence[Cell]] = lambda _: ()
        self._ahead = 0  # rows that keys went down before there were any

    # -- content -----------------------------------------------------------------------------

    @property
    def key(self) -> str | None:
        """The key of the row under the cursor."""
        return self.keys[self.cursor] if 0 <= self.cursor < len(self.keys) else None

    def show(
        self,
        keys: Sequence[str],
        cells: Callable[[int], Sequence[Cell]],
        *,
        cursor: str | None = None,
        waits: bool = False,
    ) -> None:
        """Replace the rows.

        Args:
            keys: One for each row, unique.
            cells: Draws row `i`, one cell for each column; called for rows in sight only.
            cursor: The key to put the cursor on; otherwise it stays on its row.
            waits: Rows are being read: until then the list keeps its room, and the screen its
                layout.
        """
        old = cursor if cursor is not None else self.key
        before = self.key
        self._offer_keys(keys)
        self.keys, self._cells = keys, cells
        index = self.cursor
        if old is not None and not (0 <= index < len(keys) and keys[index] == old):
            try:
                index = list(keys).index(old)
            except ValueError:
                index = min(index, len(keys) - 1)
        index, self._ahead = min(index + self._ahead, len(keys) - 1), 0
        if not waits:
            self.virtual_size = Size(self.size.width, len(keys) + self._head_rows)
        self.set_reactive(RowList.cursor, max(0, index))
        if before != self.key or cursor is not None:
            self._keep_in_sight()
            self._tell()
        self.refresh()

    def _offer_keys(self, keys: Sequence[str]) -> None:
        """Offer the key that opens a row as soon as there is one, and no longer."""
        if bool(keys) != bool(self.keys) and self.is_attached:
            self.call_after_refresh(self.refresh_bindings)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer offers what applies to the rows."""
        return not self.why_not(action)

    def why_not(self, action: str) -> str:
        """Why a key does nothing now, in a line; empty where it does something."""
        if action != "open" or self.keys:
            return ""
        return f"{(self.empty or ('The list is empty',))[0]}: there is nothing to open"

    # -- cursor ------------------------------------------------------------------------------

    def watch_cursor(self, old: int, new: int) -> None:
        """Keep the row in sight, draw it and the one before, and say where the cursor is."""
        self._keep_in_sight()
        if not self._passed_over:
            self._tell()
        self.refresh_line(old + self._head_rows)
        self.refresh_line(new + self._head_rows)

    @property
    def _passed_over(self) -> bool:
        """Whether the same key moves on at once: what would be shown of this row, nobody sees.

        Where it could not move on, at the ends, the row is told: no other key meets an old one.
        """
        if not self.is_attached:
            return False
        repeats = getattr(self.app, "key_repeats", False)
        return repeats and 0 < self.cursor < len(self.keys) - 1

    def _tell(self) -> None:
        if (key := self.key) is not None:
            self.post_message(self.RowHighlighted(self, self.cursor, key))

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """Drawn anew only where it looks different."""
        return steady_bar(self)

    @property
    def _head_rows(self) -> int:
        return 1 if self.head else 0

    @property
    def page(self) -> int:
        """How many rows are in sight."""
        return max(1, self.size.height - self._head_rows)

    def _keep_in_sight(self) -> None:
        keep_in_sight(self, self.cursor, head=self._head_rows)

    def _go(self, index: int) -> None:
        if self.keys:
            self.cursor = min(len(self.keys) - 1, max(0, index))

    def action_move(self, step: int) -> None:
        """Move by rows; before the first ones are read, once they are."""
        if not self.keys:
            self._ahead = max(0, self._ahead + step)
        self._go(self.cursor + step)

    def action_page(self, step: int) -> None:
        """Move by screenfuls."""
        self._go(self.cursor + step * max(1, self.page - 1))

    def action_jump(self, index: int) -> None:
        """Go to the first row, or with -1 to the last."""
        self._go(index if index >= 0 else len(self.keys) - 1)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if (key := self.key) is not None:
            self.post_message(self.RowSelected(self, self.cursor, key))

    def on_click(self, event: events.Click) -> None:
        """One click moves the cursor, two open."""
        row = event.y - self._head_rows + round(self.scroll_y)
        if event.y >= self._head_rows and 0 <= row < len(self.keys):
            self._go(row)
            if event.chain == 2:
                self.action_open()

    def on_resize(self, _event: events.Resize) -> None:
        """Keep the row in sight when the list is made smaller."""
        self.virtual_size = Size(self.size.width, len(self.keys) + self._head_rows)
        self._keep_in_sight()

    # -- drawing -----------------------------------------------------------------------------

    def layout_columns(self, width: int) -> list[int]:
        """The width of each column in a list of `width` cells; 0 for those left out."""
        shown = [c for c in self.columns if width >= c.above]
        gaps = max(0, len(shown) - 1)
        rest = width - gaps - sum(c.width for c in shown)
        shares = sum(c.share for c in shown if c.width == 0) or 1
        out = []
        for column in self.columns:
            if column not in shown:
                out.append(0)
            else:
                out.append(column.width or max(1, rest * column.share // shares))
        return out

    def render_line(self, y: int) -> Strip:
        """One line of the screen: the head, a row, or what is said of an empty list."""
        width, base = self.size.width, self.rich_style
        if width <= 0:
            return Strip.blank(0, base)
        if not self.keys:
            return self._line(self._empty_line(y, width), width, base)
        if self.head and y == 0:
            style = base + self.get_component_rich_style("row-list--head", partial=True)
            titles: list[Cell] = [Text(column.title) for column in self.columns]
            return self._line(self._join(titles, width), width, style)
        row = y - self._head_rows + round(self.scroll_y)
        if not 0 <= row < len(self.keys):
            return Strip.blank(width, base)
        if row == self.cursor:
            base = base + self.get_component_rich_style("row-list--cursor", partial=False)
        return self._line(self._join(self._cells(row), width), width, base)

    def _empty_line(self, y: int, width: int) -> Text:
        start = max(0, (self.size.height - len(self.empty)) // 2 - 1)
        if not start <= y < start + len(self.empty):
            return Text()
        style = Style(dim=True) if y > start else Style(bold=True)
        return fit(Text(self.empty[y - start], style=style), width, "center")

    def _join(self, cells: Sequence[Cell], width: int) -> Text:
        line, first = Text(no_wrap=True, end=""), True
        for cell, column, room in zip(
            cells, self.columns, self.layout_columns(width), strict=False
        ):
            if room <= 0:
                continue
            if not first:
                line.append(" ")
            first = False
            drawn = cell if isinstance(cell, Text) else cell(room)
            line.append_text(fit(cast(Text, drawn), room, column.justify))
        return line

    def _line(self, text: Text, width: int, base: Style) -> Strip:
        text.end = ""
        strip = Strip(text.render(self.app.console, end=""))
        return strip.adjust_cell_length(width).apply_style(base)
