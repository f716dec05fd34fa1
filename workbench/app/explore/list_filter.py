"""Explore's filter: the list narrows as one types, by a search that reads on only as needed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from workbench.app.explore.browser import SearchStretch
from workbench.app.explore.controller import Controller, Shared
from workbench.app.explore.messages import PlaceChanged
from workbench.app.explore.rows import fits_of
from workbench.reports.sample_filter import SampleFilter

if TYPE_CHECKING:
    from workbench.app.tasks import CancelToken

_BUDGET = 2000  # samples that one stretch of a search reads before it asks whether to go on
_STRETCH = 24  # matches that it hands over at a time
_SEARCH_S = 5.0  # and for how long


class ListFilter(Controller):
    """The filter over the list."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self.searched_to = 0  # the ordinal at which the search reads on

    def write(self, text: str = "") -> None:
        """Put a text into the field that was not typed there."""
        from textual.widgets import Input

        field = self.widgets.filter
        with field.prevent(Input.Changed):
            field.value = text

    def drop(self) -> bool:
        """Take the filter off; whether there was one."""
        filtered = bool(self.view.filter.words)
        if filtered:
            self.widgets.filter.value = ""
        return filtered

    def narrow(self, text: str, keep: int | None = None) -> None:
        """Narrow the list to what fits.

        Args:
            text: What was typed; see `SampleFilter`.
            keep: The ordinal to stand on where it fits; by default the one that was chosen last.
        """
        view, samples = self.view, self.widgets.samples
        view.filter = SampleFilter(text)
        self.bench.tasks.cancel("search")
        samples.refused = view.filter.problem(run=bool(view.run.run_id))
        if not view.filter.words:
            samples.unfilter()
            self.post(PlaceChanged())
            return
        if samples.refused:  # no sample is read to find none
            samples.filter_anew()
            samples.add_matches([], searching=False, exhausted=True)
            self.post(PlaceChanged())
            return
        keep = samples.chosen if keep is None else keep
        row = samples.rows.get(keep) if keep is not None else None
        if row is not None and not fits_of(view.filter, view.run, view.bookmarks)(row):
            keep = None
        at = -1 if keep is None else samples.order.line(keep)
        if at > _BUDGET:
            keep, at = None, -1
        samples.filter_anew(keep)
        self.post(PlaceChanged())
        self.searched_to = 0
        self._search(until=at)

    def read_on(self) -> None:
        """The list wants more matches."""
        if self.view.filter.words and self.view.browser is not None:
            self.widgets.samples.searching = True
            self._search()

    def _search(self, until: int = -1) -> None:
        """Read on, at least as far as ordinal `until`."""
        view, browser = self.view, self.view.browser
        if browser is None:
            return
        fits = fits_of(view.filter, view.run, dict(view.bookmarks))
        start, count = self.searched_to, 0

        def work(token: CancelToken) -> None:
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

    def _found(self, token: CancelToken, found: SearchStretch, go_on: bool) -> None:
        if token.cancelled:
            return
        self.searched_to = found.next
        samples = self.widgets.samples
        samples.add_matches(found.rows, searching=go_on, exhausted=found.exhausted)
        self.post(PlaceChanged())
