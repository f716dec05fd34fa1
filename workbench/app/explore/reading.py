"""Explore's reading: pages of the list, one sample.

Guarantee: nothing here reads on the event loop; each kind of reading has a lane of its own in
which the newest request wins (`workbench.app.tasks`).
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.app.explore.controller import Controller, Shared
from workbench.app.explore.messages import PlaceChanged, SampleShown
from workbench.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.timer import Timer

    from workbench.app.explore.browser import Browser
    from workbench.app.explore.rows import SampleRow
    from workbench.app.tasks import CancelToken
    from workbench.sample import Sample

_VISIT_S = 1.0  # a sample that was looked at for so long counts as visited
_HELD_S = 0.15  # a move that follows another so soon is a key held down
_PASSING_S = 0.15  # while it is held, a sample that it passes is shown so often
_PASSED_S = 0.5  # and its picture stays so long without another
_QUIET_S = 0.06  # and its sample is shown if no other move follows for so long: a key repeats 30/s


class SampleReader(Controller):
    """What the screen reads."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self.shown: int | None = None  # the ordinal of the sample in view
        self._moved_at = self._shown_at = -math.inf
        self._leaving: Timer | None = None
        self._wishes: tuple[int, list[Callable[[], object]]] = (-1, [])

    def forget(self) -> None:
        """Another source is open: nothing of it is in view."""
        self.shown, self._wishes = None, (-1, [])

    def show_nothing(self, note: str) -> None:
        """Say why no sample is in view."""
        self.view.sample, self.view.ordinal = None, None
        self.widgets.image.show(None, note)
        self.widgets.texts.show(None, self.view.run)

    def read_page(self, start: int, count: int) -> None:
        """Read rows of the list."""
        browser = self.view.browser
        if browser is None:
            return

        def work(token: CancelToken) -> None:
            rows = browser.page(start, count, token)
            if not token.cancelled:
                self.bench.call_soon(self._take_rows, browser, rows)

        self.bench.tasks.run("page", work)

    def _take_rows(self, browser: Browser, rows: list[SampleRow]) -> None:
        if browser is self.view.browser:
            self.widgets.samples.take(rows)

    def read_sample(self, ordinal: int) -> None:
        """Read the sample under the cursor and show it, once the cursor rests on it.

        While a key is held, some of the samples that it passes are shown, picture, texts and title
        together, so that one can page by eye.
        """
        browser = self.view.browser
        if browser is None:
            return
        self.view.ordinal = ordinal
        now = time.monotonic()
        # On a busy machine keys that come apart are done apart: that others wait says it too.
        wait = self.bench.keys_wait
        held, self._moved_at = wait or now - self._moved_at < _HELD_S, now
        since = now - self._shown_at
        if ordinal != self.shown:
            # The old picture goes with the move, not with what follows; under a held key with the
            # next one that is shown.
            self._leave() if not held else self._leave_later()
        if held and not wait and since >= _PASSING_S:
            self._show_in_passing(browser, ordinal)

        def work(token: CancelToken) -> None:
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

    def _leave(self) -> None:
        if (ordinal := self.view.ordinal) is not None and ordinal != self.shown:
            self.widgets.image.leave(f"reading sample {ordinal + 1:,}")

    def _leave_later(self) -> None:
        """Take a picture away that was passed long ago: samples are slower than the key."""

        def due() -> None:
            self._leaving = None
            if time.monotonic() - self._shown_at >= _PASSED_S:
                self._leave()
            elif self.shown != self.view.ordinal:
                self._leave_later()

        if self._leaving is None:
            self._leaving = self.bench.set_timer(_PASSED_S, due)

    def _show_in_passing(self, browser: Browser, ordinal: int) -> None:
        """Show a sample although the cursor may have gone on, if it is read before the last one."""
        if self.bench.tasks.busy("passing"):
            return  # slower than the key: the one that is being read is shown

        def work(token: CancelToken) -> None:
            try:
                sample = browser.at(ordinal)
            except WbError:
                return  # it is told of if the cursor comes to rest on it
            if not token.cancelled:
                self.bench.call_soon(self._passed, browser, ordinal, sample)

        self.bench.tasks.run("passing", work)

    def _passed(self, browser: Browser, ordinal: int, sample: Sample) -> None:
        if browser is self.view.browser and self.shown != self.view.ordinal:
            self._put(browser, ordinal, sample)

    def once_shown(self, do: Callable[[], object]) -> None:
        """Do something about the sample under the cursor, now or when it has come into view.

        Keys can be faster than a sample is read: what is meant for the one that the cursor went
        to must not be done to the one before. Moving on forgets it; several are done in turn.
        """
        samples = self.widgets.samples
        under = samples.ordinal if samples.keep is None else None
        if under is None or under == self.shown:
            do()
        else:
            before = self._wishes[1] if self._wishes[0] == under else []
            self._wishes = (under, [*before, do])

    def _fulfil(self, ordinal: int) -> None:
        (wanted, wishes), self._wishes = self._wishes, (-1, [])
        for do in wishes if wanted == ordinal else ():
            do()

    def _not_read(self, ordinal: int, error: WbError) -> None:
        if ordinal == self.view.ordinal:
            self.view.sample, self.shown, self._wishes = None, ordinal, (-1, [])
            self.widgets.image.show(
                None, f"sample {ordinal + 1} cannot be read: {clean(error.message)}"
            )
            self.post(PlaceChanged())

    def _show_sample(self, browser: Browser, ordinal: int, sample: Sample) -> None:
        if browser is self.view.browser and ordinal == self.view.ordinal:
            self._put(browser, ordinal, sample)
            self._fulfil(ordinal)

    def _put(self, browser: Browser, ordinal: int, sample: Sample) -> None:
        """Put a sample into view."""
        view = self.view
        row = browser.row(ordinal)
        if row is not None:
            self.widgets.samples.take([row])
        self.shown, self._shown_at = ordinal, time.monotonic()
        self.widgets.image.leave()
        if sample.uid != view.uid:
            view.sample = sample
            self.widgets.image.show(sample)
            self.post(SampleShown(sample))
            self._note_visit(sample.uid)
        self.post(PlaceChanged())

    def _note_visit(self, uid: str) -> None:
        def work(token: CancelToken) -> None:
            if token.wait(_VISIT_S):
                return
            from sessions.uid_cache import UidCache

            try:
                with UidCache.open() as cache:
                    cache.visit(uid)
            except WbError:
                return  # history is a convenience; a full disk is told where something is lost

        self.bench.tasks.run("visit", work)
