"""A split that `datasets` streams from a hub, as a `DataFile` and its reader.

Guarantee: one commit, so that the order of its rows, and with it a row's number, stays; `datasets`
is imported when rows are read, not before; code of a repository is never run. A row costs what
lies before it in the stream, unless it is the one after the last; an image that lies in a file of
its own is fetched when its row is read. Not for what our own readers can read: they jump exactly.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from workbench.data.hub.environment import HubError, is_offline, token
from workbench.data.hub.repository import HubReference, parse_ref
from workbench.data.readers.base import MAX_RECORD, ROW, RawRow, no_rows
from workbench.errors import DataError, UsageError

if TYPE_CHECKING:
    import datasets

KIND, PREFIX = "stream", "hf:"


def is_stream(text: object) -> bool:
    """Whether a name is of something that `datasets` shall stream."""
    return isinstance(text, str) and text.startswith(PREFIX)


def parse_stream(text: str) -> HubReference:
    """Read `hf:OWNER/REPO[/SUBSET][@REVISION][#SPLIT]`. Raises `UsageError`."""
    try:
        return parse_ref(f"hub:{text.removeprefix(PREFIX)}")
    except UsageError:
        raise UsageError(
            f"{text!r} names no dataset of the hub",
            hint="write hf:OWNER/REPO, with /SUBSET for a subset and @REVISION for a version",
        ) from None


def stream_name(ref: HubReference) -> str:
    """The name that `parse_stream` reads."""
    return PREFIX + str(ref).removeprefix("hub:")


def open_streams(ref: HubReference) -> Mapping[str, datasets.IterableDataset]:
    """The splits of a repository, or of its subset, by name; images are left encoded.

    Raises:
        UsageError: The hub may not be asked.
        DataError: `datasets` cannot read it.
    """
    if is_offline():
        raise HubError(
            f"{stream_name(ref)} is streamed, and the hub cannot be asked while offline",
            hint="unset HF_HUB_OFFLINE, or save it with datasets and add the folder",
        )
    import datasets

    with in_words(f"{stream_name(ref)} cannot be streamed"):
        found = datasets.load_dataset(
            ref.repo,
            ref.config or None,
            revision=ref.revision,
            streaming=True,
            token=token(),
        )
        assert isinstance(found, Mapping)
        return {str(split): stream.decode(False) for split, stream in found.items()}


@contextlib.contextmanager
def in_words(what: str) -> Iterator[None]:
    """Turn whatever `datasets` raises into a `HubError` that begins with `what`."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # it has no base of its own: ValueError, OSError, httpx's, Arrow's
        from sessions.redact import without_secrets
        from workbench.text import clean

        said = clean(str(error) or type(error).__name__, newlines=False)
        raise HubError(
            without_secrets(f"{what}: {said[:300]}"), hint="see docs/hub.md for what can be read"
        ) from error


class StreamedFile:
    """One split of one commit. See `DataFile`.

    Args:
        path: Its name, with the commit and the split: `hf:OWNER/REPO@COMMIT#SPLIT`.
        needed: Columns whose images are wanted.
        numbered: Rows are known by their number.
    """

    pinned = True  # one commit

    def __init__(self, path: str, needed: Sequence[str] = (), *, numbered: bool = False) -> None:
        self.name, self.ref = path, parse_stream(path)
        self.needed, self.numbered = needed, numbered

    def open(self) -> BinaryIO:
        """Not read as bytes: see `reader`."""
        raise io.UnsupportedOperation(f"{self.name} is read by rows")

    def stamp(self) -> str:
        """See `DataFile.stamp`: a commit never changes."""
        return self.name

    def digest(self) -> str:
        """See `DataFile.digest`."""
        return self.name

    def reader(self) -> StreamReader:
        """The reader of its rows. Raises `DataError`."""
        splits = open_streams(self.ref)
        if self.ref.split not in splits:
            raise DataError(
                f"{self.name}: there is no such split", hint=f"it has {', '.join(splits)}"
            )
        return StreamReader(self, splits[self.ref.split])


class StreamReader:
    """The rows of a stream. See `RowReader`."""

    def __init__(self, file: StreamedFile, stream: datasets.IterableDataset) -> None:
        import datasets

        self._file, self._stream = file, stream
        if stream.features is None:  # only the rows say what the columns are
            with in_words(f"{file.name} cannot be streamed"):
                self._stream = stream = stream._resolve_features()
        features = stream.features
        if not features:
            raise no_rows(file.name)
        self.columns = (*features, ROW) if file.numbered else tuple(features)
        self.label_words: Mapping[str, Mapping[str, str]] = {
            column: {str(number): str(name) for number, name in enumerate(feature.names)}
            for column, feature in features.items()
            if isinstance(feature, datasets.ClassLabel)
        }
        self._rows: Iterator[Mapping[str, Any]] = iter(())
        self._next = -1

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`; images that lie in files of their own are not fetched."""
        stream = self._stream
        known = None if columns is None else [c for c in columns if c in self.columns and c != ROW]
        with in_words(f"{self._file.name} cannot be streamed"):
            rows = iter(stream.select_columns(known) if known else stream)
        for number in range(1 << 62):
            with in_words(f"row {number + 1} of {self._file.name} cannot be streamed"):
                values = next(rows, None)
            if values is None:
                return
            yield RawRow((0, number), number + 1, self._numbered(values, number))

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`. Raises `DataError` where it cannot be had."""
        number = place[1]
        what = f"row {number + 1} of {self._file.name} cannot be streamed"
        try:
            with in_words(what):
                if number != self._next:
                    self._rows = iter(self._stream.skip(number))
                values = next(self._rows, None)
            if values is None:
                raise DataError(f"{what}: the stream ends before it")
            self._next = number + 1
            wanted = {column.partition(".")[0] for column in self._file.needed}
            with in_words(what):
                filled = {c: _fetched(v) if c in wanted else v for c, v in values.items()}
        except DataError:
            self._rows, self._next = iter(()), -1
            raise
        return RawRow(place, 0, self._numbered(filled, number))

    def close(self) -> None:
        """See `RowReader.close`."""
        self._rows, self._next = iter(()), -1

    def _numbered(self, values: Mapping[str, Any], number: int) -> dict[str, Any]:
        return {**values, ROW: number} if self._file.numbered else dict(values)


def _fetched(value: Any) -> Any:
    """A value whose images hold their bytes, under the path that they have in the repository."""
    if isinstance(value, list):
        return [_fetched(item) for item in value]
    if not isinstance(value, Mapping) or set(value) != {"bytes", "path"}:
        return value
    data, path = value["bytes"], value["path"]
    if data is None and isinstance(path, str) and "hf://" in path:
        data = _read(path)
    return {"bytes": data, "path": _place(path) if isinstance(path, str) else path}


def _place(path: str) -> str:
    """The path in the repository, or in the archive there: what follows the commit, or `zip://`."""
    inner, archive, _ = path.partition("::")
    if archive:
        return inner.partition("://")[2] or inner
    return inner.partition("@")[2].partition("/")[2] if inner.startswith("hf://") else inner


def _read(path: str) -> bytes:
    """A file of the repository, also one in an archive. Raises what `datasets` raises."""
    from datasets import DownloadConfig
    from datasets.utils.file_utils import xopen

    with xopen(path, "rb", download_config=DownloadConfig(token=token())) as file:
        data = file.read(MAX_RECORD + 1)
    if len(data) > MAX_RECORD:
        raise DataError(f"{path} is larger than {MAX_RECORD:,} bytes")
    return data
