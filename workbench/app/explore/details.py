"""Explore's other ways to look at samples: all that is known of one, the gallery, files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import OrdinalWanted
from workbench.app.widgets.path_form import ask_path

if TYPE_CHECKING:
    from workbench.app.tasks import CancelToken


class Details(Controller):
    """Details, gallery, export."""

    def show(self) -> None:
        """Everything known about the sample, as `wb inspect` tells it."""
        sample, source = self.view.sample, self.view.source
        if sample is None or source is None:
            return

        def work(token: CancelToken) -> None:
            from workbench.app.explore.details_text import details_of, details_text

            text = details_text(details_of(source, sample))
            if not token.cancelled:
                self.bench.call_soon(self._show, sample.uid, text)

        self.bench.tasks.run("details", work)

    def _show(self, uid: str, text: str) -> None:
        from workbench.app.widgets.text_panel import TextPanel

        if self.bench.screen is self.widgets.screen and uid == self.view.uid:
            self.bench.push_screen(TextPanel(uid, text))

    def gallery(self) -> None:
        """A grid of thumbnails of what the list shows."""
        view, samples = self.view, self.widgets.samples
        if view.browser is None or not view.built or not samples.count:
            return
        from workbench.app.explore.gallery import GalleryScreen
        from workbench.app.explore.thumbnails import GallerySamples

        source, matches = view.browser.source, samples.matches
        length = "endless" if source.length is None else f"{source.length:,}"
        title = f"{source.dataset}/{source.split} · {length}"
        if matches is not None:
            more = "" if samples.exhausted else " so far"
            title += f" · {view.filter.text} · {len(matches):,} found{more}"
        ordinals = view.browser.order if matches is None else tuple(matches)
        ordinals = None if ordinals is None else tuple(ordinals)
        marked = view.bookmarks.__contains__
        protocol = self.widgets.image.protocol
        shown = GallerySamples(view.browser, ordinals, view.run, marked, title, protocol)
        size = self.state.thumbnails if self.state.thumbnails in range(4) else 1
        screen = GalleryScreen(shown, shown.place(view.ordinal or 0), size)

        def take(ordinal: int | None) -> None:
            self.state.thumbnails = screen.grid.tile_size
            if ordinal is not None:
                self.post(OrdinalWanted(ordinal))

        self.bench.push_screen(screen, take)

    def export(self) -> None:
        """Write the sample's images as they came, and a JSON beside them."""
        sample = self.view.sample
        if sample is None:
            return

        def write(folder: Path) -> str:
            from workbench.data.export import export_sample

            paths = export_sample(sample, folder)
            return f"{len(paths)} files written to {paths[0].parent}"

        paths, title = self.state.paths, "Export this sample"
        ask_path(self.bench, title, "folder", write, paths=paths, kept="export", default="export")
