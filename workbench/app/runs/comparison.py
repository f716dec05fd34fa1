"""Two runs side by side: what differs, is the difference real, and which samples changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from sessions.ids import short_id
from workbench.app.lists.draw import difference_bar, fit, interval_bar, plain, short_name
from workbench.app.lists.palette import PALETTE, Palette
from workbench.app.lists.row_list import Cell, Column, RowList
from workbench.app.runs.reading import RunSummary
from workbench.reports.prediction import Prediction, read_prediction
from workbench.reports.setting_words import setting_words
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.compare import Flip, Paired
    from sessions.estimate import Estimate
    from workbench.evaluation.comparison import Change, RunComparison

Side = Literal["all", "fixed", "broken"]
COLUMNS = (
    Column("", 1),
    Column("sample", 0, share=3),
    Column("target", 12),
    Column("A says", 12),
    Column("B says", 12),
    Column("B's answer", 0, share=4, above=80),
)
MOST_DIFFERENCES = 6
MOST_SETTING = 30


class ComparePanel(Vertical):
    """The paired comparison of a first run A and a second run B; `OpenFlip` on Enter."""

    HELP_TITLE = "The comparison of two runs"
    HELP = (
        "What differs between A and B, whether the difference is more than luck, and each "
        "sample whose result changed. Enter shows such a sample in Explore."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "side('all')", "All flips", id="compare.all"),
        Binding("plus,f", "side('fixed')", "Fixed", id="compare.fixed", key_display="+"),
        Binding("minus,e", "side('broken')", "Broken", id="compare.broken", key_display="-"),
    ]

    class OpenFlip(Message):
        """A sample that flipped was opened: its place among the flips that are listed."""

        def __init__(self, flips: Sequence[Flip], at: int, a: RunSummary, b: RunSummary) -> None:
            super().__init__()
            self.flips, self.at, self.a, self.b = flips, at, a, b

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self.a: RunSummary | None = None
        self.b: RunSummary | None = None
        self.comparison: RunComparison | None = None
        self.side: Side = "all"
        self._flips: list[Flip] = []

    @property
    def shown(self) -> bool:
        """Whether it stands where the run's detail was."""
        return self.screen.has_class("-compare")

    @property
    def flips(self) -> RowList:
        """The samples in which the two runs differ."""
        return self.query_one("#flips", RowList)

    @property
    def paired(self) -> Paired | None:
        """Right and wrong of both, once they are compared."""
        return self.comparison.paired if self.comparison else None

    def compose(self) -> ComposeResult:
        """The figures over the flips."""
        yield Static(id="compare-figures")
        flips = RowList(COLUMNS, empty=("Comparing…",), widget_id="flips")
        flips.border_title = "Flips"
        yield flips

    def begin(self, a: RunSummary, b: RunSummary) -> None:
        """Say which two, while they are read."""
        self.a, self.b, self.comparison, self._flips = a, b, None, []
        self.query_one("#compare-figures", Static).update(self._names())
        flips = self.query_one("#flips", RowList)
        flips.empty = ("Comparing…",)
        flips.show((), lambda _: ())

    def show(self, comparison: RunComparison) -> None:
        """Show what came out."""
        self.comparison = comparison
        self._draw()

    def refuse(self, problem: str) -> None:
        """Say why they cannot be compared."""
        flips = self.query_one("#flips", RowList)
        flips.empty = ("These runs cannot be compared", "", *clean(problem).split("\n"))
        flips.show((), lambda _: ())

    def on_resize(self) -> None:
        """The bars are as wide as there is room."""
        if self.comparison is not None:
            self._draw()

    def action_side(self, side: Side) -> None:
        """All flips, those that B fixed or those that it broke."""
        self.side = side
        if self.comparison is not None:
            self._draw()

    @on(RowList.RowSelected, "#flips")
    def _open(self, event: RowList.RowSelected) -> None:
        event.stop()
        uids = [flip.uid for flip in self._flips]
        if self.a is not None and self.b is not None and event.key in uids:
            at = uids.index(event.key)
            self.post_message(self.OpenFlip(self._flips, at, self.a, self.b))

    # -- drawing -----------------------------------------------------------------------------

    def _draw(self) -> None:
        comparison = self.comparison
        assert comparison is not None
        paired = comparison.paired
        self._flips = [
            f for f in paired.flips if self.side == "all" or f.fixed == (self.side == "fixed")
        ]
        self.query_one("#compare-figures", Static).update(
            Text("\n").join([self._names(), *self._figures(comparison)])
        )
        flips = self.query_one("#flips", RowList)
        word = {"all": "flips", "fixed": "fixed by B", "broken": "broken by B"}[self.side]
        flips.border_title = f"{len(self._flips):,} {word}"
        flips.border_subtitle = "a all  + fixed  - broken"
        free = "Free texts are neither right nor wrong: no sample can change sides"
        flips.empty = ("No sample changed sides" if paired.n else free,)
        flips.show([f.uid for f in self._flips], self._row)

    def _names(self) -> Text:
        palette = PALETTE
        lines = []
        for sign, run, style in (("A", self.a, palette.accent), ("B", self.b, palette.second)):
            if run is not None:
                line = Text(f"{sign} ", style=style + Style(bold=True), no_wrap=True)
                line.append_text(plain(f"{run.who}", palette.strong))
                line.append_text(plain(f"  {run.where}  {short_id(run.id)}", palette.dim))
                lines.append(line)
        return Text("\n").join(lines)

    def _figures(self, found: RunComparison) -> list[Text]:
        palette, paired = PALETTE, found.paired
        lines = [*self._settings(found, palette), Text()]
        for change in found.changes:
            lines += self._change(change, palette)
        if sum(change.difference.p_value is not None for change in found.changes) > 1:
            lines.append(
                plain("each p is of its figure alone, not adjusted for several", palette.dim)
            )
        if paired.n:
            lines += [Text(), *_square(paired, palette)]
        left_out = [
            f"{count:,} {word}"
            for count, word in (
                (paired.unpaired_a, "only in A, left out"),
                (paired.unpaired_b, "only in B, left out"),
                (paired.failed, "failed in one of them"),
            )
            if count
        ]
        return [*lines, plain(" · ".join(left_out), palette.warn)] if left_out else lines

    @staticmethod
    def _settings(found: RunComparison, palette: Palette) -> list[Text]:
        """What differs between the runs, before any figure."""
        if not found.differences:
            return [plain(found.no_difference, palette.dim)]
        lines = []
        for difference in found.differences[:MOST_DIFFERENCES]:
            sides = (difference.first, difference.second)
            said = [setting_words(difference.name, side, MOST_SETTING) for side in sides]
            line = fit(plain(difference.name, palette.dim), 18)
            line.append_text(plain(said[0], palette.accent))
            line.append(" → ", palette.dim)
            line.append_text(plain(said[1], palette.second))
            lines.append(line)
        more = len(found.differences) - MOST_DIFFERENCES
        return [*lines, plain(f"and {more} more", palette.dim)] if more > 0 else lines

    def _change(self, change: Change, palette: Palette) -> list[Text]:
        from workbench.evaluation.comparison import p_words, verdict_words

        bar, lines = max(8, min(40, self.size.width - 50)), []
        for sign, figure, style in (
            ("A", change.first, palette.accent),
            ("B", change.second, palette.second),
        ):
            lines.append(_figure(f"{change.name} {sign}", figure, ""))
            lines[-1].append_text(
                interval_bar(figure.value, figure.low, figure.high, bar, palette, style)
            )
        delta = change.difference
        lines.append(_figure("difference B − A", delta, "+"))
        if delta.value is not None and delta.low is not None and delta.high is not None:
            lines[-1].append_text(difference_bar(delta.value, delta.low, delta.high, bar, palette))
        style = palette.dim
        if delta.value is not None and delta.p_value is not None and delta.p_value < 0.05:
            style = palette.good if delta.value > 0 else palette.bad
        words = verdict_words(change, ("A", "B"))
        said = p_words(delta.p_value)
        p_value = f"p {said if said[:1] in '<>' else f'= {said}'}  " if said else ""
        lines.append(plain(f"{p_value}{words}", style))
        about = ", ".join(word for word in (change.test, delta.note) if word)
        return [*lines, plain(about, palette.dim)]

    def _row(self, index: int) -> tuple[Cell, ...]:
        palette, flip = PALETTE, self._flips[index]
        where = f"{self.b.where}/" if self.b else ""
        before, after = read_prediction(flip.before), read_prediction(flip.after)
        sign = Text("▲", style=palette.good) if flip.fixed else Text("▼", style=palette.bad)
        return (
            sign,
            lambda width: plain(short_name(flip.uid.removeprefix(where), width)),
            plain(after.target),
            _read_as(before, palette),
            _read_as(after, palette),
            plain(after.text, palette.dim),
        )


def _figure(name: str, figure: Estimate, sign: str) -> Text:
    out = fit(Text(name), 18).append(figure.words(3, sign), Style(bold=True))
    if figure.low is None or figure.high is None:
        return out.append("  ")
    return out.append(f"  {figure.low:{sign}.3f} – {figure.high:{sign}.3f}  ", Style(dim=True))


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


def _read_as(line: Prediction, palette: Palette) -> Text:
    colours = {"right": palette.good, "unparsed": palette.warn}
    return plain(line.read_as, colours.get(line.verdict, palette.bad))
