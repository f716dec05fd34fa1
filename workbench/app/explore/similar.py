"""Explore's way to the samples that are like the one in view."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from workbench.app.explore.controller import Controller, Shared
from workbench.app.explore.messages import UidWanted

if TYPE_CHECKING:
    from workbench.app.explore.similar_scans import Scans
    from workbench.similar.neighbours import By


class SimilarSamples(Controller):
    """The list of neighbours; what it read stays for the next sample of the dataset."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._scans: Scans | None = None

    def show(self) -> None:
        """List the samples that are most like this one."""
        sample, source = self.view.sample, self.view.source
        if sample is None or source is None:
            return
        from workbench.app.explore.similar_scans import Scans
        from workbench.app.explore.similar_view import SimilarView

        of = source.dataset, source.revision
        if self._scans is None or self._scans.of != of:
            self._scans = Scans(*of)
        by = self.state.similar_by if self.state.similar_by in ("text", "pixels", "image") else ""
        view = SimilarView(sample, self._scans, cast("By", by or "text"))

        def take(uid: str | None) -> None:
            self.state.similar_by = view.by
            if uid is not None:
                self.post(UidWanted(uid))

        self.bench.push_screen(view, take)
