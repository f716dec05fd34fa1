"""Two runs side by side: is the difference real, and which samples changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from workbench.app.lists.draw import difference_bar, fit, interval_bar, plain
from workbench.app.lists.palette import Palette
from workbench.app.lists.row_list import Cell, Column, RowList
from workbench.app.runs.reading import WORDS, RunSummary

if TYPE_CHECKING:
    from sessions.compare import Flip, Paired

Side = Literal["all", "fixed", "broken"]
COLUMNS = (
    Column("", 1),
    Column("sample", 0, share=3),
    Column("target", 12),
    Column("A says", 12),
    Column("B says", 12),
    Column("B's answer", 0, share=4, above=80),
)


def slim(path: Path) -> Iterator[dict[str, Any]]:
    """A run's lines with no more than a comparison shows: two long runs fit in memory."""
    from sessions.atomic import read_lines

    for line in read_lines(path)[0] if path.exists() else ():
        out = {k: line[k] for k in ("uid", "label", "target", "error", "correct") if k in line}
        out["text"] = str(line.get("text") or "")[:WORDS]
        yield out


class ComparePanel(Vertical):
    """The paired comparison of a first run A and a second run B; `OpenFlip` on Enter."""

    HELP_TITLE = "The comparison of two runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "side('all')", "All flips", id="compare.all"),
        Binding("plus,f", "side('fixed')", "Fixed", id="compare.fixed", key_display="+"),
        Binding("minus,e", "side('broken')", "Broken", id="compare.broken", key_display="-"),
    ]

    class OpenFlip(Message):
        """A sample that flipped was opened; `run_id` is the second run's."""

        def __init__(self, uid: str, run_id: str) -> None:
            super().__init__()
            self.uid, self.run_id = uid, run_id

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self.a: RunSummary | None = None
        self.b: RunSummary | None = None
        self.paired: Paired | None = None
        self.side: Side = "all"
        self._flips: list[Flip] = []

    def compose(self) -> ComposeResult:
        """The figures over the flips."""
        yield Static(id="compare-figures")
        flips = RowList(COLUMNS, empty=("Comparing…",), widget_id="flips")
        flips.border_title = "Flips"
        yield flips

    def begin(self, a: RunSummary, b: RunSummary) -> None:
        """Say which two, while they are read."""
        self.a, self.b, self.paired, self._flips = a, b, None, []
        self.query_one("#compare-figures", Static).update(self._names())
        flips = self.query_one("#flips", RowList)
        flips.empty = ("Comparing…",)
        flips.show((), lambda _: ())

    def show(self, paired: Paired) -> None:
        """Show what came out."""
        self.paired = paired
        self._draw()

    def on_resize(self) -> None:
        """The bars are as wide as there is room."""
        if self.paired is not None:
            self._draw()

    def action_side(self, side: Side) -> None:
        """All flips, those that B fixed or those that it broke."""
        self.side = side
        if self.paired is not None:
            self._draw()

    @on(RowList.Opened, "#flips")
    def _open(self, event: RowList.Opened) -> None:
        event.stop()
        if self.b is not None:
            self.post_message(self.OpenFlip(event.key, self.b.id))

    # -- drawing -----------------------------------------------------------------------------

    def _draw(self) -> None:
        paired = self.paired
        assert paired is not None
        self._flips = [
            f for f in paired.flips if self.side == "all" or f.fixed == (self.side == "fixed")
        ]
        self.query_one("#compare-figures", Static).update(
            Text("\n").join([self._names(), *self._figures(paired)])
        )
        flips = self.query_one("#flips", RowList)
        word = {"all": "flips", "fixed": "fixed by B", "broken": "broken by B"}[self.side]
        flips.border_title = f"{len(self._flips):,} {word}"
        flips.border_subtitle = "a all  + fixed  - broken"
        none = "No sample changed sides" if paired.n else "These runs have no sample in common"
        flips.empty = (none,)
        flips.show([f.uid for f in self._flips], self._row)

    def _names(self) -> Text:
        palette = Palette.of(self.app)
        lines = []
        for sign, run, style in (("A", self.a, palette.accent), ("B", self.b, palette.second)):
            if run is not None:
                line = Text(f"{sign} ", style=style + Style(bold=True), no_wrap=True)
                line.append_text(plain(f"{run.who}", palette.strong))
                line.append_text(plain(f"  {run.where}  {run.id}", palette.dim))
                lines.append(line)
        return Text("\n").join(lines)

    def _figures(self, paired: Paired) -> list[Text]:
        from sessions.compare import wilson

        palette, bar = Palette.of(self.app), max(8, min(40, self.size.width - 50))
        lines = [Text()]
        for sign, right, accuracy, style in (
            ("A", paired.both + paired.only_a, paired.accuracy_a, palette.accent),
            ("B", paired.both + paired.only_b, paired.accuracy_b, palette.second),
        ):
            low, high = wilson(right, paired.n)
            lines.append(_figure(f"accuracy {sign}", accuracy, low, high, ""))
            lines[-1].append_text(interval_bar(accuracy, low, high, bar, palette, style))
        low, high = paired.low, paired.high
        lines.append(_figure("difference B − A", paired.difference, low, high, "+"))
        lines[-1].append_text(difference_bar(paired.difference, low, high, bar, palette))
        lines += [self._verdict(paired, palette), Text(), *_square(paired, palette)]
        left_out = [
            f"{count:,} {word}"
            for count, word in (
                (paired.unpaired_a, "only in A, left out"),
                (paired.unpaired_b, "only in B, left out"),
                (paired.failed, "failed in one of them, wrong there"),
            )
            if count
        ]
        return [*lines, plain(" · ".join(left_out), palette.warn)] if left_out else lines

    @staticmethod
    def _verdict(paired: Paired, palette: Palette) -> Text:
        p = paired.p_value
        value = f"{p:.4f}" if p >= 0.0001 else f"{p:.1e}"
        out = fit(Text("McNemar, exact"), 18).append(f"p = {value}", palette.strong)
        if not paired.n:
            return out.append("   nothing to compare", palette.warn)
        if p < 0.05:
            better = "B is better" if paired.difference > 0 else "A is better"
            style = palette.good if paired.difference > 0 else palette.bad
            return out.append(f"   {better}: 1 time in {1 / p:,.0f} by chance", style)
        return out.append(f"   no difference to be seen on {paired.n:,} samples", palette.dim)

    def _row(self, index: int) -> tuple[Cell, ...]:
        palette, flip = Palette.of(self.app), self._flips[index]
        where = f"{self.b.where}/" if self.b else ""
        sign = Text("▲", style=palette.good) if flip.fixed else Text("▼", style=palette.bad)
        return (
            sign,
            plain(flip.uid.removeprefix(where)),
            plain(flip.after.get("target")),
            _said(flip.before, palette, right=not flip.fixed),
            _said(flip.after, palette, right=flip.fixed),
            plain(flip.after.get("text") or "", palette.dim),
        )


