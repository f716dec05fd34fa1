"""How the list of samples draws its lines.

Guarantee: draws only the lines in sight, from rows that were read already; a line whose row is
missing says its number. Not for what the lines are: see `sample_list`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from textwrap import wrap
from typing import Any, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip

from workbench.app.explore.legend import list_help
from workbench.app.explore.rows import MARKS, RunView, SampleRow
from workbench.app.lists.draw import short_name
from workbench.app.widgets.sparing import steady_bar
from workbench.text import clean

_LEAST_NAME = 12  # cells of an id beside a text
_KEEP_LINES = 2048  # drawn lines that are remembered


class SampleLines(ScrollView, can_focus=True):
    """The lines of the list, and what they are drawn from."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "samples--cursor",
        "samples--cursor-blurred",
        "samples--dim",
        "samples--star",
        "samples--right",
        "samples--wrong",
        "samples--doubt",
    }
    cursor: reactive[int] = reactive(0, repaint=False)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows: dict[int, SampleRow] = {}
        self.matches: list[int] | None = None
        self.searching = False
        self.exhausted = False
        self.refused = ""  # why the filter can fit nothing
        self.run = RunView()
        self.letters: dict[str, str] = {}
        self.tags: Callable[[str], Sequence[str] | None] = lambda uid: None
        self._ground = Style()
        self._drawn: dict[Hashable, Strip] = {}

    @property
    def count(self) -> int:
        """Lines of the list, as far as they are known."""
        raise NotImplementedError

    def ordinal_at(self, line: int) -> int | None:
        """The ordinal of the sample on a line of the list."""
        raise NotImplementedError

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """Drawn anew only where it looks different."""
        return steady_bar(self)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines in sight; their common ground is found once for all of them."""
        self._ground = self.rich_style
        if len(self._drawn) > _KEEP_LINES:
            self._drawn.clear()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One sample: star, id, text, label, prediction, right or wrong."""
        line = y + int(self.scroll_offset.y)
        ordinal = self.ordinal_at(line)
        row = None if ordinal is None else self.rows.get(ordinal)
        if row is None:
            return self._line(line, ordinal, None).apply_style(self._ground)
        # As the list scrolls, a line is drawn again and again from the same facts.
        facts = (
            row,
            line == self.cursor,
            self.has_focus,
            self.size.width,
            self.tags(row.uid) is not None,
            self.run.run_id,
            self.run.mark(row.uid),
            self.run.label(row.uid),
            tuple(self.letters.items()),
            self._ground,
            self.app.theme,
        )
        drawn = self._drawn.get(facts)
        if drawn is None:
            drawn = self._line(line, ordinal, row).apply_style(self._ground)
            self._drawn[facts] = drawn
        return drawn

    def _line(self, line: int, ordinal: int | None, row: SampleRow | None) -> Strip:
        width = self.size.width
        if ordinal is None:
            return self._outside(line, width)
        base = Style()
        if line == self.cursor:
            name = "samples--cursor" if self.has_focus else "samples--cursor-blurred"
            base = self.get_component_rich_style(name)
        if row is None:
            dim = base + self.get_component_rich_style("samples--dim", partial=True)
            return Strip([Segment(set_cell_size(f"  {ordinal + 1} …", width), dim)], width)
        return Strip(self._segments(row, width, base), width)

    def _outside(self, line: int, width: int) -> Strip:
        text = ""
        if self.refused and self.matches is not None:
            told = wrap(clean(self.refused, newlines=False), max(1, width - 4))
            text = f"  {told[line]}" if 0 <= line < len(told) else ""
        elif line == self.count and self.matches is not None:
            if self.searching:
                text = "  searching…"
            elif not self.matches and self.exhausted:
                text = "  nothing fits the filter"
            elif not self.exhausted:
                text = "  … End searches on"
        if not text:
            return Strip.blank(width)  # of most lines, before anything is read
        dim = self.get_component_rich_style("samples--dim", partial=True)
        return Strip([Segment(set_cell_size(text, width), dim)], width)

    def _segments(self, row: SampleRow, width: int, base: Style) -> list[Segment]:
        def look(name: str) -> Style:
            return base + self.get_component_rich_style(name, partial=True)

        star = "★" if self.tags(row.uid) is not None else " "
        mark = self.run.mark(row.uid)
        sign, _ = MARKS[mark]
        colour = {"right": "samples--right", "wrong": "samples--wrong", "none": "samples--dim"}
        gold = self._label(row.label)
        said = self._label(self.run.label(row.uid)) if self.run.run_id else ""
        right = [Segment(f" {gold}", base)]
        if self.run.run_id:
            mark_style = look(colour.get(mark, "samples--doubt"))
            right += [Segment(f" {said}", mark_style), Segment(f" {sign}", mark_style)]
        if row.error:
            right = [Segment(" !", look("samples--wrong"))]
        right.append(Segment(" ", base))
        taken = sum(cell_len(s.text) for s in right)
        room = max(4, width - taken - 2)
        name = short_name(row.native, max(_LEAST_NAME, room // 2) if row.brief else room)
        out = [Segment(f"{star} ", look("samples--star"))]
        if cell_len(name) + 8 < room and row.brief:
            out.append(Segment(name + " ", base))
            rest = room - cell_len(name) - 1
            out.append(Segment(_cut(row.brief, rest - 1) + " ", look("samples--dim")))
        else:
            out.append(Segment(_cut(name, room), base))
        return out + right

    @property
    def HELP(self) -> str:  # noqa: N802 - as of every widget
        """What the list shows, and what its signs mean for this split."""
        return list_help(self.letters)

    def _label(self, label: str | None) -> str:
        """A label in one character of a closed set, else its first characters."""
        if self.letters:
            return "–" if label is None else _letter(label, self.letters)
        width = 6 if self.size.width >= 30 else 3
        return _cut("–" if label is None else clean(label, newlines=False), width)


def _letter(label: str, letters: dict[str, str]) -> str:
    folded = {name.casefold(): letter for name, letter in letters.items()}
    return letters.get(label) or folded.get(label.casefold(), "?")


def _cut(text: str, cells: int) -> str:
    """A text in so many cells, filled up, or cut with an ellipsis."""
    if cells < 2 or cell_len(text) <= cells:
        return set_cell_size(text, max(0, cells))
    return set_cell_size(text, cells - 1) + "…"
