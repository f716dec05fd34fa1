"""A small repository in the form that `datasets` writes: shards of row groups with pictures."""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any

from tests.hub_server import Hub
from tests.workbench.data.tables import picture

CARD = b"""---
license: cc-by-4.0
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*
  - split: dev
    path: data/dev-*
---
"""
REPO = "someone/pairs"


def row(number: int, split: str = "train", weight: int = 0) -> dict[str, Any]:
    """A row; `weight` bytes that do not compress follow its picture."""
    import random

    padding = random.Random(number).randbytes(weight)
    return {
        "identifier": f"{split}-{number}-0-0",
        "sentence": f"There are {number} things.",
        "label": ("True", "False")[number % 2],
        "image0": {"bytes": _picture("red") + padding, "path": None},
        "image1": {"bytes": _picture("blue"), "path": None},
    }


_picture = functools.cache(picture)


def parquet(rows: list[dict[str, Any]], group: int = 10) -> bytes:
    """Rows as a Parquet file of small groups."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer, row_group_size=group)
    return buffer.getvalue()


def files(train: int = 60, dev: int = 15, weight: int = 0, group: int = 10) -> dict[str, bytes]:
    """The files of a repository: `train` in two shards, `dev` in one."""
    half = train // 2
    return {
        "README.md": CARD,
        "data/train-00000-of-00002.parquet": parquet(
            [row(i, weight=weight) for i in range(half)], group
        ),
        "data/train-00001-of-00002.parquet": parquet(
            [row(i, weight=weight) for i in range(half, train)], group
        ),
        "data/dev-00000-of-00001.parquet": parquet([row(i, "dev") for i in range(dev)], group),
    }


WISHES: dict[str, Any] = {
    "id": "identifier",
    "texts": {"sentence": "sentence"},
    "label": "label",
    "labels": ["True", "False"],
    "image": ["image0", "image1"],
}


def add_pairs(hub: Hub, **sizes: int) -> str:
    """Put the repository on the hub and make it the dataset `pairs`; returns its commit."""
    from workbench.data.adding import add

    commit = hub.commit(REPO, files(**sizes))
    add("pairs", f"hub:{REPO}", replace=True, **WISHES)
    return commit


SHAPES = "someone/shapes"


def shape_files(train: int, dev: int, weight: int = 0) -> dict[str, bytes]:
    """Statements about pairs of pictures, the demo's own, as the files of a repository."""
    import random

    from workbench.data.source import open_source

    out = {"README.md": CARD}
    for split, count in (("train", train), ("dev", dev)):
        source, rows = open_source(f"demo/{split}"), []
        for number in range(count):
            sample = source.at(number)
            padding = random.Random(number).randbytes(weight)
            images = [{"bytes": i.read() + padding, "path": None} for i in sample.images]
            facts = {"identifier": f"{split}-{number}", "sentence": sample.texts["sentence"]}
            rows.append(facts | {"label": sample.label, "image0": images[0], "image1": images[1]})
        out[f"data/{split}-00000-of-00001.parquet"] = parquet(rows)
    return out


def add_shapes() -> None:
    """Make `SHAPES`, which is on the hub, the dataset `streamed`, in streamed mode."""
    from workbench.data.adding import add
    from workbench.data.hub.state import remember

    add("streamed", f"hub:{SHAPES}", replace=True, **WISHES)
    remember("streamed", mode="streamed")


def forget(hub: Hub) -> None:
    """As a new process would begin: nothing known of the hub but what is on disk."""
    from workbench.data.hub import blocks, http_requests, repository
    from workbench.data.readers import parquet

    parquet._footers.forget()
    http_requests._forget()
    blocks._forget()
    repository._seen.clear()
    hub.asked.clear()


def drop_blocks(home: Path) -> None:
    """Take the cached blocks away."""
    import shutil

    shutil.rmtree(home / "cache" / "hub" / "blocks", ignore_errors=True)
