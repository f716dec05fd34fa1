"""The bookmarks of the bench as a Python iterator: `next(marks)` moves the cursor that all share.

Guarantee: order and cursor are those of `sessions.uid_cache`; `bookmarks("demo/test")` therefore
goes on where the bench's `.` key stands in that split, and the bench where this one does. A UID
whose dataset is gone comes as a sample with its `error`, so that a walk does not end on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench import markup
from workbench.notebook.display import Shown
from workbench.notebook.samples import ShownSample, shown_sample
from workbench.sample import Sample
from workbench.text import clean, counted

if TYPE_CHECKING:
    from sessions.bookmarks import Bookmark

_MOST_ROWS = 100


class Bookmarks(Shown):
    """The bookmarks of a filter.

    Attributes:
        dataset: Only those of this dataset, or `dataset/split`.
        tag: Only those with this tag.
    """

    def __init__(self, dataset: str | None = None, tag: str | None = None) -> None:
        self.dataset = dataset
        self.tag = tag

    def __next__(self) -> ShownSample:
        """The next bookmark; after the last comes the first. Ends at once where there is none."""
        return self._move("next")

    def prev(self) -> ShownSample:
        """The one before; before the first comes the last. Raises `StopIteration`."""
        return self._move("prev")

    def __iter__(self) -> Iterator[ShownSample]:
        """One round from behind the cursor, which moves along; then it ends."""
        for _ in range(len(self)):
            try:
                sample = next(self)
            except StopIteration:  # the last one was taken away meanwhile
                return
            yield sample

    def __len__(self) -> int:
        return len(self.list())

    def list(self) -> list[Bookmark]:  # noqa: A003
        """The bookmarks with tags and notes, as they were set aside; the cursor stays."""
        from sessions.uid_cache import UidCache

        with UidCache.open() as cache:
            return cache.list(self.tag, self.dataset)

    @property
    def uids(self) -> tuple[str, ...]:
        """Their UIDs."""
        return tuple(mark.uid for mark in self.list())

    def _move(self, step: str) -> ShownSample:
        from sessions.uid_cache import UidCache

        with UidCache.open() as cache:
            uid = getattr(cache, step)(self.tag, self.dataset)
        if uid is None:
            raise StopIteration(f"no bookmarks {self._filter()}".strip())
        return read_sample(uid)

    def _filter(self) -> str:
        of = f"of {self.dataset}" if self.dataset else ""
        return f"{of} {f'tagged {self.tag}' if self.tag else ''}".strip()

    def _html(self) -> str:
        marks = self.list()
        rows = [
            (
                markup.name(mark.uid),
                " ".join(markup.badge(tag) for tag in mark.tags),
                markup.esc(mark.note, 300),
            )
            for mark in marks[:_MOST_ROWS]
        ]
        more = len(marks) - _MOST_ROWS
        return (
            markup.heading(counted(len(marks), "bookmark"), markup.esc(self._filter()))
            + (markup.table(("UID", "tags", "note"), rows) if rows else "")
            + (markup.block(markup.muted(f"and {more:,} more")) if more > 0 else "")
        )

    def _plain(self) -> str:
        marks = self.list()
        head = f"{counted(len(marks), 'bookmark')} {self._filter()}".strip()
        lines = [f"{m.uid} {', '.join(m.tags)} {m.note}".strip() for m in marks[:_MOST_ROWS]]
        return "\n".join(clean(line, newlines=False) for line in (head, *lines))


def read_sample(uid: str) -> ShownSample:
    """The sample of a UID, wherever it lies; one that cannot be had says why in `error`."""
    from sessions.uid import Uid
    from workbench.data.source import open_source

    try:
        parsed = Uid.parse(uid)
        source = open_source(parsed.dataset, parsed.split)
        return shown_sample(source.get(uid), source.revision)
    except WbError as error:
        return shown_sample(Sample(uid, error=error.message))


def set_aside(
    things: str | Sample | Iterable[str | Sample], tags: Iterable[str], note: str
) -> Bookmarks:
    """Bookmark, as `wb bookmark add` does; it stands in the session too.

    Raises:
        BadUid: One is no UID; none is kept then.
        RecordError: A tag cannot be one, or the home cannot be written.
    """
    from sessions.records import BookmarkRecord
    from sessions.session_log import current_session
    from sessions.uid_cache import UidCache, check_tags

    words, uids = check_tags(tags), uids_of(things)
    with UidCache.open() as cache:
        cache.add_many(uids, words, note)
    current_session().append_many(
        BookmarkRecord(uid=uid, action="add", tags=words, note=note) for uid in uids
    )
    return Bookmarks(tag=words[0] if words else None)


def take_away(things: str | Sample | Iterable[str | Sample], tag: str | None) -> int:
    """Take bookmarks away, or a tag off them, as `wb bookmark rm`; how many there were."""
    from sessions.records import BookmarkRecord
    from sessions.session_log import current_session
    from sessions.uid_cache import UidCache

    with UidCache.open() as cache:
        gone = [uid for uid in uids_of(things) if cache.remove(uid, tag)]
    current_session().append_many(
        BookmarkRecord(uid=uid, action="remove", tags=(tag,) if tag else ()) for uid in gone
    )
    return len(gone)


def uids_of(things: str | Sample | Iterable[str | Sample]) -> list[str]:
    """The UIDs of samples, UIDs, or several of either. Raises `BadUid`."""
    from sessions.uid import Uid

    several = [things] if isinstance(things, (str, Sample)) else things
    return [str(Uid.parse(one.uid if isinstance(one, Sample) else one)) for one in several]
