"""How files name the splits of a dataset: `SPLIT=FILE` on the command line, else by themselves."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.data.tables.mapping import check_name
from workbench.errors import NoSuchFile

_SHARD = re.compile(r"^(.+?)[-_.]\d{3,}(?:-of-\d+)?$")


def split_of(path: Path) -> str:
    """The split that a file is named for: `train-00000-of-00002.parquet` is of `train`."""
    stem = path.name.partition(".")[0] or path.stem
    shard = _SHARD.match(stem)
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", shard[1] if shard else stem).strip("-.") or "all"


def named_file(file: str | Path) -> tuple[str, Path]:
    """The split (empty where none is named) and the path; an existing name may hold a `=` itself.

    Raises:
        NoSuchFile: There is no such file or folder.
    """
    text = str(file)
    split, equals, rest = text.partition("=")
    path = Path(text).expanduser()
    if equals and not path.exists() and re.fullmatch(r"[\w.-]+", split):
        path = Path(rest).expanduser()
    else:
        split = ""
    if not path.exists():
        raise NoSuchFile(
            f"{path} does not exist", hint="give the path of a file or a folder", about="FILES"
        )
    # The folder's real path; the file's own name is kept, as a link may stand for a blob.
    path = path.parent.resolve() / path.name if path.is_file() else path.resolve()
    return split and check_name(split, "split"), path
