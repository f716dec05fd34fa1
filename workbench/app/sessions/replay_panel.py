"""A replay: how far it is, what changed, and each pair of answers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Static

from workbench.app.lists.draw import SPINNER, plain, progress_bar
from workbench.app.lists.palette import PALETTE, Palette
from workbench.app.lists.row_list import Cell, Column, RowList
from workbench.app.sessions.replaying import side_by_side
from workbench.playground.replay import Replayed, summary
from workbench.reports.session import who
from workbench.text import clean


class ReplayPanel(Vertical):
    """Pairs as they come. `OpenPair` on Enter, `Stop` where it is cancelled."""

    HELP_TITLE = "The replay"
    HELP = "The old answers beside the new ones; what changed is marked."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "only_changed", "Changed only", id="replay.changed"),
        Binding("x", "stop", "Stop", id="replay.stop"),
    ]

    class OpenPair(Message):
        """A pair was opened; its sample is wanted."""

        def __init__(self, uid: str) -> None:
            super().__init__()
            self.uid = uid

    class Stop(Message):
        """No more prompts are to be asked."""

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self.pairs: list[Replayed] = []
        self.total = 0
        self.running = False
        self._shown: list[Replayed] = []
        self._changed_only = False
        self._model = self._kept_in = ""
        self._turn = 0

    def compose(self) -> ComposeResult:
        """The figures, the pairs and the two answers."""
        yield Static(id="replay-figures")
        pairs = RowList(
            (
                Column("", 1),
                Column("sample", 0, share=3),
                Column("was", 12),
                Column("is", 12),
                Column("new answer", 0, share=5, above=60),
            ),
            empty=("Asking…", "", "x stops it"),
            widget_id="pairs",
        )
        pairs.border_title = "Replayed"
        yield pairs
        with Horizontal(id="answers"):
            for name in ("old", "new"):
                with VerticalScroll(id=f"{name}-box", can_focus=False) as box:
                    box.border_title = name
                    yield Static(id=f"{name}-text")

    @property
    def shown(self) -> bool:
        """Whether it stands where the records were."""
        return self.screen.has_class("-replay")

    def on_mount(self) -> None:
        """The sign moves while prompts are asked."""
        self.set_interval(0.2, self._spin)

    def _spin(self) -> None:
        if self.running:
            self._turn += 1
            self._draw_figures()

    def begin(self, total: int, model: str, *, kept_in: str = "") -> None:
        """Prompts are about to be asked again.

        Args:
            total: How many.
            model: Of whom.
            kept_in: The session that the new answers go to.
        """
        self._kept_in = kept_in
        self.pairs, self.total, self.running, self._model = [], total, True, model
        self.query_one("#old-text", Static).update("")
        self.query_one("#new-text", Static).update("")
        self.rows.empty = ("Asking…", "", "x stops it")
        self._draw()

    def add(self, pair: Replayed) -> None:
        """One more was answered."""
        self.pairs.append(pair)
        self._draw()

    def end(self) -> None:
        """No more will come."""
        self.running = False
        self.rows.empty = ("Nothing changed",) if self.pairs else ("Stopped before an answer",)
        self._draw()

    @property
    def rows(self) -> RowList:
        """The list of pairs."""
        return self.query_one("#pairs", RowList)

    @property
    def pair(self) -> Replayed | None:
        """The pair under the cursor."""
        index = self.rows.cursor
        return self._shown[index] if 0 <= index < len(self._shown) else None

    def action_only_changed(self) -> None:
        """All pairs, or only those whose answer changed."""
        self._changed_only = not self._changed_only
        self._draw()

    def action_stop(self) -> None:
        """Ask no more."""
        if self.running:
            self.post_message(self.Stop())

    @on(RowList.RowSelected, "#pairs")
    def _opened(self, event: RowList.RowSelected) -> None:
        event.stop()
        if self.pair is not None and self.pair.old.uid:
            self.post_message(self.OpenPair(self.pair.old.uid))

    @on(RowList.RowHighlighted, "#pairs")
    def _moved(self) -> None:
        pair, palette = self.pair, PALETTE
        if pair is None:
            return
        mark = Style(bold=True, underline=True)
        old, new = side_by_side(pair, palette.bad + mark, palette.good + mark)
        for name, text, record in (("old", old, pair.old), ("new", new, pair.new)):
            self.query_one(f"#{name}-text", Static).update(text)
            title = f"{name} · {who(record)}" if record is not None else name
            if name == "new" and pair.environment:
                title += f" · {', '.join(pair.environment)}"
            self.query_one(f"#{name}-box").border_title = plain(title).markup

    # -- drawing -----------------------------------------------------------------------------

    def _draw(self) -> None:
        self._shown = [p for p in self.pairs if not (self._changed_only and p.same)]
        # An id may stand twice where a file was edited by hand.
        keys = [f"{i} {pair.old.id}" for i, pair in enumerate(self._shown)]
        shown = self._shown
        self.rows.show(keys, lambda i: self._row(shown[i]))
        self.rows.border_subtitle = "c shows all" if self._changed_only else "c shows the changed"
        self._draw_figures()

    def _draw_figures(self) -> None:
        palette, counts = PALETTE, summary(self.pairs)
        first = Text(no_wrap=True)
        if self.running:
            first.append(f"{SPINNER[self._turn % len(SPINNER)]} ", palette.accent)
        first.append_text(
            plain(f"{counts['asked']:,} of {self.total:,} asked again · {self._model}  ")
        )
        share = counts["asked"] / self.total if self.total else None
        first.append_text(progress_bar(share, 20, palette, palette.accent))
        second = Text(no_wrap=True)
        _count(second, counts["changed"], "answers changed", palette.accent, palette)
        _count(second, counts["labels_changed"], "labels changed", palette.warn, palette)
        _count(second, counts["now_right"], "now right", palette.good, palette)
        _count(second, counts["now_wrong"], "now wrong", palette.bad, palette)
        _count(second, counts["failed"], "failed", palette.bad, palette)
        if self._kept_in and any(pair.kept for pair in self.pairs):
            second.append(f"kept in {clean(self._kept_in, newlines=False)}", palette.dim)
        self.query_one("#replay-figures", Static).update(Text("\n").join([first, second]))

    def _row(self, pair: Replayed) -> Sequence[Cell]:
        palette = PALETTE
        if pair.new is None:
            words = pair.error.message if pair.error else "failed"
            sign, said = Text("!", style=palette.bad), plain(words, palette.bad)
        elif pair.same:
            sign, said = Text("=", style=palette.dim), plain(_words(pair.new.text), palette.dim)
        else:
            sign, said = Text("≠", style=palette.accent), plain(_words(pair.new.text))
        changed = palette.warn if pair.label_changed else palette.dim
        return (
            sign,
            plain(pair.old.uid or "–"),
            plain(pair.old.label or "–", changed),
            plain((pair.new.label if pair.new else None) or "–", changed),
            said,
        )


def _words(text: str) -> str:
    return " ".join(text[:400].split())


def _count(out: Text, count: int, words: str, style: Style, palette: Palette) -> None:
    words = words.replace("s ", " ", 1) if count == 1 else words
    out.append(f"{count:,} {words}   ", style if count else palette.dim)
