"""The confusion matrix: targets down, predictions across, every cell opens its samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color, ColorParseError
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from workbench.app.lists.draw import fit, plain
from workbench.app.lists.palette import PALETTE
from workbench.reports.tally import Tally

LIMIT = 12  # labels drawn; an open vocabulary has thousands, of which these are the most frequent


class ConfusionMatrix(Widget, can_focus=True):
    """Arrows move, Enter opens. A column `unparsed` stands last where there is one."""

    HELP_TITLE = "The confusion matrix"
    HELP = "Targets down, what was read across. Enter on a cell lists its samples, Esc goes back."
    DEFAULT_CSS = "ConfusionMatrix { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1, 0)", "Up", id="matrix.up", show=False),
        Binding("down,j", "move(1, 0)", "Down", id="matrix.down", show=False),
        Binding("left,h", "move(0, -1)", "Left", id="matrix.left", show=False),
        Binding("right,l", "move(0, 1)", "Right", id="matrix.right", show=False),
        Binding("enter", "open", "Samples of the cell", id="matrix.open"),
    ]

    place: reactive[tuple[int, int]] = reactive((0, 0))

    class CellSelected(Message):
        """A cell was opened; `label` is `None` for unparsed."""

        def __init__(self, target: str, label: str | None) -> None:
            super().__init__()
            self.target, self.label = target, label

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._tally = Tally()
        self._labels: list[str] = []
        self._columns: list[str | None] = []

    def show(self, tally: Tally) -> None:
        """Draw the counts of `tally`; the cursor stays where it can."""
        self._tally = tally
        self._labels = tally.labels(LIMIT)
        self._columns = [*self._labels]
        if tally.unparsed:
            self._columns.append(None)
        row, column = self.place
        self.place = (
            max(0, min(row, len(self._labels) - 1)),
            max(0, min(column, len(self._columns) - 1)),
        )
        distinct = len({key for pair in tally.cells for key in pair if key is not None})
        more = f" · {LIMIT} most frequent of {distinct} labels" if distinct > LIMIT else ""
        self.border_subtitle = f"target ↓  predicted →{more}"
        self.refresh()

    # -- moving ------------------------------------------------------------------------------

    def action_move(self, down: int, right: int) -> None:
        """Move the cursor by cells."""
        row, column = self.place[0] + down, self.place[1] + right
        if 0 <= row < len(self._labels) and 0 <= column < len(self._columns):
            self.place = (row, column)

    def action_open(self) -> None:
        """Open the samples of the cell under the cursor."""
        if self._labels:
            row, column = self.place
            self.post_message(self.CellSelected(self._labels[row], self._columns[column]))

    def on_click(self, event: events.Click) -> None:
        """One click moves the cursor, two open."""
        head, cell = self._widths()
        top, left = self._window(head, cell)
        at = event.get_content_offset(self)
        if at is None or at.x < head or at.y < 1:
            return
        row, column = at.y - 1 + top, (at.x - head) // cell + left
        if row < len(self._labels) and column < len(self._columns):
            self.place = (row, column)
            if event.chain == 2:
                self.action_open()

    # -- drawing -----------------------------------------------------------------------------

    def _widths(self) -> tuple[int, int]:
        """Cells for the heads of rows, and for each column."""
        words = [plain(label).cell_len for label in self._labels]
        longest = max(words, default=0)
        head = min(14, longest) + 1
        room = (self.content_size.width - head) // max(1, len(self._columns))
        return head, max(6, min(max(9, longest + 2), room, 14))

    def _window(self, head: int, cell: int) -> tuple[int, int]:
        """The first row and column drawn, so that the cursor is in sight."""
        rows = max(1, self.content_size.height - 1)
        columns = max(1, (self.content_size.width - head) // cell)
        return max(0, self.place[0] - rows + 1), max(0, self.place[1] - columns + 1)

    def render_line(self, y: int) -> Strip:
        """The line of column heads, or a row of counts."""
        width, palette = self.content_size.width, PALETTE
        base = self.rich_style
        if not self._labels:
            line = Text("no labels to count" if y == 0 else "", style=palette.dim, end="")
            return self._strip(line, width, base)
        head, cell = self._widths()
        top, left = self._window(head, cell)
        row = y - 1 + top
        line = Text(no_wrap=True, end="")
        if y == 0:
            line.append(" " * head)
            for label in self._columns[left:]:
                name = plain("unparsed", palette.warn) if label is None else plain(label)
                line.append_text(fit(name, cell - 1, "right")).append(" ")
            line.stylize(palette.dim)
        elif row < len(self._labels):
            target = self._labels[row]
            line.append_text(fit(plain(target), head - 1)).append(" ")
            self._row(line, row, target, self._columns[left:], left, cell)
        return self._strip(line, width, base)

    def _row(
        self, line: Text, row: int, target: str, columns: Sequence[str | None], left: int, cell: int
    ) -> None:
        counts = self._tally.cells
        total = sum(counts[target, c] for c in self._columns) or 1
        for index, label in enumerate(columns, left):
            count = counts[target, label]
            shade = self._shade(count / total, right=label == target)
            if self.has_focus and (row, index) == self.place:
                shade = Style(reverse=True, bold=True)
            text = f"{count:,}" if count else "·"
            style = shade if count else shade + Style(dim=True)
            line.append(f"{text:>{cell - 1}} ", style)

    def _shade(self, share: float, *, right: bool) -> Style:
        """The colour behind a cell: deeper for a larger share of its row."""
        if share <= 0:
            return Style()
        css = self.app.theme_variables
        try:
            ground = Color.parse(css.get("background", "#000000"))
            hue = Color.parse(css.get("success" if right else "error", "#888888"))
        except ColorParseError:
            return Style(bold=True)
        behind = ground.blend(hue, 0.12 + 0.5 * min(1.0, share))
        return Style(bgcolor=behind.hex[:7], color=behind.get_contrast_text(0.95).hex[:7])

    def _strip(self, line: Text, width: int, base: Style) -> Strip:
        segments = line.render(self.app.console, end="")
        return Strip(segments).adjust_cell_length(width).apply_style(base)
