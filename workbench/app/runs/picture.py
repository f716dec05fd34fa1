"""The sample behind a prediction, looked up for its picture.

Guarantee: reads in a worker, and only the sample that the cursor came to rest on; a dataset that
is not here any more says so in the picture's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from sessions.errors import WbError
from sessions.uid import Uid
from workbench.app.widgets.image_view import ImageView
from workbench.app.widgets.places import ShownPlaces
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.tasks import CancelToken
    from workbench.data.source import Source
    from workbench.grounding.answered import AnsweredRegions
    from workbench.sample import Sample

_REST_S = 0.1  # the cursor rests on a row for so long before its sample is read


class RunPicture(ImageView):
    """Shows the images of a sample that is known by its UID alone."""

    class Read(Message):
        """The sample of the row under the cursor was read."""

        def __init__(self, uid: str, sample: Sample) -> None:
            super().__init__()
            self.uid, self.sample = uid, sample

    def __init__(self, setting: str = "auto", **kwargs: object) -> None:
        super().__init__(setting, captions=False, **kwargs)
        self._wanted: str | None = None
        self._source: Source | None = None  # the one that was read last stays open
        self._answer: tuple[str, AnsweredRegions | None] = ("", None)

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
            self._draw_answer()
            if sample is not None:
                self.post_message(self.Read(uid, sample))

    def show_answer(self, uid: str, places: AnsweredRegions | None) -> None:
        """Draw where an answer and its gold say that things are, as soon as their sample shows."""
        self._answer = (uid, places)
        self._draw_answer()

    def _draw_answer(self) -> None:
        uid, places = self._answer
        if uid == self.uid:
            self.show_places(ShownPlaces(places, places.gold) if places is not None else None)

    def on_unmount(self) -> None:
        """Nobody waits for it any more."""
        self.bench.tasks.cancel("run picture")
