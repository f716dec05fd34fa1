"""Explore's reading: the source, pages of the list, one sample.

Guarantee: nothing here reads on the event loop; each kind of reading has a lane of its own in
which the newest request wins (`workbench.app.tasks`).
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from textual import on

from sessions.errors import WbError
from workbench.app.explore.browser import Browser
from workbench.app.explore.list_filter import ListFilter
from workbench.app.explore.rows import Filter, Row, RunView
from workbench.app.explore.sample_list import SampleList
from workbench.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.app.tasks import Token
    from workbench.data.source import Source
    from workbench.sample import Sample

_VISIT_S = 1.0  # a sample that was looked at for so long counts as visited
_HELD_S = 0.15  # a move that follows another so soon is a key held down
_QUIET_S = 0.06  # and its sample is shown if no other move follows for so long: a key repeats 30/s


class SampleReader(ListFilter):
    """What the screen reads."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted_run: str | None = None
        self._wanted_uid: tuple[str, str | None] | None = None
        self._shown: int | None = None  # the ordinal of the sample in view
        self._moved_at = -math.inf
        self._wishes: tuple[int, list[Callable[[], None]]] = (-1, [])

    # -- the source ------------------------------------------------------------------------

    def open_dataset(self, spec: str, *, uid: str | None = None, ordinal: int = 0) -> None:
        """Open `dataset/split` and stand on a UID or an ordinal."""
        self.image.wait(f"opening {clean(spec, newlines=False)}")

        def work(token: Token) -> None:
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

    def _indexing(self, token: Token) -> Callable[[int, int | None, str], None]:
        """Says how many rows were indexed; opening another dataset ends it."""
        from workbench.data.progress import Stopped, words

        def tell(done: int, total: int | None, what: str) -> None:
            if token.cancelled:
                raise Stopped
            line = clean(words(done, total, what), newlines=False)
            self.bench.call_soon(lambda: None if token.cancelled else self.image.wait(line))

        return tell

    @staticmethod
    def _place_in(source: Source, uid: str | None, ordinal: int) -> int:
        if uid is not None:
            return source.ordinal(uid)
        length = source.length
        return max(0, min(ordinal, length - 1)) if length is not None else max(0, ordinal)

    def _not_opened(self, spec: str, error: Exception) -> None:
        self.image.wait()
        if self.browser is None and spec != "demo/test":
            # The state named what is gone: say so, and stand on what is always there.
            self.open_dataset("demo/test")
        self.bench.fail(error, f"could not open {spec}")

    def _opened(self, source: Source, at: int) -> None:
        self.image.wait()
        self.browser = Browser(source)
        self._shown, self._wishes = None, (-1, [])
        self.run_view, self.bookmarks = RunView(), {}
        self.filter = Filter()
        self._clear_filter_field()
        name = f"{source.dataset}/{source.split}"
        self.samples.tags = self._tags_of
        self.samples.reset(source.length, source.labels)
        self.samples.run = self.run_view
        if source.length == 0:
            self._show_nothing(f"{name} has no samples · d opens another dataset")
            return
        self.samples.go_to(at)
        self._load_bookmarks()
        self.load_run(self._wanted_run)
        self._wanted_run = None

    def _show_nothing(self, note: str) -> None:
        self.sample, self.ordinal = None, None
        self.image.show(None, note)
        self.texts.show(None, self.run_view)

    def open_uid(self, uid: str, run_id: str | None = None) -> None:
        """Stand on a UID, wherever it is; `run_id` chooses whose predictions are shown."""
        from sessions.uid import Uid

        if not self.built:
            self._wanted_uid = (uid, run_id)
            return
        try:
            parsed = Uid.parse(uid)
        except WbError as error:
            self.bench.fail(error)
            return
        source = self.browser.source if self.browser else None
        base = source.split.partition("[")[0] if source else ""
        if source is None or (source.dataset, base) != (parsed.dataset, parsed.split):
            self._wanted_run = run_id
            self.open_dataset(f"{parsed.dataset}/{parsed.split}", uid=uid)
            return
        if run_id is not None and run_id != self.run_view.run_id:
            self.load_run(run_id)

        def work(token: Token) -> None:
            try:
                at = source.ordinal(uid)
            except WbError:
                if base == source.split:
                    raise
                # Outside of the part that is open: the whole split has it, if anything has.
                self.bench.call_soon(self.open_dataset, f"{parsed.dataset}/{base}", uid=uid)
                return
            if not token.cancelled:
                self.bench.call_soon(self.stand_on, at)

        self.bench.tasks.run("source", work)

    def stand_on(self, ordinal: int) -> None:
        """Put the cursor on an ordinal; a filter that hides it is taken off."""
        if not self.samples.go_to(ordinal):
            self._clear_filter_field()
            self.set_filter("")
            self.samples.go_to(ordinal)

    # -- the list --------------------------------------------------------------------------

    @on(SampleList.Need)
    def _need_rows(self, event: SampleList.Need) -> None:
        event.stop()
        browser, start, count = self.browser, event.start, event.count
        if browser is None:
            return

        def work(token: Token) -> None:
            rows = browser.page(start, count, token)
            if not token.cancelled:
                self.bench.call_soon(self._take_rows, browser, rows)

        self.bench.tasks.run("page", work)

    def _take_rows(self, browser: Browser, rows: list[Row]) -> None:
        if browser is self.browser:
            self.samples.take(rows)

    @on(SampleList.Moved)
    def _moved(self, event: SampleList.Moved) -> None:
        event.stop()
        self.load_sample(event.ordinal)

    def load_sample(self, ordinal: int) -> None:
        """Read the sample under the cursor and show it."""
        browser = self.browser
        if browser is None:
            return
        self.ordinal = ordinal
        if ordinal != self._shown:  # the old picture goes with the move, not with what follows
            self.image.leave(f"reading sample {ordinal + 1:,}")
        now = time.monotonic()
        # On a busy machine keys that come apart are done apart: that others wait says it too.
        held, self._moved_at = self.bench.keys_wait or now - self._moved_at < _HELD_S, now

        def work(token: Token) -> None:
            waits = held
            while waits:
                if token.wait(_QUIET_S):
                    return  # the cursor is elsewhere by now
                waits = self.bench.keys_under_way  # so it will be
            try:
                sample = browser.at(ordinal)
            except WbError as error:
                if not token.cancelled:
                    self.bench.call_soon(self._not_read, ordinal, error)
                return
            if not token.cancelled:
                self.bench.call_soon(self._show_sample, browser, ordinal, sample)

        self.bench.tasks.run("sample", work)

    def once_shown(self, do: Callable[[], None]) -> None:
        """Do something about the sample under the cursor, now or when it has come into view.

        Keys can be faster than a sample is read: what is meant for the one that the cursor went
        to must not be done to the one before. Moving on forgets it; several are done in turn.
        """
        samples = self.samples
        under = samples.ordinal if samples.keep is None else None
        if under is None or under == self._shown:
            do()
        else:
            before = self._wishes[1] if self._wishes[0] == under else []
            self._wishes = (under, [*before, do])

    def _fulfil(self, ordinal: int) -> None:
        (wanted, wishes), self._wishes = self._wishes, (-1, [])
        for do in wishes if wanted == ordinal else ():
            do()

    def _not_read(self, ordinal: int, error: WbError) -> None:
        if ordinal == self.ordinal:
            self.sample, self._shown, self._wishes = None, ordinal, (-1, [])
            self.image.show(None, f"sample {ordinal + 1} cannot be read: {clean(error.message)}")
            self._show_counts()

    def _show_sample(self, browser: Browser, ordinal: int, sample: Sample) -> None:
        if browser is not self.browser or ordinal != self.ordinal:
            return
        row = browser.row(ordinal)
        if row is not None:
            self.samples.take([row])
        self._shown = ordinal
        self.image.leave()
        if self.sample is None or sample.uid != self.uid:
            self.sample = sample
            self.image.show(sample)
            self.refresh_texts()
            self.sample_changed(sample)
            self._note_visit(sample.uid)
        self._show_counts()
        self._fulfil(ordinal)

    def sample_changed(self, sample: Sample) -> None:
        """Another sample is in view; the other parts of the screen follow."""

    def _note_visit(self, uid: str) -> None:
        def work(token: Token) -> None:
            if token.wait(_VISIT_S):
                return
            from sessions.uid_cache import UidCache

            try:
                with UidCache.open() as cache:
                    cache.visit(uid)
            except WbError:
                return  # history is a convenience; a full disk is told where something is lost

        self.bench.tasks.run("visit", work)
