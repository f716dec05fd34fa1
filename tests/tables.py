"""Small tables of statements and questions about pictures, added as datasets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def add_rows(
    name: str, folder: Path, rows: Iterable[str], task: str = "statement", **more: Any
) -> str:
    """Add `NAME/all` of rows `id,text,image,label`, whose images lie in the folder."""
    from workbench.data.adding import add_dataset

    text, label = ("sentence", "label") if task == "statement" else ("question", "answer")
    file = folder / "all.csv"
    file.write_text("\n".join([f"id,{text},image,{label}", *rows]) + "\n")
    columns = {"id": "id", "texts": {text: text}, "image": ("image",), "label": label}
    add_dataset(name, file, **columns, task=task, **more)
    return f"{name}/all"
