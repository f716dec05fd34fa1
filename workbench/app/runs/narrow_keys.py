"""Keys over a run's samples in view: narrow them by words, sort them by a column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.app.lists.sample_order import SampleOrder, order_choices
from workbench.app.runs.detail import RunDetail
from workbench.app.runs.narrowing import LABEL

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken
    from workbench.app.widgets.choice import Choice


class NarrowKeys:
    """The filter's field and the picker of an order."""

    def __init__(self, bench: WbApp, detail: RunDetail, enter: Callable[[], None]) -> None:
        """Over that detail; `enter` shows its samples and gives them the focus."""
        self._bench, self._detail, self._enter = bench, detail, enter

    def filter(self) -> None:
        """Type to narrow the samples in view."""
        self._detail.screen.add_class("-samples")
        self._enter()
        self._detail.samples_box.add_class("-filtering")
        self._detail.filter.focus()

    def drop(self) -> bool:
        """Leave the field, or take the filter off; whether there was either."""
        field, samples = self._detail.filter, self._detail.samples
        inside = field.has_focus
        if not inside and not (samples.has_focus and field.value):
            return False
        if not inside:
            field.value = ""
        if not field.value:
            self._detail.samples_box.remove_class("-filtering")
        samples.focus()
        return True

    def sort(self) -> None:
        """Choose a column and a direction."""
        from workbench.app.widgets.picker import Picker

        detail, run, narrower = self._detail, self._detail.run, self._detail.narrower
        if run is None or narrower is None:
            return

        def find(token: CancelToken) -> list[Choice]:
            return order_choices({LABEL: "the gold label"}, run.id, narrower.columns())

        def take(order: SampleOrder | None) -> None:
            if order is not None and detail.narrower is narrower:
                detail.screen.add_class("-samples")
                self._enter()
                chosen = order if order.column else None
                detail.narrow(replace(detail.narrowing, order=chosen))

        now = detail.narrowing.order or SampleOrder("")
        self._bench.push_screen(Picker("Sort the samples by", find=find, current=now), take)
