"""Small tables and pictures for the tests of the data room."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image


def picture(color: str = "red", size: tuple[int, int] = (8, 6)) -> bytes:
    """An encoded PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def write_pictures(folder: Path, names: Iterable[str]) -> None:
    """Pictures under these paths."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture())


def write_lines(path: Path, rows: Iterable[Any]) -> Path:
    """JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]], group: int = 7, **options: Any) -> Path:
    """A Parquet file of small row groups."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(rows, **options)
    pq.write_table(table, path, row_group_size=group)
    return path


CSV = "id,question,answer,img\n" + "".join(
    f"q{i},what {i}?,a{i % 3},img/{i}.png\n" for i in range(30)
)
WISHES = {"texts": {"question": "question"}, "label": "answer", "image": ["img"], "id": "id"}


def mine(folder: Path, text: str, name: str = "rows.csv", **wishes: Any):
    """Write a table and make it the dataset `mine`."""
    from workbench.data.adding import add

    path = folder / name
    path.write_text(text, "utf-8")
    return add("mine", path, replace=True, **wishes)


def samples(spec: str = "mine"):
    """All samples of a split."""
    from workbench.data.source import open_source

    return list(open_source(spec).iter())