def _figure(name: str, value: float, low: float, high: float, sign: str) -> Text:
    out = fit(Text(name), 18).append(f"{value:{sign}.3f}", Style(bold=True))
    return out.append(f"  {low:{sign}.3f} – {high:{sign}.3f}  ", Style(dim=True))


def _square(paired: Paired, palette: Palette) -> list[Text]:
    """The two by two of right and wrong."""
    head = Text(f"{'':18}{'B right':>10}{'B wrong':>10}", style=palette.dim)
    first = Text(f"{'A right':18}", style=palette.dim).append(
        f"{paired.both:>10,}", Style(dim=False)
    )
    first.append(f"{paired.only_a:>10,}", palette.bad + Style(bold=True, dim=False))
    second = Text(f"{'A wrong':18}", style=palette.dim)
    second.append(f"{paired.only_b:>10,}", palette.good + Style(bold=True, dim=False))
    second.append(f"{paired.neither:>10,}", Style(dim=False))
    return [head, first, second]


def _said(line: object, palette: Palette, *, right: bool) -> Text:
    from collections.abc import Mapping

    entry = line if isinstance(line, Mapping) else {}
    if entry.get("error"):
        return plain("failed", palette.bad)
    label = entry.get("label")
    if label is None:
        return plain("unparsed", palette.warn)
    return plain(label, palette.good if right else palette.bad)
