"""The samples that are most like one, in a list: by text, by pixels, by the model's features.

Guarantee: reads and compares in a worker. Texts are listed at once, pictures when they were looked
at; how far that is stands below the list, and Esc ends it. Returns the UID that is to be opened, or
`None`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from sessions.errors import WbError
from workbench.app.copy_command import line, similar_argv
from workbench.app.explore.similar_scans import LIMIT, Scans, Stage
from workbench.app.lists.draw import plain
from workbench.app.lists.palette import PALETTE
from workbench.app.lists.row_list import Cell, Column, RowList
from workbench.app.widgets.image_view import ImageView
from workbench.text import clean, counted

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken
    from workbench.sample import Sample
    from workbench.similar.neighbours import By, Neighbours

TOP = 200
_KEYS: dict[By, str] = {"text": "t", "pixels": "p", "image": "i"}
_COLUMNS = (
    Column("", 1),
    Column("ALIKE", 7, "right"),
    Column("UID", share=3),
    Column("LABEL", 10, above=50),
    Column("SHARES", 22, above=70),
    Column("TEXT", above=90, share=5),
)


class SimilarView(ModalScreen["str | None"]):
    """What is like one sample."""

    HELP = (
        "Samples of all splits of this dataset, the most similar first. ≈ marks a duplicate in "
        "another split: a leak."
    )
    DEFAULT_CSS = """
    SimilarView { align: center middle; background: $background 60%; }
    SimilarView > Vertical { width: 98%; height: 96%; border: round $primary;
        background: $surface; padding: 0 1; }
    SimilarView #similar-of { height: auto; max-height: 3; }
    SimilarView #similar-by { height: 1; margin-bottom: 1; }
    SimilarView Horizontal { height: 1fr; }
    SimilarView RowList { width: 3fr; background: $surface; }
    SimilarView #similar-pictures { width: 1fr; min-width: 30; display: none; margin-left: 1; }
    SimilarView.-wide #similar-pictures { display: block; }
    SimilarView ImageView { height: 1fr; }
    SimilarView #similar-scanned { height: auto; max-height: 3; color: $text-muted; }
    SimilarView .keys { color: $text-muted; height: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "by('text')", "By text", id="similar.text"),
        Binding("p", "by('pixels')", "By pixels", id="similar.pixels"),
        Binding("i", "by('image')", "By image features", id="similar.image"),
        Binding("plus,equals_sign", "more", "More samples", id="similar.more", key_display="+"),
        Binding("y", "copy", "Copy", id="similar.copy"),
        Binding("escape,q,tilde", "leave", "Leave", id="similar.leave"),
    ]

    def __init__(self, sample: Sample, scans: Scans, by: By) -> None:
        """The neighbours of a sample.

        Args:
            sample: The one in view.
            scans: What was read of its dataset already.
            by: What to list by, as soon as that is known.
        """
        super().__init__()
        self._sample, self._scans = sample, scans
        self.by: By = by
        self.found: dict[By, Neighbours] = {}
        self._before: By = "text"
        self._listed: By | None = None
        self._under_way = ""
        self._problem = ""

    def compose(self) -> ComposeResult:
        """The sample, the list, the pictures of both, and the keys."""
        setting = self._bench.settings.images
        with Vertical() as box:
            box.border_title = "Similar samples"
            yield Static("", id="similar-of", markup=False)
            yield Static("", id="similar-by", markup=False)
            with Horizontal():
                yield RowList(_COLUMNS, empty=("reading…",), widget_id="similar-list")
                with Vertical(id="similar-pictures"):
                    yield ImageView(setting, captions=False, id="similar-own")
                    yield ImageView(setting, captions=False, id="similar-other")
            yield Static("", id="similar-scanned", markup=False)
            words = "t p i by what · + more samples · Enter goes there · y copies · Esc back"
            yield Static(words, classes="keys", markup=False)

    def on_mount(self) -> None:
        """Read, and show what is known meanwhile."""
        said = Text(clean(self._sample.uid, newlines=False), style=PALETTE.strong)
        if self._sample.label is not None:
            said.append(f"  {clean(self._sample.label, newlines=False)}", style=PALETTE.dim)
        for text in self._sample.texts.values():
            said.append(f"\n{clean(text, newlines=False)}")
        self.query_one("#similar-of", Static).update(said)
        self.query_one("#similar-own", ImageView).show(self._sample)
        self._list.focus()
        self._draw()
        self._compare()

    def on_resize(self) -> None:
        """Pictures stand beside the list where there is room."""
        self.set_class(self.size.width >= 110, "-wide")

    @property
    def _bench(self) -> WbApp:
        return cast("WbApp", self.app)

    @property
    def _list(self) -> RowList:
        return self.query_one(RowList)

    # -- reading -----------------------------------------------------------------------------

    def _compare(self) -> None:
        """Have a worker read what is not known: texts first, the model's features last."""
        sample, scans, bench = self._sample, self._scans, self._bench
        self._problem = ""
        stages: list[Stage] = [] if self.found else ["texts"]
        if sample.images and "pixels" not in self.found:
            stages.append("pixels")
        if sample.images and self.by == "image":
            stages.append("features")

        def work(token: CancelToken) -> None:
            from workbench.errors import Cancelled

            try:
                for stage in stages:
                    tell = self._telling(token)
                    found = scans.neighbours(bench, sample, stage, token, tell, TOP)
                    if token.cancelled:
                        return
                    bench.call_soon(self._take, token, found)
            except Cancelled:
                return
            except WbError as error:
                bench.call_soon(self._failed, token, error)
                return
            bench.call_soon(self._tell, token, "")

        bench.tasks.run("similar", work)

    def _telling(self, token: CancelToken) -> Callable[[str], None]:
        return lambda words: self._bench.call_soon(self._tell, token, words)

    def _tell(self, token: CancelToken, words: str) -> None:
        if self.is_running and not token.cancelled:
            self._under_way = words
            self._draw_foot()

    def _take(self, token: CancelToken, found: dict[By, Neighbours]) -> None:
        if self.is_running and not token.cancelled:
            self.found |= found
            self._under_way = ""
            self._draw()

    def _failed(self, token: CancelToken, error: WbError) -> None:
        if self.is_running and not token.cancelled:
            self._under_way = ""
            hint = f" ({error.hint})" if error.hint else ""
            self._problem = f"{error.message}{hint}"
            self._draw()

    # -- drawing -----------------------------------------------------------------------------

    @property
    def shown(self) -> Neighbours | None:
        """What is listed: by what was chosen, or what was listed before until that is known."""
        if self.by in self.found or self._problem:
            return self.found.get(self.by)
        return self.found.get(self._before) or next(iter(self.found.values()), None)

    def _draw(self) -> None:
        found, tabs = self.shown, Text()
        names: dict[By, str] = {
            "text": "text",
            "pixels": "pixels",
            "image": f"image features of {clean(self._bench.model_label, newlines=False)}",
        }
        for by, name in names.items():
            style = PALETTE.strong if by == self.by else PALETTE.dim
            tabs.append(f"{_KEYS[by]} ", style=PALETTE.accent)
            tabs.append(f"{'▸' if by == self.by else ''}{name}", style=style)
            tabs.append("   ")
        self.query_one("#similar-by", Static).update(tabs)
        rows = found.found if found else ()
        why = self._problem or (found.problem if found else "")
        self._list.empty = (clean(why, newlines=False) or "reading…",)

        def cells(place: int) -> list[Cell]:
            one = rows[place]
            label = "–" if one.sample.label is None else one.sample.label
            said = one.in_common.words() or "–"
            look = PALETTE.warn if one.leak else PALETTE.dim
            return [
                Text("≈" if one.leak else " ", style=PALETTE.warn),
                Text(f"{one.similarity:.4f}"),
                plain(one.sample.uid.partition("/")[2]),
                plain(label),
                plain(said, look),
                plain(one.sample.text, PALETTE.dim),
            ]

        keys = [one.sample.uid for one in rows]
        # What is listed by something else begins at its first; otherwise the cursor stays.
        anew = found is not None and found.by != self._listed
        self._listed = found.by if found is not None else self._listed
        self._list.show(keys, cells, cursor=keys[0] if anew and keys else None)
        self._draw_foot()

    def _draw_foot(self) -> None:
        said = Text()
        found = self.shown
        if self._under_way:
            words = self._under_way
            if found is not None and found.by != self.by:
                words += f" · listed by {found.by} until then"
            said.append(clean(words, newlines=False), style=PALETTE.accent)
            said.append("\n")
        elif self._problem:
            said.append(clean(self._problem, newlines=False), style=PALETTE.bad)
            said.append("\n")
        if found is not None:
            parts = [found.scanned_words]
            if found.leaks:
                parts.append(f"≈ {counted(found.leaks, 'duplicate')} in another split")
            if found.undefined:
                parts.append(f"{found.undefined:,} could not be compared")
            said.append(clean(" · ".join(parts), newlines=False))
        self.query_one("#similar-scanned", Static).update(said)

    @on(RowList.RowHighlighted)
    def _on_row(self, event: RowList.RowHighlighted) -> None:
        event.stop()
        if not self.has_class("-wide"):
            return
        uid, other = event.key, self.query_one("#similar-other", ImageView)
        other.leave("reading")

        def work(token: CancelToken) -> None:
            from workbench.data.source import get_sample

            if token.wait(0.05):
                return
            try:
                sample, why = get_sample(uid), ""
            except WbError as error:
                sample, why = None, clean(error.message, newlines=False)
            if not token.cancelled:
                self._bench.call_soon(self._picture, uid, sample, why)

        self._bench.tasks.run("similar sample", work)

    def _picture(self, uid: str, sample: Sample | None, why: str) -> None:
        if self.is_running and uid == self._list.key:
            self.query_one("#similar-other", ImageView).show(sample, why)

    # -- keys ----------------------------------------------------------------------------------

    def action_by(self, by: By) -> None:
        """List by something else."""
        if by != self.by or self._problem:
            if self.by in self.found:
                self._before = self.by
            self.by = by
            if by not in self.found:
                self._compare()
            self._draw()

    def action_more(self) -> None:
        """Compare four times as many samples of each split."""
        self._scans.limit *= 4
        self.found = {}
        self._compare()
        self._draw()

    def action_copy(self) -> None:
        """Copy the command that lists the same."""
        limit = None if self._scans.limit == LIMIT else self._scans.limit
        argv = similar_argv(self._sample.uid, self.by, self._bench.spec, limit or LIMIT)
        self._bench.copy_text(line(argv), "command")

    @on(RowList.RowSelected)
    def _on_open(self, event: RowList.RowSelected) -> None:
        """Close, and open the sample under the cursor."""
        event.stop()
        self.dismiss(event.key)

    def action_leave(self) -> None:
        """Close; what is read is read no further."""
        self.dismiss(None)

    def on_unmount(self) -> None:
        """Nobody waits for it any more."""
        for lane in ("similar", "similar sample"):
            self._bench.tasks.cancel(lane)
