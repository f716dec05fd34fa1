"""Explore's source: a dataset is opened, or the one that holds a UID.

Guarantee: nothing here reads on the event loop; the newest wish wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.app.explore.browser import Browser
from workbench.app.explore.controller import Controller, Shared
from workbench.app.explore.messages import OrdinalWanted, RunWanted, SourceOpened
from workbench.app.explore.rows import RunView
from workbench.reports.sample_filter import SampleFilter
from workbench.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.app.tasks import CancelToken
    from workbench.data.source import Source


class SourceOpener(Controller):
    """What is open."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self.wanted_run: str | None = None  # of the source that is being opened

    def open(self, spec: str, *, uid: str | None = None, ordinal: int = 0) -> None:
        """Open `dataset/split` and stand on a UID or an ordinal."""
        self.widgets.image.wait(f"opening {clean(spec, newlines=False)}")

        def work(token: CancelToken) -> None:
            try:
                from workbench.data.progress import telling
                from workbench.data.source import open_source

                with telling(self._indexing(token)):
                    source = open_source(spec)
                at = self._place_in(source, uid, ordinal)
            except Exception as error:
                if not token.cancelled:
                    self.bench.call_soon(self._not_opened, spec, error)
                return
            if not token.cancelled:
                self.bench.call_soon(self._opened, source, at)

        self.bench.tasks.run("source", work)

    def _indexing(self, token: CancelToken) -> Callable[[int, int | None, str], None]:
        """Says how many rows were indexed; opening another dataset ends it."""
        from workbench.data.progress import Stopped, words

        def tell(done: int, total: int | None, what: str) -> None:
            if token.cancelled:
                raise Stopped
            line = clean(words(done, total, what), newlines=False)
            self.bench.call_soon(lambda: None if token.cancelled else self.widgets.image.wait(line))

        return tell

    @staticmethod
    def _place_in(source: Source, uid: str | None, ordinal: int) -> int:
        if uid is not None:
            return source.ordinal(uid)
        length = source.length
        return max(0, min(ordinal, length - 1)) if length is not None else max(0, ordinal)

    def _not_opened(self, spec: str, error: Exception) -> None:
        self.widgets.image.wait()
        if self.view.browser is None and spec != "demo/test":
            # The state named what is gone: say so, and stand on what is always there.
            self.open("demo/test")
        self.bench.fail(error, f"could not open {spec}")

    def _opened(self, source: Source, at: int) -> None:
        self.widgets.image.wait()
        view = self.view
        view.order = None
        view.browser, view.run, view.bookmarks, view.filter = (
            Browser(source),
            RunView(),
            {},
            SampleFilter(),
        )
        run_id, self.wanted_run = self.wanted_run, None
        self.post(SourceOpened(source, at, run_id))

    def open_uid(self, uid: str, run_id: str | None = None) -> None:
        """Stand on a UID, wherever it is; `run_id` chooses whose predictions are shown."""
        from sessions.uid import Uid

        try:
            parsed = Uid.parse(uid)
        except WbError as error:
            self.bench.fail(error)
            return
        source = self.view.source
        base = source.split.partition("[")[0] if source else ""
        if source is None or (source.dataset, base) != (parsed.dataset, parsed.split):
            self.wanted_run = run_id
            self.open(f"{parsed.dataset}/{parsed.split}", uid=uid)
            return
        if run_id is not None and run_id != self.view.run.run_id:
            self.post(RunWanted(run_id))

        def work(token: CancelToken) -> None:
            try:
                at = source.ordinal(uid)
            except WbError:
                if base == source.split:
                    raise
                # Outside of the part that is open: the whole split has it, if anything has.
                self.bench.call_soon(self.open, f"{parsed.dataset}/{base}", uid=uid)
                return
            if not token.cancelled:
                self.bench.call_soon(self.post, OrdinalWanted(at))

        self.bench.tasks.run("source", work)
