"""The sample behind a prediction, looked up for its picture.

Guarantee: reads in a worker, and only the sample that the cursor came to rest on; a dataset that
is not here any more says so in the picture's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessions.errors import WbError
from sessions.uid import Uid
from workbench.app.widgets.image_view import ImageView
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.tasks import CancelToken
    from workbench.data.source import Source
    from workbench.sample import Sample

_REST_S = 0.1  # the cursor rests on a row for so long before its sample is read


class RunPicture(ImageView):
    """Shows the images of a sample that is known by its UID alone."""

    def __init__(self, setting: str = "auto", **kwargs: object) -> None:
        super().__init__(setting, captions=False, **kwargs)
        self._wanted: str | None = None
        self._source: Source | None = None  # the one that was read last stays open

    def show_uid(self, uid: str | None) -> None:
        """Show a sample's images, wherever it lies; `None` shows nothing."""
        if uid == self._wanted:
            return
        self._wanted = uid
        if uid is None:
            self.show(None)
            return
        self.leave("reading")

        def work(token: CancelToken) -> None:
            if token.wait(_REST_S):
                return
            try:
                sample = self._sample(uid)
            except WbError as error:
                self.bench.call_soon(self._found, uid, None, clean(error.message, newlines=False))
            else:
                self.bench.call_soon(self._found, uid, sample, "")

        self.bench.tasks.run("run picture", work)

    def _sample(self, uid: str) -> Sample:
        """In the lane: the sample. Raises `WbError`."""
        from workbench.data.source import open_source

        parsed, source = Uid.parse(uid), self._source
        if source is None or (source.dataset, source.split) != (parsed.dataset, parsed.split):
            source = self._source = open_source(parsed.dataset, parsed.split)
        return source.get(uid)

    def _found(self, uid: str, sample: Sample | None, note: str) -> None:
        """On the event loop: show it, where the cursor is still on it."""
        if uid == self._wanted and self.is_mounted:
            self.show(sample, note)

    def on_unmount(self) -> None:
        """Nobody waits for it any more."""
        self.bench.tasks.cancel("run picture")
