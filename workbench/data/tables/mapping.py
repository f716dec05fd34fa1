"""How a user's table becomes samples: the mapping, kept in `$WB_HOME/datasets/<name>.toml`.

Guarantee: a mapping that was saved reads back equal; a damaged file, or one of a newer version,
is a `DataError` that names it. Not for guessing: see `workbench.data.tables.guessing`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from sessions.plain_files import load_toml, read_text
from workbench.data.readers.opening import ReadOptions
from workbench.errors import DataError, UsageError
from workbench.sample import Task

VERSION = 2
_LISTS = ("labels", "references", "explanations", "options", "images", "metadata", "passed_over")
_PLACES = (
    *("files", "image_root", "image_prefix", "fetch", "description", "licence", "passed_over"),
)
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")


@dataclass(frozen=True)
class SplitFile:
    """One file of a split; a split may have many, and a file may serve many splits.

    Attributes:
        where: A filter that picks its rows (see `workbench.data.tables.filters`); empty for all.
        rows: How many rows there were when it was added.
        bad: How many of them could not be read whole.
        beside: What is joined to it, by role: further files of a known layout.
        image_root: Where its images lie; empty for the mapping's own.
        notes: What was found wrong with it when it was added, in words.
    """

    split: str
    path: str
    where: str = ""
    rows: int | None = None
    bad: int = 0
    beside: Mapping[str, str] = field(default_factory=dict)
    image_root: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableMapping:
    """Which column is what.

    A column is named as in the file; a position ("0", "1", ...) where rows are lists; a path
    (`image.path`, `answers.0`) inside of nested values. What holds `{column}` is a template;
    `{id:05}` pads with zeros.

    Attributes:
        id: Column or template; "hash" for a hash of the mapped fields; "auto" for that with a
            count behind it where a row stands more than once.
        texts: Role -> column or template.
        label_words: What each raw value of the label column is called; empty to keep the values.
        references: Columns with further accepted answers or captions; lists are taken apart.
        options: Columns of the options of a multiple choice, or the one with a list of them.
        images: Column or template each; a column may hold paths, URLs, bytes or lists of them;
            `{split}` in a template is the split's name.
        image_root: Folder that relative paths of all files start from and that no path may
            leave; empty for the folder that each file lies in.
        image_prefix: What paths of images begin with on the machine that they were written on; it
            is taken off, and the rest starts from the image root.
        objects: Column of the object boxes, with its format: `structured_rep:nlvr1`.
        metadata: Columns kept beside; "*" for all that are not mapped.
        fetch: Images at URLs may be fetched when their pixels are needed.
        recipe: The known layout that joins the files into rows; see `workbench.data.layouts`.
        passed_over: Files of the folder that was added which are read as nothing, by name.
    """

    name: str
    files: tuple[SplitFile, ...]
    kind: str = "table"
    task: Task = "other"
    id: str = "hash"
    texts: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    labels: tuple[str, ...] = ()
    label_words: Mapping[str, str] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    explanations: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    image_root: str = ""
    image_prefix: str = ""
    objects: str = ""
    metadata: tuple[str, ...] = ("*",)
    where: str = ""
    fetch: bool = False
    read: ReadOptions = ReadOptions()
    description: str = ""
    licence: str = ""
    recipe: str = ""
    passed_over: tuple[str, ...] = ()

    def root_of(self, part: SplitFile) -> str:
        """The folder that the images of a file lie in; empty for files that are elsewhere."""
        if said := part.image_root or self.image_root:
            return said
        return "" if self.is_remote else str(Path(part.path).parent)

    @property
    def is_remote(self) -> bool:
        """Whether its files are not on this machine: reading them sends something."""
        return self.kind in ("hub", "stream")

    @property
    def splits(self) -> dict[str, int | None]:
        """The splits, in the order in which they were given, with their rows where counted."""
        found: dict[str, int | None] = {}
        for file in self.files:
            before = found.get(file.split, 0)
            known = file.rows is not None and before is not None
            found[file.split] = (before or 0) + (file.rows or 0) if known else None
        return found

    def meaning(self) -> str:
        """Hex digest of all that decides what a sample is, places and counts left out."""
        body = dataclasses.asdict(self)
        for place in _PLACES:
            del body[place]
        for late in ("recipe", "options"):  # so that older mappings keep the meaning they had
            if not body[late]:
                del body[late]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def check_name(name: str, what: str = "dataset") -> str:
    """Return a name that can be part of a UID. Raises `UsageError` otherwise."""
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} cannot be the name of a {what}",
            hint="letters, digits, '_', '-' and '.', beginning with a letter or digit",
            about="NAME" if what == "dataset" else "",
        )
    return name


def datasets_dir(*, create: bool = False) -> Path:
    """The folder of the mappings."""
    from sessions.paths import home, make_private

    folder = home(create=create) / "datasets"
    return make_private(folder) if create else folder


def mapping_path(name: str) -> Path:
    """Where the mapping of that name is kept."""
    return datasets_dir() / f"{check_name(name)}.toml"


def save_mapping(mapping: TableMapping) -> Path:
    """Write a mapping, whole or not at all. Raises `RecordError` where that cannot be done."""
    import tomlkit

    from sessions.atomic import atomic_write

    datasets_dir(create=True)
    path = mapping_path(mapping.name)
    body = {"v": VERSION} | _plain(dataclasses.asdict(mapping))
    if not mapping.image_prefix:
        del body["image_prefix"]  # so that an older wb, which has no such key, reads the rest
    atomic_write(path, tomlkit.dumps(body).encode())
    return path


def load_mapping(path: Path) -> TableMapping:
    """Read a mapping. Raises `DataError` for a file that is none."""
    try:
        body = load_toml(read_text(path))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read: {error}", hint="mend it, or `wb data rm` and add it again"
        ) from error
    version = body.pop("v", None)
    if not isinstance(version, int) or version > VERSION:
        raise DataError(
            f"{path} is of version {version!r}, this wb reads {VERSION}", hint="update wb"
        )
    mapping = mapping_of(body, str(path))
    if version < 2:
        mapping = _with_own_roots(mapping)
    if mapping.name != path.stem:
        raise DataError(
            f"{path} calls its dataset {mapping.name!r}", hint=f'write name = "{path.stem}" in it'
        )
    return mapping


def _with_own_roots(mapping: TableMapping) -> TableMapping:
    """A mapping of version 1, which wrote the first file's folder down as the root of all files.

    Where another file lies elsewhere its rows would show the first one's pictures: that root is
    taken for one that nobody named, and each file's paths start from its own folder.
    """
    first, *others = (str(Path(part.path).parent) for part in mapping.files)
    unsaid = mapping.kind == "table" and not mapping.recipe and mapping.image_root == first
    if unsaid and any(folder != first for folder in others):
        return dataclasses.replace(mapping, image_root="")
    return mapping


def mapping_of(body: Mapping[str, Any], origin: str) -> TableMapping:
    """A mapping from parsed TOML. Raises `DataError` that names the key that is wrong."""
    known = {f.name for f in dataclasses.fields(TableMapping)}
    unknown = sorted(set(body) - known)
    if unknown:
        raise DataError(
            f"{origin} has the unknown key {unknown[0]!r}",
            hint=f"the keys are {', '.join(sorted(known))}",
        )
    fields = dict(body)
    _check_types(body, origin)
    try:
        fields["files"] = tuple(_split_file(f) for f in body.get("files", ()))
        fields["read"] = ReadOptions(**body.get("read", {}))
        for name in _LISTS:
            if name in fields:
                fields[name] = tuple(map(str, fields[name]))
        if not fields["files"] or not all(isinstance(f.path, str) for f in fields["files"]):
            raise TypeError("it names no file")
        for file in fields["files"]:
            check_name(file.split, "split")
        return TableMapping(**fields)
    except (TypeError, UsageError) as error:
        raise DataError(
            f"{origin} is not a mapping: {error}", hint="see docs/datasets.md"
        ) from error


def _split_file(body: Mapping[str, Any]) -> SplitFile:
    """One file of a split. Raises `TypeError` for what is none."""
    beside = body.get("beside", {})
    if not isinstance(beside, dict) or not all(isinstance(v, str) for v in beside.values()):
        raise TypeError(f"beside = {beside!r} names no files")
    return SplitFile(**{**body, "notes": tuple(map(str, body.get("notes", ())))})


def _check_types(body: Mapping[str, Any], origin: str) -> None:
    """Raise `DataError` for the first value that cannot be what its key means."""
    for name, value in body.items():
        if name in ("texts", "label_words"):
            right = isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
        elif name in ("files", "read"):
            right = isinstance(value, dict if name == "read" else list)
        elif name in _LISTS:
            right = isinstance(value, list) and all(isinstance(v, (str, int)) for v in value)
        elif name == "task":
            right = value in get_args(Task)
        else:
            right = isinstance(value, bool if name == "fetch" else str)
        if not right:
            raise DataError(
                f"{origin}: {name} = {value!r} is not a valid value", hint="see docs/datasets.md"
            )


def _plain(value: Any) -> Any:
    """Without what TOML cannot say: `None` is left out, tuples are lists."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items() if v is not None}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
