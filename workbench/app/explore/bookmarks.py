"""Explore's bookmarks: those of the split as the UID cache has them, set, changed, in turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import SampleMarksChanged, UidWanted
from workbench.app.explore.rows import fits_of
from workbench.app.widgets.path_form import ask_path
from workbench.text import clean, counted

if TYPE_CHECKING:
    from sessions.bookmarks import Bookmark
    from sessions.uid_cache import UidCache
    from workbench.app.explore.rows import SampleRow
    from workbench.app.tasks import CancelToken
    from workbench.data.source import Source


class BookmarkControl(Controller):
    """The stars of the samples."""

    def tags_of(self, uid: str) -> tuple[str, ...] | None:
        """The tags of a UID's bookmark; `None` where it has none."""
        mark = self.view.bookmarks.get(uid)
        return mark.tags if mark else None

    def load(self) -> None:
        """Read the bookmarks of the open split again."""
        split = self.view.split
        if not split:
            return

        def work(token: CancelToken) -> None:
            from sessions.uid_cache import UidCache

            with UidCache.open() as cache:
                warning = cache.warning()
                marks = {mark.uid: mark for mark in cache.list(dataset=split)}
            self.bench.call_soon(self._take, marks)
            if warning:
                self.bench.call_soon(self._warn, warning)

        self.bench.tasks.run("bookmarks", work)

    def _warn(self, text: str) -> None:
        self.bench.notify(clean(text), severity="warning", timeout=15, markup=False)

    def _take(self, marks: dict[str, Bookmark]) -> None:
        self.view.bookmarks = marks
        self.post(SampleMarksChanged())

    # -- the sample in view ------------------------------------------------------------------

    def toggle(self) -> None:
        """Set the sample aside, or take the star off again."""
        uid = self.view.uid
        if uid is None:
            return
        mark = self.view.bookmarks.get(uid)
        if mark is None:
            self._keep(uid, lambda cache: cache.add(uid), "★")
        elif mark.tags or mark.note:
            # Tags and notes are work: one key does not throw them away.
            self.edit()
        else:
            self._keep(uid, lambda cache: cache.remove(uid), "☆ taken off:")

    def edit(self) -> None:
        """Bookmark with tags and a note."""
        from workbench.app.widgets.picker import LineForm

        uid = self.view.uid
        if uid is None:
            return
        mark = self.view.bookmarks.get(uid)
        old = tuple(mark.tags) if mark else ()
        lines = [("tags, by spaces", " ".join(old)), ("note", mark.note if mark else "")]

        def change(cache: UidCache, tags: list[str], note: str) -> None:
            cache.add(uid, tags, note)
            for tag in old:
                if tag not in tags:
                    cache.remove(uid, tag)
            if mark and mark.note and not note:
                cache.set_note(uid, "")

        def take(values: list[str] | None) -> None:
            if values is not None:
                tags, note = values[0].split(), values[1].strip()
                self._keep(uid, lambda cache: change(cache, tags, note), "★")

        about = "b takes a bare star off"
        form = LineForm(f"Bookmark {uid}", lines, does="keep it", about=about, check=_tags_problem)
        self.bench.push_screen(form, take)

    def _keep(self, uid: str, change: Callable[[UidCache], Any], done: str) -> None:
        """Change the UID cache by `change(cache)`, then show what it holds."""

        def work() -> None:
            from sessions.uid_cache import UidCache

            with UidCache.open() as cache:
                change(cache)
            self.bench.call_soon(self._kept, uid, done)

        self.bench.tasks.change(f"bookmark {uid}", work)

    def _kept(self, uid: str, done: str) -> None:
        self.bench.notify(f"{done} {clean(uid, newlines=False)}", timeout=2, markup=False)
        self.load()

    # -- in turn -----------------------------------------------------------------------------

    def step(self, by: int) -> None:
        """The next or previous bookmark of this split, of those alone that the filter leaves."""
        source, split, wanted = self.view.source, self.view.split, self.view.filter
        if source is None:
            return
        run, marks = self.view.run, dict(self.view.bookmarks)
        fits = fits_of(wanted, run, marks) if wanted.words else None
        tags = [word.partition(":")[2] for word in wanted.words if word.startswith("tag:")]
        known = {tag.casefold(): tag for mark in marks.values() for tag in mark.tags}
        tag = known.get(tags[0], tags[0]) if tags and tags[0] else None

        def work(token: CancelToken) -> None:
            from sessions.uid_cache import UidCache

            with UidCache.open() as cache:
                for _ in range(max(1, len(marks))):
                    uid = cache.next(tag, split) if by > 0 else cache.prev(tag, split)
                    if uid is None or token.cancelled or fits is None or _fits(source, uid, fits):
                        break
                else:
                    uid = None
            self.bench.call_soon(self._stand_on, uid, tag, fits is not None)

        self.bench.tasks.run("cycle", work)

    def _stand_on(self, uid: str | None, tag: str | None, filtered: bool) -> None:
        if uid is None:
            what = f"with the tag {clean(tag, newlines=False)} " if tag else ""
            where = "under this filter" if filtered and not tag else "in this split"
            said = f"no bookmark {what}{where}: b adds one"
            self.bench.notify(said, timeout=3, markup=False)
        elif uid == self.view.uid:
            which = "under this filter" if filtered and not tag else "in this split"
            self.bench.notify(f"this is the only bookmark {which}", timeout=3)
        else:
            self.post(UidWanted(uid))

    # -- files -------------------------------------------------------------------------------

    def export(self) -> None:
        """Write all bookmarks to a file, as `wb bookmark export` does."""

        def write(path: Path) -> str:
            from sessions.uid_cache import UidCache

            with UidCache.open() as cache:
                return f"{counted(cache.export(path), 'bookmark')} written to {path}"

        self._ask_path("Export all bookmarks", write)

    def import_(self) -> None:
        """Merge a file of bookmarks into those that there are."""

        def read(path: Path) -> str:
            from sessions.uid_cache import UidCache
            from workbench.data.absent import absent

            with UidCache.open() as cache:
                merged, wrong = cache.import_(path)
            more = [f"{len(wrong)} lines are none: {wrong[0]}"] if wrong else []
            return "; ".join([f"{counted(len(merged), 'bookmark')} merged", *more, *absent(merged)])

        self._ask_path("Import bookmarks", read)

    def _ask_path(self, title: str, work: Callable[[Path], str]) -> None:
        paths, name = self.state.paths, "bookmarks.jsonl"
        ask_path(self.bench, title, "file", work, paths=paths, kept="bookmarks", default=name,
                 done=self.load)  # fmt: skip


def _tags_problem(values: list[str]) -> str:
    from sessions.bookmarks import check_tags

    try:
        check_tags(values[0].split())
    except WbError as error:
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return ""


def _fits(source: Source, uid: str, fits: Callable[[SampleRow], bool]) -> bool:
    """In a lane: whether a bookmark is one of those that the filter leaves."""
    from workbench.app.explore.rows import row_of

    try:
        return fits(row_of(0, source.get(uid)))
    except WbError:
        return False  # outside of the part that is open, or gone from the data
