"""The list of samples: one line each, read as one scrolls.

Guarantee: draws only the lines in sight and asks (by `RowsNeeded`) only for rows that are missing
there; a split of a hundred thousand samples or without end costs no more than one of fifty.
Not for reading: the screen's workers do that and hand rows over with `take`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message

from workbench.app.explore.keys import LIST_KEYS
from workbench.app.explore.row_order import RowOrder
from workbench.app.explore.rows import SampleRow, short_labels
from workbench.app.explore.sample_lines import SampleLines
from workbench.app.lists.in_sight import keep_in_sight

_MARGIN = 12  # rows read beyond what is in sight, so that the next key finds them there


class SampleList(SampleLines):
    """The samples of a split, or those of them that a filter leaves."""

    HELP_TITLE = "Samples"
    DEFAULT_CSS = """
    SampleList { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }
    """
    BINDINGS: ClassVar[list[BindingType]] = LIST_KEYS

    class RowsNeeded(Message):
        """Rows are missing in sight: read `count` from ordinal `start`."""

        def __init__(self, start: int, count: int) -> None:
            super().__init__()
            self.start, self.count = start, count

    class MatchesNeeded(Message):
        """A filtered list wants the search to go on."""

    class SampleHighlighted(Message):
        """The cursor stands on another sample."""

        def __init__(self, ordinal: int) -> None:
            super().__init__()
            self.ordinal = ordinal

    class SampleSelected(Message):
        """Enter or a click on the sample under the cursor."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length: int | None = 0
        self.keep: int | None = None
        self.chosen: int | None = None  # the ordinal to be back on when the filter goes
        self._told: int | None = None  # the ordinal of the last `SampleHighlighted`
        self._reach = 0  # how far an endless list was scrolled
        self.order = RowOrder()

    # -- content ---------------------------------------------------------------------------

    def reset(self, length: int | None, labels: Sequence[str] = ()) -> None:
        """Another source: nothing is known of it but its length."""
        self.length, self.rows, self.matches, self.keep = length, {}, None, None
        self.order = RowOrder()
        self.chosen = self._told = None
        self.letters = short_labels(labels)
        self._reach, self.exhausted = 0, False
        self.set_reactive(SampleList.cursor, 0)
        self._resize_content()
        self.scroll_to(y=0, animate=False)
        self._ask()

    def take(self, rows: Iterable[SampleRow]) -> None:
        """Rows that a worker read."""
        new = [row for row in rows if self.rows.get(row.ordinal) != row]
        for row in new:
            self.rows[row.ordinal] = row
        if new:
            self.refresh()

    def unfilter(self) -> None:
        """Show all samples again; the cursor goes back to the sample that was chosen last."""
        at = self.ordinal if self.chosen is None else self.chosen
        self.matches, self.searching, self.keep = None, False, None
        self._resize_content()
        self.cursor = self.order.line(at or 0)
        self._show_cursor(centre=True)
        self._tell()
        self._ask()
        self.refresh()

    def sort(self, order: Sequence[int] | None) -> None:
        """Show the samples in another order (see `RowOrder`); the cursor stays on its sample."""
        at, self.order = self.ordinal, RowOrder(order)
        if self.matches is None and at is not None:
            self.cursor = self.order.line(at)
            self._show_cursor(centre=True)
        self._ask()
        self.refresh()

    def filter_anew(self, keep: int | None = None) -> None:
        """Begin a filtered list; matches come by `add_matches`.

        Args:
            keep: The ordinal on which the cursor is to stay, once it is among the matches;
                otherwise it goes to the first.
        """
        self.matches, self.searching, self.exhausted = [], True, False
        self.keep = keep
        self.cursor = 0
        self._resize_content()
        self._show_cursor()  # the sample before this filter may have been far down
        self.refresh()

    def add_matches(self, rows: Sequence[SampleRow], *, searching: bool, exhausted: bool) -> None:
        """More samples that fit the filter."""
        if self.matches is None:
            return
        before = len(self.matches)
        self.take(rows)
        self.matches.extend(row.ordinal for row in rows)
        self.searching, self.exhausted = searching, exhausted
        self._resize_content()
        if self.keep is not None and self.keep in self.matches:
            self.cursor = self.matches.index(self.keep)
            self.keep = None
            self._show_cursor(centre=True)
            self._tell()
        elif self.matches and (before == 0 if self.keep is None else not searching):
            self.keep = None
            self._tell()
        self.refresh()

    @property
    def count(self) -> int:
        """Lines of the list, as far as they are known."""
        if self.matches is not None:
            return len(self.matches)
        if self.length is not None:
            return self.length
        return max(self._reach, self.cursor) + 4 * _MARGIN + self.size.height

    @property
    def ordinal(self) -> int | None:
        """The ordinal of the sample under the cursor."""
        return self.ordinal_at(self.cursor)

    def ordinal_at(self, line: int) -> int | None:
        """The ordinal on a line of the list."""
        if line < 0 or line >= self.count:
            return None
        return self.order.ordinal(line) if self.matches is None else self.matches[line]

    def go_to(self, ordinal: int) -> bool:
        """Put the cursor on an ordinal; false where a filter hides it."""
        if self.matches is not None:
            if ordinal not in self.matches:
                return False
            line = self.matches.index(ordinal)
        else:
            line = self.order.line(ordinal)
        self._move_to(line, centre=True)
        return True

    def choose(self) -> None:
        """Stay on the sample under the cursor when the filter goes."""
        if self.keep is None and self.ordinal is not None:
            self.chosen = self.ordinal

    def _tell(self) -> None:
        ordinal = self.ordinal
        if ordinal is not None and ordinal != self._told:
            self._told = ordinal
            self.post_message(self.SampleHighlighted(ordinal))

    def step(self, by: int) -> None:
        """Move the cursor by lines."""
        self._move_to(self.cursor + by)

    # -- moving ----------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """One line down or up."""
        self.step(by)

    def action_page(self, by: int) -> None:
        """A screenful down or up."""
        self.step(by * max(1, self.size.height - 1))

    def action_end(self, last: bool) -> None:
        """The first line or the last one known."""
        self._move_to(self.count - 1 if last else 0)
        if last and self.matches is not None:
            self._want_more()

    def _move_to(self, line: int, *, centre: bool = False) -> None:
        self.keep = None
        line = max(0, min(line, self.count - 1))
        if line == self.cursor and not centre:
            return
        self._reach = max(self._reach, line)
        if self.length is None:
            self._resize_content()
        changed, self.cursor = line != self.cursor, line
        self._show_cursor(centre)
        self._ask()
        self.choose()
        if changed or centre:
            self._told = None
            self._tell()
        if self.matches is not None and line >= len(self.matches) - _MARGIN:
            self._want_more()

    def _want_more(self) -> None:
        if not (self.searching or self.exhausted):
            self.post_message(self.MatchesNeeded())

    def _show_cursor(self, centre: bool = False) -> None:
        keep_in_sight(self, self.cursor, centre=centre)

    def _resize_content(self) -> None:
        self.virtual_size = Size(max(1, self.size.width), max(1, self.count))

    def _ask(self) -> None:
        """Ask for what is missing in sight."""
        if self.matches is not None or self.count == 0:
            return
        margin = max(_MARGIN, self.size.height // 2 + 1)  # see `keep_in_sight`
        top = max(0, int(self.scroll_offset.y) - margin)
        bottom = min(self.count, int(self.scroll_offset.y) + self.size.height + margin)
        missing = [n for n in range(top, bottom) if self.ordinal_at(n) not in self.rows]
        if missing:
            self.post_message(self.RowsNeeded(missing[0], missing[-1] - missing[0] + 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Draw the old and the new line."""
        self.refresh_line(old)
        self.refresh_line(new)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for the rows that came into sight."""
        super().watch_scroll_y(old_value, new_value)
        if self.length is None:
            self._reach = max(self._reach, int(new_value) + self.size.height)
            self._resize_content()
        if self.is_mounted:
            self._ask()
            if self.matches is not None and new_value + self.size.height >= len(self.matches):
                self._want_more()

    def on_resize(self) -> None:
        """Another height shows other rows."""
        self._resize_content()
        self._ask()

    def on_show(self) -> None:
        """It has no height while it is folded away, and could not keep the cursor in sight."""
        self.call_after_refresh(self._show_cursor)

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there."""
        line = int(self.scroll_offset.y) + event.y
        if line < self.count:
            self._move_to(line)
            if event.chain == 2:
                self.post_message(self.SampleSelected())

    def on_focus(self) -> None:
        """The cursor's line shows the focus."""
        self.refresh()

    on_blur = on_focus
