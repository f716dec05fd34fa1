"""Explore's order of the list: by label, by length, by what a run says of each sample.

Guarantee: what is needed is read in a worker; the list stays as it is until that is done, and what
has no value stands last. A split without end has no order but its own, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import OrderChanged, PlaceChanged
from workbench.app.lists.sample_order import SampleOrder, order_choices
from workbench.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.app.explore.browser import Browser
    from workbench.app.tasks import CancelToken
    from workbench.app.widgets.choice import Choice
    from workbench.reports.prediction_columns import Value

_OF_SAMPLES = {"label": "the gold label", "text length": "characters of the sample's texts"}


class ListOrder(Controller):
    """What the list is sorted by."""

    def choose(self) -> None:
        """Choose a column and a direction."""
        browser, run_id = self.view.browser, self.view.run.run_id
        if browser is None or not self.view.built:
            return
        if browser.length is None:
            name = f"{browser.source.dataset}/{browser.source.split}"
            self.bench.fail(
                UnknownName(
                    f"{name} has no end, so it has no order but its own",
                    hint="open a part of it, such as [:1000], to sort that",
                ),
                "not sorted",
            )
            return

        from workbench.app.widgets.picker import Picker

        columns: dict[str, Mapping[str, Value]] = {}

        def find(token: CancelToken) -> list[Choice]:
            columns.update(run_columns(run_id) if run_id else {})
            return order_choices(_OF_SAMPLES, run_id, columns)

        def take(order: SampleOrder | None) -> None:
            if order is not None and browser is self.view.browser:
                self._sort(browser, order, columns.get(order.column, {}) if order.of_run else None)

        now = self.view.order or SampleOrder("")
        self.bench.push_screen(Picker("Sort the list by", find=find, current=now), take)

    def cancel(self) -> bool:
        """Leave the list as it is; whether it was being sorted."""
        sorting = self.bench.tasks.cancel("order")
        if sorting:
            self.post(PlaceChanged())
        return sorting

    def run_changed(self) -> None:
        """Another run stands beside the list: what was sorted by the one before no longer is."""
        order = self.view.order
        if order is not None and order.of_run and order.of_run != self.view.run.run_id:
            self._take(self.view.browser, None, None)

    def _sort(
        self, browser: Browser, order: SampleOrder, of_run: Mapping[str, Value] | None
    ) -> None:
        self.bench.tasks.cancel("order")
        if not order.column:
            self._take(browser, None, None)
            return

        def work(token: CancelToken) -> None:
            from workbench.reports.prediction_columns import order_of

            values = (
                values_of_run(browser, of_run, token)
                if of_run is not None
                else self._values_of_samples(browser, order.column, token)
            )
            if not token.cancelled:
                places = order_of(values, order.descending)
                self.bench.call_soon(self._take, browser, order, places)

        self.bench.tasks.run("order", work)

    def _values_of_samples(self, browser: Browser, column: str, token: CancelToken) -> list[Value]:
        """In the lane: of all samples, what is said in their lines; tells how far it is."""
        values: list[Value] = []
        for row in browser.every(token):
            values.append(row.label if column == "label" else row.characters)
            if len(values) % 2000 == 0:
                self.bench.call_soon(self._tell, f"sorting: {len(values):,}/{browser.length:,}")
        return values

    def _tell(self, words: str) -> None:
        from workbench.app.widgets.steady import SteadyText

        self.widgets.screen.query_one("#counts", SteadyText).update(words)

    def _take(
        self, browser: Browser | None, order: SampleOrder | None, places: list[int] | None
    ) -> None:
        if browser is None or browser is not self.view.browser:
            return
        browser.order, self.view.order = places, order
        self.post(OrderChanged())


def run_columns(run_id: str) -> Mapping[str, Mapping[str, Value]]:
    """The columns of a run's predictions. For worker threads."""
    from sessions.runs import Run
    from workbench.reports.prediction_columns import columns_of

    return columns_of(Run.open(run_id).predictions())


def values_of_run(browser: Browser, column: Mapping[str, Value], token: CancelToken) -> list[Value]:
    """A value for each sample, by its ordinal; reads no sample. For worker threads."""
    values: list[Value] = [None] * (browser.length or 0)
    for uid, value in column.items():
        if token.cancelled:
            return values
        try:
            values[browser.source.ordinal(uid)] = value
        except UnknownName:
            continue  # the run is of more than this part of the split
    return values
