"""Samples out of the bench: everything known of one as JSON, and files for other programs.

Guarantee: a file's name is the percent-escaped UID, so nothing leaves the folder; images are
written as they came, byte for byte; a CSV cell that a spreadsheet would run as a formula is
quoted. Stored text is the raw text; `json_text` escapes what a terminal would act on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sessions.csv_table import csv_text
from sessions.redact import redacted, without_secrets
from sessions.uid import Uid
from workbench.data.tables.columns import jsonable
from workbench.errors import DataError, ImageError
from workbench.images.decode import facts, source_of
from workbench.sample import ImageRef, Sample
from workbench.text import json_escaped

_MAGIC = (
    (b"\x89PNG", ".png"),
    (b"\xff\xd8", ".jpg"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
    (b"II*\x00", ".tif"),
    (b"MM\x00*", ".tif"),
    *((b"P%d" % kind, ".ppm") for kind in range(1, 7)),
)


def describe(sample: Sample) -> dict[str, Any]:
    """All of a sample as JSON: what `wb inspect --json` prints.

    An image that cannot be had keeps its place, with its `error` and without sizes.
    """
    return {
        "uid": sample.uid,
        "task": sample.task,
        "texts": dict(sample.texts),
        "label": sample.label,
        "labels": list(sample.labels),
        "references": list(sample.references),
        "explanations": list(sample.explanations),
        "images": [_describe_image(ref) for ref in sample.images],
        "metadata": redacted(jsonable(sample.metadata)),
        "error": sample.error,
    }


def _describe_image(ref: ImageRef) -> dict[str, Any]:
    try:
        return facts(ref) | {"error": None}
    except ImageError as error:
        gone = dict.fromkeys(("width", "height", "sha256"))
        return (
            {"name": without_secrets(ref.name)}
            | gone
            | {"source": source_of(ref), "error": error.message}
        )


def json_text(value: Any, *, indent: int | None = None) -> str:
    """JSON that is safe to print: what a terminal would act on is written as `\\u....`."""
    return json_escaped(json.dumps(value, ensure_ascii=False, indent=indent))


def export_sample(sample: Sample, folder: Path) -> list[Path]:
    """Write a sample's images, as they came, and a JSON beside them that names each.

    Args:
        sample: What to write.
        folder: Made where it is missing.

    Returns:
        The files, the JSON first.

    Raises:
        DataError: The folder cannot be written. An image that cannot be had is named in the
            JSON with its error and stops nothing.
    """
    stem = Uid.parse(sample.uid).to_filename()
    body, written = describe(sample), []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (ref, entry) in enumerate(zip(sample.images, body["images"], strict=True)):
            try:
                data = ref.read()
            except ImageError:
                continue
            path = folder / f"{stem}.{number}{ending_of(data)}"
            path.write_bytes(data)
            entry["file"] = path.name
            written.append(path)
        path = folder / f"{stem}.json"
        path.write_text(json_text(body, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise DataError(
            f"cannot write to {folder}: {error.strerror or error}",
            hint="free some space, or choose another folder",
        ) from error
    return [path, *written]


def ending_of(data: bytes) -> str:
    """The file ending that fits encoded bytes, whatever their file was called."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return ".avif"
    return next((ending for magic, ending in _MAGIC if data.startswith(magic)), ".img")


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as CSV, the columns in the order in which they are first seen.

    Returns:
        How many rows were written.

    Raises:
        DataError: The file cannot be written.
    """
    rows = list(rows)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = csv_text(columns, [[row.get(column) for column in columns] for row in rows])
    try:
        path.write_text(table, "utf-8", newline="")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}") from error
    return len(rows)


def flat(sample: Sample, files: Iterable[Path] = ()) -> dict[str, Any]:
    """A sample as one row of a table."""
    row: dict[str, Any] = {"uid": sample.uid, "images": " ".join(path.name for path in files)}
    row |= dict(sample.texts)
    row |= {"label": sample.label, "explanation": " | ".join(sample.explanations)}
    return row | {"error": sample.error}
