"""What a file or a folder of one's own would be as a dataset, before anything of it is kept.

Guarantee: it is added by nobody here: the mapping that `wb data add` would save is made, checked
and told with its first samples, and its command line. What was chosen for a column stands; the
rest is guessed as `wb data add` guesses it. Not for a hub's dataset, which would be asked.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from workbench.data.adding import add
from workbench.data.missing_images import check_images
from workbench.data.naming import split_of
from workbench.data.readers.opening import open_reader
from workbench.data.split_files import root_of
from workbench.data.tables import guessing
from workbench.data.tables.columns import column_of
from workbench.data.tables.guessing import TEXTS
from workbench.data.tables.mapping import TableMapping
from workbench.data.tables.mapping_options import nothing_taken, takes_something
from workbench.data.tables.table import TableSource
from workbench.data.tables.table_files import data_file
from workbench.data.understood import Prompt, Understood, understand
from workbench.errors import DataError, UsageError, WbError
from workbench.sample import Sample

METADATA = "metadata"  # kept with the sample, shown to no model
ROLES = ("id", *(f"text {role}" for role in TEXTS), "label", "image", "explanation", "reference",
         "option", METADATA)  # fmt: skip
SHOWN = 3  # samples, and values of a column, that are shown
_LISTS = {"image": "image", "explanation": "explanations", "reference": "references",
          "option": "options"}  # fmt: skip
_GUESSED = {
    "explanation": guessing.guess_explanations,
    "reference": guessing.guess_references,
    "option": guessing.guess_options,
}


@dataclass(frozen=True)
class OwnData:
    """What somebody said of a dataset of their own.

    Attributes:
        name: The first part of its UIDs; empty for the file's own name.
        file: A file, or a folder.
        roles: Column -> one of `ROLES`; empty for all as it is guessed.
        image: A template of paths such as `img/{id}.jpg`, in place of columns of images.
        image_root: The folder of the images; empty for the file's own.
        id: A column or a template, `hash` or `auto`, in place of the column whose role is `id`;
            empty for that one.
    """

    name: str
    file: str
    roles: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    image_root: str = ""
    id: str = ""

    @property
    def called(self) -> str:
        """The name, or one made of the file's."""
        return self.name or split_of(_home(self.file))

    @property
    def wishes(self) -> dict[str, Any]:
        """As `adding.add` takes them; what is not said is not there."""
        said: dict[str, Any] = {"image_root": self._root}
        if self.roles:
            by_role = {role: _columns(self.roles, role) for role in ROLES}
            said["id"] = next(iter(by_role["id"]), "hash")
            said["label"] = next(iter(by_role["label"]), "")
            captions = "text caption" in self.roles.values()
            known = captions or Path(self.file).stem == "metadata" or _home(self.file).is_dir()
            if known and not said["label"] and not guessing.guess_label(tuple(self.roles)):
                del said["label"]  # which is the caption then, or the class, as it is guessed
            texts = {
                said: column for column, said in self.roles.items() if said.startswith("text ")
            }
            said["texts"] = {role.removeprefix("text "): column for role, column in texts.items()}
            said["image"] = by_role["image"]
            for role, guess in _GUESSED.items():  # nothing is left out that nobody would take
                if by_role[role] or guess(tuple(self.roles)):
                    said[_LISTS[role]] = by_role[role]
        if self.image:
            said["image"] = [self.image]
        if self.id:
            said["id"] = self.id
        return {name: value for name, value in said.items() if value is not None}

    @property
    def _root(self) -> str | None:
        """The folder of the images, by its whole path where it is there."""
        with contextlib.suppress(UsageError):
            if self.image_root:
                return str(root_of(self.image_root, _home(self.file).absolute()))
        return self.image_root or None

    @property
    def argv(self) -> list[str]:
        """The words after `wb` that add it."""
        words = ["data", "add", self.called, str(_home(self.file).absolute())]
        said = self.wishes
        for name in ("id", "label", "image_root"):
            if name in said:
                words += [f"--{name.replace('_', '-')}", said[name]]
        for role, column in said.get("texts", {}).items():
            words += ["--text", f"{role}={column}"]
        if said.get("texts") == {}:
            words += ["--text", ""]
        for role, name in _LISTS.items():
            if name in said:
                words += [part for column in said[name] or [""] for part in (f"--{role}", column)]
        return words


