"""A split as a dataset of the `datasets` library.

Guarantee: its rows are those of `workbench.data.split_rows`. Not for reading datasets: a source
does that; nor for files: see `workbench.data.export_split`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, overload

from workbench.data.export_split import export_split
from workbench.data.split_rows import features_of, rows_of

if TYPE_CHECKING:
    import datasets

    from workbench.data.base import Source

    AnyDataset: TypeAlias = datasets.IterableDataset | datasets.Dataset


@overload
def to_datasets(
    source: Source, *, limit: int = 0, streaming: Literal[True] = True
) -> datasets.IterableDataset: ...
@overload
def to_datasets(source: Source, *, limit: int = 0, streaming: bool) -> AnyDataset: ...
def to_datasets(source: Source, *, limit: int = 0, streaming: bool = True) -> AnyDataset:
    """A split as a dataset of the library.

    Args:
        source: An open split.
        limit: The first so many samples; 0 for all.
        streaming: An `IterableDataset`, whose samples are read as they are asked for; else a
            `Dataset` with random access, for which all are read now and written to a folder that
            lasts as long as the process.

    Returns:
        Rows of `uid`, `images` (a list of the `Image` feature), a column for each role of texts,
        `label` (a `ClassLabel` where the labels are a closed set), `references`, `explanations`,
        `metadata` (JSON) and `error`.

    Raises:
        DataError: A text has a role that none of the first samples has (while iterating, if
            streaming).
        UsageError: Not streaming, and the stream is endless and has no limit.
    """
    import datasets

    features, roles = features_of(source, limit)
    if streaming:
        return datasets.IterableDataset.from_generator(
            lambda: rows_of(source, roles, limit), features=features
        )
    from workbench.data.scratch import scratch_folder

    folder = scratch_folder("datasets") / "split"
    export_split(source, folder, "hf", limit=limit)
    found = datasets.load_from_disk(str(folder))
    assert isinstance(found, datasets.Dataset)
    return found
