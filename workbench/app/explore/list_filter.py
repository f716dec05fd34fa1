"""Explore's filter: the list narrows as one types, by a search that reads on only as needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on

from workbench.app.explore.bookmarks import Bookmarks
from workbench.app.explore.browser import Found
from workbench.app.explore.rows import Filter, Row
from workbench.app.explore.sample_list import SampleList

if TYPE_CHECKING:
    from workbench.app.tasks import Token

_BUDGET = 2000  # samples that one stretch of a search reads before it asks whether to go on
_STRETCH = 24  # matches that it hands over at a time
_SEARCH_S = 5.0  # and for how long


class ListFilter(Bookmarks):
    """The filter over the list."""

    def __init__(self) -> None:
        super().__init__()
        self.filter = Filter()
        self._search_at = 0

    def _clear_filter_field(self, text: str = "") -> None:
        from textual.widgets import Input

        field = self.query_one("#filter", Input)
        with field.prevent(Input.Changed):
            field.value = text

    def set_filter(self, text: str, keep: int | None = None) -> None:
        """Narrow the list to what fits.

        Args:
            text: What was typed; see `Filter`.
            keep: The ordinal to stand on where it fits; by default the one in view.
        """
        self.filter = Filter(text)
        self.bench.tasks.cancel("search")
        if not self.filter.words:
            self.samples.unfilter()
            self._show_counts()
            return
        keep = self.ordinal if keep is None else keep
        row = self.samples.rows.get(keep) if keep is not None else None
        if row is not None and not self._fits()(row):
            keep = None
        if keep is not None and keep > _BUDGET:
            keep = None
        self.samples.filter_anew(keep)
        self._show_counts()
        self._search_at = 0
        self._search(until=-1 if keep is None else keep)

    @on(SampleList.NeedMore)
    def _search_on(self, event: SampleList.NeedMore) -> None:
        event.stop()
        if self.filter.words and self.browser is not None:
            self.samples.searching = True
            self._search()

    def _search(self, until: int = -1) -> None:
        """Read on, at least as far as ordinal `until`."""
        browser, fits = self.browser, self._fits()
        if browser is None:
            return
        start, count = self._search_at, 0

        def work(token: Token) -> None:
            nonlocal count
            at, left = start, _BUDGET
            end = time.monotonic() + _SEARCH_S
            while not token.cancelled and left > 0:
                found = browser.search(at, fits, want=_STRETCH, budget=64, cancelled=token)
                left -= max(1, found.next - at)
                at, count = found.next, count + len(found.rows)
                # How many there are is told where it can be known; a stream ends with a screenful.
                enough = browser.length is None and count >= _STRETCH and at > until
                enough = enough or time.monotonic() > end
                go_on = not found.exhausted and left > 0 and not enough
                if token.cancelled:
                    return
                self.bench.call_soon(self._found, token, found, go_on)
                if not go_on:
                    return

        self.bench.tasks.run("search", work)

    def _fits(self) -> Callable[[Row], bool]:
        wanted, run, marks = self.filter, self.run_view, dict(self.bookmarks)

        def tags(uid: str) -> tuple[str, ...] | None:
            mark = marks.get(uid)
            return mark.tags if mark else None

        return lambda row: wanted.matches(row, run, tags)

    def _found(self, token: Token, found: Found, go_on: bool) -> None:
        if token.cancelled:
            return
        self._search_at = found.next
        self.samples.add_matches(found.rows, searching=go_on, exhausted=found.exhausted)
        self._show_counts()