@dataclass(frozen=True)
class OwnLook:
    """What it would be.

    Attributes:
        own: What was said.
        mapping: As it would be saved.
        table: The counts of each split, warnings, and one rendered prompt.
        columns: Those of the file; of images alone, and of a known layout, there are none.
        roles: Column -> what it is taken for.
        values: Column -> its first values, as text.
        samples: The first ones of the first split.
        guesses: What was guessed, in words.
        problem: Why it would not be added; `hint` says what to do about it, `about` which option
            of `wb data add` to change, as an error says it.
    """

    own: OwnData
    mapping: TableMapping
    table: Understood
    columns: tuple[str, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    guesses: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""
    about: str = ""

    def with_role(self, column: str, role: str) -> dict[str, str]:
        """The roles with another one for a column; the one whose place it takes becomes metadata.

        Args:
            column: Of `columns`.
            role: One of `ROLES`; a word of one's own is the role of a text.
        """
        role = role if role in ROLES else f"text {role.removeprefix('text ').strip()}"
        alone = role in ("id", "label") or role.startswith("text ")
        taken = {c: METADATA for c, said in self.roles.items() if said == role and alone}
        return {**self.roles, **taken, column: role}


class _Kept(Exception):  # noqa: N818 - no error: it keeps the mapping from being saved
    """The mapping, on its way out of `add` before anything is saved."""

    def __init__(self, mapping: TableMapping) -> None:
        super().__init__(mapping.name)
        self.mapping = mapping


def _stop(mapping: TableMapping) -> None:
    raise _Kept(mapping)


def look(own: OwnData, prompt: Prompt | None = None) -> OwnLook:
    """Read it whole, as `wb data add` does, and keep nothing.

    Args:
        own: What was said.
        prompt: Renders one prompt per split.

    Raises:
        UsageError, DataError: The file cannot be read at all. What else keeps it from being added
            is the look's `problem`, beside its columns.
    """
    if own.file.startswith(("hub:", "hf:")):
        raise UsageError(
            f"{own.file} is on a hub, which is asked as it is added",
            hint=f"wb data add {own.name or 'NAME'} {own.file}",
        )
    guesses: list[str] = []
    filled: list[TableMapping] = []
    try:
        add(own.called, own.file, check=_stop, filled=filled.append, guesses=guesses,
            may_take_nothing=True, **own.wishes)  # fmt: skip
    except _Kept as kept:
        mapping = kept.mapping
    except (UsageError, DataError) as error:
        return _unread(own, filled[0] if filled else _columns_alone(own, error), guesses, error)
    else:  # pragma: no cover - `check` is called before anything is saved
        raise DataError(f"{own.called} was added before it was looked at")
    table = understand(mapping, prompt)
    problem = hint = about = ""
    try:
        check_images(table, mapping)
    except DataError as error:
        problem, hint, about = error.message, error.hint, error.about
    columns, values = _columns_of(mapping)
    if not own.roles and columns and not takes_something(mapping):
        problem = nothing_taken(mapping, columns).message
        hint, about = "say what a column is", ""
    return OwnLook(
        own, mapping, table, columns, _roles_of(mapping, columns), values,
        _samples(mapping), tuple(guesses), problem, hint, about,
    )  # fmt: skip


def _columns_alone(own: OwnData, error: WbError) -> TableMapping:
    """The mapping without the name and the folder of images, one of which was refused.

    Raises the error where the file itself cannot be read.
    """
    wishes = {name: said for name, said in own.wishes.items() if name != "image_root"}
    filled: list[TableMapping] = []
    with contextlib.suppress(_Kept, UsageError, DataError):
        add("looked-at", own.file, replace=True, check=_stop, filled=filled.append,
            may_take_nothing=True, **wishes)  # fmt: skip
    if not filled:
        raise error
    return filled[0]


def _unread(own: OwnData, mapping: TableMapping, guesses: Sequence[str], error: WbError) -> OwnLook:
    """The columns of what cannot be added, and why, so that something can be changed."""
    columns, values = _columns_of(mapping)
    return OwnLook(
        own, mapping, Understood(()), columns, _roles_of(mapping, columns), values,
        guesses=tuple(guesses), problem=error.message, hint=error.hint, about=error.about,
    )  # fmt: skip


def keep(own: OwnData) -> str:
    """Add it as it was looked at; returns `dataset/split` to open. Raises as `look`."""
    added = add(own.called, own.file, check=lambda m: check_images(understand(m), m), **own.wishes)
    return f"{added.info.name}/{next(iter(added.info.splits))}"


def _home(path: str) -> Path:
    """The path from the home folder that it names; as written for `~nobody`."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - which raises nothing


def _columns(roles: Mapping[str, str], role: str) -> list[str]:
    return [column for column, said in roles.items() if said == role]


def _columns_of(mapping: TableMapping) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The columns of the first file, and their first values."""
    if mapping.kind != "table" or mapping.recipe:
        return (), {}
    reader = open_reader(data_file(mapping, mapping.files[0]), mapping.read)
    try:
        rows = [row.values for row in islice(reader.scan(), SHOWN) if not row.error]
        columns = tuple(reader.columns)
        shown = {
            c: tuple(_shown(row.get(c)) for row in rows if isinstance(row, Mapping))
            for c in columns
        }
        return columns, shown
    finally:
        reader.close()


def _shown(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return f"{len(value):,} bytes"
    return " ".join(str(value).split())[:80] if value is not None else ""


def _roles_of(mapping: TableMapping, columns: Sequence[str]) -> dict[str, str]:
    """What each column is taken for; the first of its roles where it has several."""
    taken = [("id", mapping.id), ("label", column_of(mapping.label))]
    if column_of(mapping.label) in {*mapping.texts.values(), *mapping.images}:  # it is both
        taken.pop()
    taken += [(f"text {role}", column) for role, column in mapping.texts.items()]
    lists = (("image", mapping.images), ("explanation", mapping.explanations))
    lists += (("reference", mapping.references), ("option", mapping.options))
    taken += [(role, column) for role, named in lists for column in named]
    found: dict[str, str] = {}
    for role, said in taken:
        column = said if said in columns else said.partition(".")[0]
        if column in columns:
            found.setdefault(column, role)
    return {column: found.get(column, METADATA) for column in columns}


def _samples(mapping: TableMapping) -> tuple[Sample, ...]:
    source = TableSource(mapping, next(iter(mapping.splits)))
    try:
        return tuple(islice(source.iter(), SHOWN))
    finally:
        source.close()
