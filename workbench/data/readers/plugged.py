"""Readers that other packages add: `wb.readers`, each under the name of its format.

What an entry point names is a function `(file, options, needed) -> RowReader`, with the arguments
of `opening.open_reader`. Guarantee: whatever its code raises is a `DataError` that names the
package, so that a fault in it ends no more than the reading of this file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.data.files import DataFile
from workbench.data.readers.base import RawRow, RowReader
from workbench.errors import DataError, UsageError
from workbench.plugins import Plugin, broken, find_plugin, import_plugin

if TYPE_CHECKING:
    from workbench.data.readers.opening import ReadOptions


def open_plugged(
    name: str,
    file: DataFile,
    options: ReadOptions,
    needed: Sequence[str] | None,
    known: Sequence[str] = (),
) -> RowReader:
    """The reader of a plug-in's format over a file.

    Args:
        name: The format.
        file: The table.
        options: As `open_reader` takes them.
        needed: Columns whose bytes are wanted; `None` for all.
        known: The formats that there are, for the message where this is none of them.

    Raises:
        UsageError: No package reads that format.
        PluginError: The plug-in cannot be imported.
        DataError: It cannot read this file.
    """
    plugin = find_plugin("reader", name)
    if plugin is None:
        raise UsageError(
            f"there is no format {name!r} for {file.name}",
            hint=f"there are {', '.join(known)}; install the package that reads it",
        )
    make: Any = import_plugin(plugin)
    if not callable(make):
        raise broken(plugin, f"{plugin.value} is {type(make).__name__} and no function")
    with _faults(plugin, file.name):
        made: Any = make(file, options, needed)
        return PluggedReader(made, plugin, file.name)


class PluggedReader:
    """A reader of another package, whose faults are told with its name.

    Args:
        reader: What the plug-in made.
        plugin: Where it comes from.
        name: Of the file.
    """

    def __init__(self, reader: RowReader, plugin: Plugin, name: str) -> None:
        self._reader, self._plugin, self._name = reader, plugin, name
        self.columns: tuple[str, ...] = tuple(reader.columns)
        self.label_words: Mapping[str, Mapping[str, str]] = reader.label_words

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`."""
        with _faults(self._plugin, self._name):
            yield from self._reader.scan(columns)

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`."""
        with _faults(self._plugin, self._name):
            return self._reader.read(place)

    def close(self) -> None:
        """See `RowReader.close`."""
        self._reader.close()


@contextmanager
def _faults(plugin: Plugin, name: str) -> Iterator[None]:
    """Turn what a plug-in's code raises into a `DataError`; our own errors pass."""
    try:
        yield
    except WbError:
        raise
    except Exception as error:
        raise DataError(
            f"{name}: the reader {plugin.name!r} of the package {plugin.package} "
            f"{plugin.version} failed: {type(error).__name__}: {error}",
            hint="tell those who make the package, or write the table in another format",
            kind="bad_plugin",
        ) from error
