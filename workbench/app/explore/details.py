"""Explore's other ways to look: all of a sample, the gallery, bookmarks in turn; and files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.app.explore.pickers import Pickers
from workbench.text import clean, counted

if TYPE_CHECKING:
    from workbench.app.explore.rows import Row
    from workbench.app.tasks import Token
    from workbench.data.source import Source


class Details(Pickers):
    """Details, gallery, export, and the cycle of bookmarks."""

    # -- all of one sample -----------------------------------------------------------------

    def action_details(self) -> None:
        """Everything known about the sample, as `wb inspect` tells it."""
        self.once_shown(self._details)

    def _details(self) -> None:
        sample, browser = self.sample, self.browser
        if sample is None or browser is None:
            return

        def work(token: Token) -> None:
            from workbench.app.explore.details_text import details_of, details_text

            text = details_text(details_of(browser.source, sample))
            if not token.cancelled:
                self.bench.call_soon(self._show_details, sample.uid, text)

        self.bench.tasks.run("details", work)

    def _show_details(self, uid: str, text: str) -> None:
        from workbench.app.widgets.text_panel import TextPanel

        if self.app.screen is self and uid == self.uid:
            self.app.push_screen(TextPanel(uid, text))

    # -- many at once ----------------------------------------------------------------------

    def action_gallery(self) -> None:
        """A grid of thumbnails of what the list shows."""
        browser = self.browser
        if browser is None or not self.built or not self.samples.count:
            return
        from workbench.app.explore.gallery import GalleryScreen
        from workbench.app.explore.tiles import Shelf

        source, matches = browser.source, self.samples.matches
        length = "endless" if source.length is None else f"{source.length:,}"
        title = f"{source.dataset}/{source.split} · {length}"
        if matches is not None:
            more = "" if self.samples.exhausted else " so far"
            title += f" · {self.filter.text} · {len(matches):,} found{more}"
        ordinals = None if matches is None else tuple(matches)
        marked = self.bookmarks.__contains__
        shelf = Shelf(browser, ordinals, self.run_view, marked, title, self.image.protocol)
        size = self.state.thumbnails
        screen = GalleryScreen(
            shelf, shelf.place(self.ordinal or 0), size if size in range(4) else 1
        )

        def take(ordinal: int | None) -> None:
            self.state.thumbnails = screen.grid.tile_size
            if ordinal is not None:
                self.stand_on(ordinal)

        self.app.push_screen(screen, take)

    # -- bookmarks in turn -----------------------------------------------------------------

    def action_bookmark_step(self, by: int) -> None:
        """The next or previous bookmark of this split, of those alone that the filter leaves."""
        source = self.browser.source if self.browser else None
        if source is None:
            return
        fits = self._fits() if self.filter.words else None
        count = len(self.bookmarks)
        spec = f"{source.dataset}/{source.split.partition('[')[0]}"
        wanted = [w.partition(":")[2] for w in self.filter.words if w.startswith("tag:")]
        known = {tag.casefold(): tag for mark in self.bookmarks.values() for tag in mark.tags}
        tag = known.get(wanted[0], wanted[0]) if wanted and wanted[0] else None

        def work(token: Token) -> None:
            from sessions.uid_cache import UidCache

            with UidCache.open() as cache:
                for _ in range(max(1, count)):
                    uid = cache.next(tag, spec) if by > 0 else cache.prev(tag, spec)
                    if uid is None or token.cancelled or fits is None or _fits(source, uid, fits):
                        break
                else:
                    uid = None
            self.bench.call_soon(self._stand_on_bookmark, uid, tag, fits is not None)

        self.bench.tasks.run("cycle", work)

    def _stand_on_bookmark(self, uid: str | None, tag: str | None, filtered: bool) -> None:
        if uid is None:
            what = f"with the tag {clean(tag, newlines=False)} " if tag else ""
            where = "under this filter" if filtered and not tag else "in this split"
            self.notify(f"no bookmark {what}{where}: b sets one aside", timeout=3, markup=False)
        else:
            self.open_uid(uid)

    # -- files -----------------------------------------------------------------------------

    def action_export(self) -> None:
        """Write the sample's images as they came, and a JSON beside them."""
        self.once_shown(self._export)

    def _export(self) -> None:
        sample = self.sample
        if sample is None:
            return

        def write(folder: Path) -> str:
            from workbench.data.export import export_sample

            paths = export_sample(sample, folder)
            return f"{len(paths)} files written to {paths[0].parent}"

        self._ask_path("Export this sample", "folder", "export", write, "export")

    def palette_actions(self) -> Iterable[tuple[str, str, Callable[[], Any]]]:
        """What the palette offers here beside the keys."""
        yield "Export the bookmarks as JSON lines", "", self.action_export_bookmarks
        yield "Import bookmarks", "JSON lines, or a UID to a line", self.action_import_bookmarks

    def action_export_bookmarks(self) -> None:
        """Write all bookmarks to a file, as `wb bookmark export` does."""

        def write(path: Path) -> str:
            from sessions.uid_cache import UidCache

            with UidCache.open() as cache:
                return f"{counted(cache.export(path), 'bookmark')} written to {path}"

        self._ask_path("Export all bookmarks", "file", "bookmarks", write, "bookmarks.jsonl")

    def action_import_bookmarks(self) -> None:
        """Merge a file of bookmarks into those that there are."""

        def read(path: Path) -> str:
            from sessions.uid_cache import UidCache

            with UidCache.open() as cache:
                count, wrong = cache.import_(path)
            more = f"; {len(wrong)} lines are none: {wrong[0]}" if wrong else ""
            return f"{counted(count, 'bookmark')} merged{more}"

        self._ask_path("Import bookmarks", "file", "bookmarks", read, "bookmarks.jsonl")

    def _ask_path(
        self, title: str, label: str, kept: str, work: Callable[[Path], str], default: str
    ) -> None:
        """Ask for a path, do the work beside the event loop, say what came of it."""
        from workbench.app.widgets.picker import LineForm

        last = self.state.paths.get(kept)

        def take(values: list[str] | None) -> None:
            if not values:
                return
            path = Path(values[0].strip()).expanduser().absolute()
            self.state.paths[kept] = str(path)

            def run(token: Token) -> None:
                self.bench.call_soon(self._done_with_files, work(path))

            self.bench.tasks.run("files", run)

        value = last if isinstance(last, str) and last else str(Path.cwd() / default)

        def problem(values: list[str]) -> str:
            return "" if values[0].strip() else f"a {label} is needed"

        form = LineForm(title, [(label, value)], does="go on", check=problem)
        self.app.push_screen(form, take)

    def _done_with_files(self, words: str) -> None:
        self.notify(clean(words, newlines=False), timeout=6, markup=False)
        self._load_bookmarks()


def _fits(source: Source, uid: str, fits: Callable[[Row], bool]) -> bool:
    """In a lane: whether a bookmark is one of those that the filter leaves."""
    from workbench.app.explore.rows import row_of

    try:
        return fits(row_of(0, source.get(uid)))
    except WbError:
        return False  # outside of the part that is open, or gone from the data
