"""What stands beside the samples: the predictions of a run, the bookmarks of the UID cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.app.explore.base import ExploreBase
from workbench.app.explore.rows import RunView, view_of_run
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.bookmarks import Bookmark
    from workbench.app.tasks import Token
    from workbench.data.source import Source


class Bookmarks(ExploreBase):
    """Predictions and bookmarks."""

    def __init__(self) -> None:
        super().__init__()
        self.bookmarks: dict[str, Bookmark] = {}

    def refresh_texts(self) -> None:
        """Draw the texts again: the run or the bookmark changed."""
        if self.sample is None or not self.built:
            return
        mark = self.bookmarks.get(self.sample.uid)
        self.texts.show(self.sample, self.run_view, (mark.tags, mark.note) if mark else None)

    # -- predictions of a run --------------------------------------------------------------

    def load_run(self, run_id: str | None = None) -> None:
        """Show a run's predictions beside the samples; by default the last of this split."""
        source = self.browser.source if self.browser else None
        if source is None:
            return

        def work(token: Token) -> None:
            view = read_run(source.dataset, source.split, run_id)
            if not token.cancelled and view is not None:
                self.bench.call_soon(self._take_run, source, view)

        self.bench.tasks.run("run", work)

    def _take_run(self, source: Source, view: RunView) -> None:
        if self.browser is None or self.browser.source is not source:
            return
        self.run_view = view
        self.samples.run = view
        self.samples.refresh()
        self.refresh_texts()

    # -- bookmarks -------------------------------------------------------------------------

    def _tags_of(self, uid: str) -> tuple[str, ...] | None:
        mark = self.bookmarks.get(uid)
        return mark.tags if mark else None

    def _load_bookmarks(self) -> None:
        source = self.browser.source if self.browser else None
        if source is None:
            return
        spec = f"{source.dataset}/{source.split.partition('[')[0]}"

        def work(token: Token) -> None:
            from sessions.uid_cache import UidCache

            with UidCache.open() as cache:
                warning = cache.warning()
                marks = {mark.uid: mark for mark in cache.list(dataset=spec)}
            self.bench.call_soon(self._take_bookmarks, marks)
            if warning:
                self.bench.call_soon(self._warn, warning)

        self.bench.tasks.run("bookmarks", work)

    def _warn(self, text: str) -> None:
        self.notify(clean(text), severity="warning", timeout=15, markup=False)

    def _take_bookmarks(self, marks: dict[str, Bookmark]) -> None:
        self.bookmarks = marks
        self.samples.refresh()
        self.refresh_texts()
        self._show_counts()

    def _show_counts(self) -> None:
        """The line under the list."""

    def keep_bookmark(self, uid: str, change: Callable[[Any], Any], done: str) -> None:
        """Change the UID cache by `change(cache)`, then show what it holds."""

        def work(token: Token) -> None:
            from sessions.uid_cache import UidCache

            with UidCache.open() as cache:
                change(cache)
            self.bench.call_soon(self._bookmark_kept, uid, done)

        self.bench.tasks.run(f"bookmark {uid}", work)

    def _bookmark_kept(self, uid: str, done: str) -> None:
        self.notify(f"{done} {clean(uid, newlines=False)}", timeout=2, markup=False)
        self._load_bookmarks()


def read_run(dataset: str, split: str, run_id: str | None) -> RunView | None:
    """The predictions of a run, or of the newest evaluation of that split; `None` without any.

    For worker threads. Raises `NoSuchRecord` for a run that was named and is not there.
    """
    from sessions.runs import Run, list_runs

    run = Run.open(run_id) if run_id else None
    if run is None:
        base = split.partition("[")[0]
        for one in list_runs():
            config = one.config
            if one.kind != "eval" or config.get("dataset") != dataset:
                continue
            if str(config.get("split", "")).partition("[")[0] == base and one.progress()[0]:
                run = one
                break
    if run is None:
        return None
    config = run.config
    model = str(config.get("model") or "").rstrip("/").split("/")[-1]
    title = f"run {run.id[-4:]}" + (f" {model}" if model else "")
    return view_of_run(run.id, title, run.predictions())
