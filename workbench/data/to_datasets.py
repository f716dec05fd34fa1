"""A split as a dataset of the `datasets` library, and as files that the library loads back.

Guarantee: the same UIDs, texts and labels, and the image bytes as they came; a sample that cannot
be read keeps its row, with its `error` and without images. Not for reading datasets: a source does
that.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.redact import without_secrets
from workbench.errors import DataError, ImageError, UsageError
from workbench.sample import Sample

if TYPE_CHECKING:
    import datasets

    from workbench.data.source import Source

FORMATS = ("hf", "parquet")
# The roles of texts are columns: those that the first samples have.
_LOOKED_AT = 200
_BATCH = 64  # rows that are in memory at once


def to_datasets(source: Source, *, limit: int = 0) -> datasets.IterableDataset:
    """A split as a streaming dataset.

    Args:
        source: An open split.
        limit: The first so many samples; 0 for all.

    Returns:
        Rows of `uid`, `images` (a list of the `Image` feature), a column for each role of texts,
        `label` (a `ClassLabel` where the labels are a closed set), `references`, `explanations`
        and `error`.

    Raises:
        DataError: While iterating: a text has a role that none of the first samples has.
    """
    import datasets

    features, roles = _shape(source, limit)
    return datasets.IterableDataset.from_generator(
        lambda: _rows(source, roles, limit), features=features
    )


_OWN = ("uid", "images", "label", "references", "explanations", "error")


def _shape(source: Source, limit: int) -> tuple[datasets.Features, list[str]]:
    """The features of a split's rows, and the roles of texts that are columns."""
    import datasets

    text = datasets.Value("string")
    roles = sorted({r for s in islice(source.iter(), limit or _LOOKED_AT) for r in s.texts})
    roles = [role for role in roles if role not in _OWN]
    names = list(source.labels)
    features = datasets.Features(
        {
            "uid": text,
            "images": datasets.List(datasets.Image()),
            **dict.fromkeys(roles, text),
            "label": datasets.ClassLabel(names=names) if names else text,
            "references": datasets.List(text),
            "explanations": datasets.List(text),
            "error": text,
        }
    )
    return features, roles


def _rows(source: Source, roles: list[str], limit: int) -> Iterator[dict[str, Any]]:
    for sample in islice(source.iter(), limit or None):
        yield _row(sample, roles, list(source.labels))


def _row(sample: Sample, roles: list[str], names: list[str]) -> dict[str, Any]:
    if strange := set(sample.texts) - set(roles) - set(_OWN):
        raise DataError(
            f"{sample.uid} has the texts {', '.join(sorted(strange))}, which none of the first "
            f"{_LOOKED_AT} samples has",
            hint="export a part of the split, as train[:200]",
        )
    error = without_secrets(sample.error) if sample.error else None
    images: list[dict[str, Any]] = []
    try:
        images = [{"bytes": ref.read(), "path": Path(ref.name).name} for ref in sample.images]
    except ImageError as problem:
        error = error or str(problem)
    label = sample.label
    if names and label is not None and label not in names:
        error = error or f"the label {label!r} is none of {', '.join(names)}"
        label = None
    return {
        "uid": sample.uid,
        "images": images,
        **{role: sample.texts.get(role) for role in roles},
        "label": label,
        "references": list(sample.references),
        "explanations": list(sample.explanations),
        "error": error,
    }


def export_split(
    source: Source,
    out: Path,
    kind: str,
    *,
    limit: int = 0,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Write a split where `datasets` loads it from: whole, or not at all.

    Args:
        source: An open split.
        out: A new folder (`hf`, for `load_from_disk`) or a new file (`parquet`).
        kind: One of `FORMATS`.
        limit: The first so many samples; 0 for all.
        on_progress: Told how many rows are written.

    Returns:
        How many rows there are.

    Raises:
        UsageError: `out` exists, or the stream is endless and has no limit.
    """
    if out.exists():
        raise UsageError(f"{out} exists", hint="name a new one")
    if source.length is None and not limit:
        raise UsageError("the stream is endless", hint="say how many: --limit 1000")
    import datasets
    import pyarrow
    import pyarrow.parquet

    features, roles = _shape(source, limit)
    rows = _rows(source, roles, limit)
    out.parent.mkdir(parents=True, exist_ok=True)
    half = out.with_name(f".{out.name}.half")
    if half.is_dir():
        shutil.rmtree(half)
    count = 0
    table = half if kind == "parquet" else half.with_suffix(".parquet")
    try:
        schema = features.arrow_schema
        with pyarrow.parquet.ParquetWriter(table, schema) as writer:
            while batch := [features.encode_example(row) for row in islice(rows, _BATCH)]:
                writer.write_table(pyarrow.Table.from_pylist(batch, schema))
                count += len(batch)
                if on_progress is not None:
                    on_progress(count)
        if kind == "hf":
            cache = half.with_suffix(".cache")
            try:
                found = datasets.Dataset.from_parquet(str(table), cache_dir=str(cache))
                found.save_to_disk(str(half))
            finally:
                shutil.rmtree(cache, ignore_errors=True)
        half.rename(out)
    finally:
        half.with_suffix(".parquet").unlink(missing_ok=True)
        if half.is_dir():
            shutil.rmtree(half)
        else:
            half.unlink(missing_ok=True)
    return count
