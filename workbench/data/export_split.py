"""A split as files that other programs load: `wb data export`.

Guarantee: whole, or not at all; the image bytes as they came, under names made of the UIDs. What
`datasets` reads has the `Image` feature; JSON lines and CSV name the images in a folder beside
them, by paths from where they lie.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.uid import Uid
from workbench.data.export import ending_of
from workbench.data.split_rows import features_of, rows_of
from workbench.errors import DataError, UsageError

if TYPE_CHECKING:
    import datasets

    from workbench.data.base import Source

Rows = Iterator[dict[str, Any]]
FORMATS = ("hf", "parquet", "jsonl", "csv", "imagefolder")
_BATCH = 64  # rows that are in memory at once
_IMAGES = "images"  # the folder of an image folder's pictures, beside its `metadata.jsonl`


def export_split(
    source: Source,
    out: Path,
    kind: str,
    *,
    limit: int = 0,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Write a split for other programs: whole, or not at all.

    Args:
        source: An open split.
        out: A new folder (`hf` for `load_from_disk`, `imagefolder` for `load_dataset`) or a new
            file (`parquet`, `jsonl`, `csv`; the images of the last two are in `OUT.images`).
        kind: One of `FORMATS`.
        limit: The first so many samples; 0 for all.
        on_progress: Told how many rows are written.

    Returns:
        How many rows there are.

    Raises:
        UsageError: `out` exists, or the stream is endless and has no limit.
        DataError: It cannot be written, or a text has a role that none of the first samples has.
    """
    beside = out.with_name(f"{out.name}.images") if kind in ("jsonl", "csv") else None
    for path in filter(None, (out, beside)):
        if path.exists():
            raise UsageError(f"{path} exists", hint="name a new one")
    if source.length is None and not limit:
        raise UsageError("the stream is endless", hint="say how many: --limit 1000")
    features, roles = features_of(source, limit)
    rows = _Counted(rows_of(source, roles, limit), on_progress)
    half = out.with_name(f".{out.name}.half")
    pictures = half.with_suffix(".images")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove(half, pictures)
        if kind == "parquet":
            _write_parquet(half, rows, features)
        elif kind == "hf":
            _write_saved(half, rows, features)
        elif kind == "imagefolder":
            _write_image_folder(half, rows, source.split)
        else:
            table = _write_json if kind == "jsonl" else _write_csv
            table(half, _with_files(rows, pictures, f"{out.name}.images"), list(features))
        if beside is not None and pictures.exists():
            pictures.rename(beside)
        half.rename(out)  # last: where it lies, all of it does
    except OSError as error:
        raise DataError(
            f"cannot write {out}: {error.strerror or error}", hint="free some space there"
        ) from error
    finally:
        _remove(half, pictures)
        if beside is not None and not out.exists():
            _remove(beside)
    return rows.count


class _Counted:
    """Rows, of which somebody is told how many were taken, a few at a time."""

    def __init__(self, rows: Rows, tell: Callable[[int], None] | None) -> None:
        self._rows, self._tell, self.count = rows, tell, 0

    def __iter__(self) -> Rows:
        for row in self._rows:
            yield row
            self.count += 1
            if self._tell is not None and self.count % _BATCH == 0:
                self._tell(self.count)
        if self._tell is not None:
            self._tell(self.count)


def _write_parquet(path: Path, rows: _Counted, features: datasets.Features) -> None:
    import pyarrow
    import pyarrow.parquet

    schema, found = features.arrow_schema, iter(rows)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while batch := [features.encode_example(row) for row in islice(found, _BATCH)]:
            writer.write_table(pyarrow.Table.from_pylist(batch, schema))


def _write_saved(folder: Path, rows: _Counted, features: datasets.Features) -> None:
    """What `load_from_disk` reads."""
    import datasets

    table, cache = folder.with_suffix(".parquet"), folder.with_suffix(".cache")
    shown = not datasets.are_progress_bars_disabled()
    try:
        _write_parquet(table, rows, features)
        datasets.disable_progress_bars()  # our own says how far it is
        found = datasets.Dataset.from_parquet(str(table), cache_dir=str(cache))
        found.save_to_disk(str(folder))
    finally:
        if shown:
            datasets.enable_progress_bars()
        _remove(table, cache)


def _write_image_folder(folder: Path, rows: _Counted, split: str) -> None:
    """What `load_dataset("imagefolder", …)` reads; the card says which split it is."""
    folder.mkdir()
    name = re.sub(r"\W+", "_", split.partition("[")[0]).strip("_") or "all"
    files = f"  data_files:\n  - split: {name}\n    path: [metadata.jsonl, {_IMAGES}/*]\n"
    card = f"---\nconfigs:\n- config_name: default\n{files}---\n"
    (folder / "README.md").write_text(card, "utf-8")
    with (folder / "metadata.jsonl").open("w", encoding="utf-8") as lines:
        for row in _with_files(rows, folder / _IMAGES, _IMAGES):
            # `datasets` makes `images`, a list of its `Image` feature, of a column of this name.
            named = {"uid": row["uid"], "images_file_names": row["images"]} | row
            del named["images"]
            lines.write(json.dumps(named, ensure_ascii=False) + "\n")


def _write_json(path: Path, rows: Rows, _columns: list[str]) -> None:
    with path.open("w", encoding="utf-8") as lines:
        for row in rows:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_csv(path: Path, rows: Rows, columns: list[str]) -> None:
    """Lists are written as JSON; a cell that a spreadsheet would run is quoted."""
    from sessions.csv_table import csv_text

    with path.open("w", encoding="utf-8", newline="") as lines:
        lines.write(csv_text(columns, ()))
        for row in rows:
            lines.write(csv_text([_as_json(row[column]) for column in columns], ()))


def _as_json(cell: Any) -> Any:
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, list) else cell


def _with_files(rows: _Counted, folder: Path, called: str) -> Rows:
    """The rows with their images in files: each is its path from where `folder` will lie.

    Args:
        rows: As `rows_of` gives them.
        folder: Where the images are written; made where there is one.
        called: The folder's name in the paths.
    """
    for row in rows:
        stem, names = Uid.parse(row["uid"]).to_filename(), []
        for number, image in enumerate(row["images"]):
            folder.mkdir(exist_ok=True)
            name = f"{stem}.{number}{ending_of(image['bytes'])}"
            (folder / name).write_bytes(image["bytes"])
            names.append(f"{called}/{name}")
        yield row | {"images": names}


def _remove(*paths: Path) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
