"""From what the user said of a table, and a look at it, to its whole mapping.

Guarantee: what the user said stands; each guess is noted in words for the user to see.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.data import guessing
from workbench.data.mapping import SplitFile, TableMapping
from workbench.data.objects import FORMATS, detect
from workbench.data.readers.base import RowReader
from workbench.data.readers.opening import ReadOptions, open_reader
from workbench.data.rows import RowMapper
from workbench.data.table_files import data_file
from workbench.errors import UsageError
from workbench.sample import Task

LABEL_ROWS = 200_000  # so many rows are looked at for the set of labels


@dataclass
class Wishes:
    """What the user said of a table; what is `None` is guessed, what is empty is left out."""

    id: str | None = None
    texts: Mapping[str, str] | None = None
    label: str | None = None
    labels: Sequence[str] = ()
    references: Sequence[str] | None = None
    explanations: Sequence[str] | None = None
    image: Sequence[str] | None = None
    image_root: str | Path | None = None
    objects: str | None = None
    metadata: Sequence[str] = ("*",)
    task: Task | None = None
    splits: Sequence[str] = ()
    where: str = ""
    fetch: bool = False
    read: ReadOptions = ReadOptions()
    description: str = ""
    licence: str = ""
    parts: Sequence[SplitFile] | None = None
    recipe: str = ""
    guesses: list[str] = field(default_factory=list)


def fill(mapping: TableMapping, wish: Wishes) -> TableMapping:
    """Fill the mapping from the wishes, and from a look at the first file for the rest."""
    reader = open_reader(data_file(mapping, mapping.files[0]), mapping.read)
    try:
        if mapping.kind == "folder":
            return _fill_folder(mapping, wish, reader)
        columns = reader.columns
        texts = _choose(wish, "texts", wish.texts, guessing.guess_texts(columns))
        label = _choose(wish, "label", wish.label, guessing.guess_label(columns))
        found = {
            "id": _choose(wish, "id", wish.id, guessing.guess_id(columns)),
            "texts": dict(texts),
            "label": label,
            "references": tuple(
                _choose(wish, "references", wish.references, guessing.guess_references(columns))
            ),
            "explanations": tuple(
                _choose(
                    wish, "explanation", wish.explanations, guessing.guess_explanations(columns)
                )
            ),
            "images": tuple(_choose(wish, "image", wish.image, guessing.guess_images(columns))),
            "objects": _objects(wish, reader),
        }
        if not (texts or label or found["images"]):
            names = ", ".join(columns[:8]) + (", …" if len(columns) > 8 else "")
            wish.guesses.append(f"nothing of {names}: name them by --text, --label, --image")
        mapping = dataclasses.replace(mapping, **found)
        return _fill_labels(mapping, wish, reader)
    finally:
        reader.close()


def _fill_folder(mapping: TableMapping, wish: Wishes, reader: RowReader) -> TableMapping:
    """A folder's rows are known: the path is the id, the folder's name the label."""
    below = Path(mapping.files[0].path) != Path(mapping.image_root)  # a folder per split
    mapping = dataclasses.replace(
        mapping,
        id="file",
        texts=dict(wish.texts or {}),
        label="label" if wish.label is None else wish.label,
        images=("{split}/{file}",) if below else ("file",),
        metadata=("bytes",),
    )
    return _fill_labels(mapping, wish, reader)


def _fill_labels(mapping: TableMapping, wish: Wishes, reader: RowReader) -> TableMapping:
    """The closed set of labels, as wished, as the file says, or as the rows show."""
    words: dict[str, str] = {}
    labels: tuple[str, ...] = ()
    if wish.labels:
        pairs = [text.partition("=") for text in wish.labels]
        words = {raw.strip(): word.strip() for raw, equals, word in pairs if equals}
        labels = tuple(
            dict.fromkeys((word if equals else raw).strip() for raw, equals, word in pairs)
        )
    elif mapping.label in reader.label_words:
        words = dict(reader.label_words[mapping.label])
        labels = tuple(words.values())
    mapping = dataclasses.replace(mapping, labels=labels, label_words=words)
    # The answers of a known layout, and captions, are open: what few rows show is no closed set.
    closed = not mapping.recipe and wish.task != "caption"
    if mapping.label and not labels and closed:
        counts: Counter[str] = Counter()
        rows = 0
        mapper = RowMapper(mapping, mapping.files[0])
        for row in reader.scan([mapping.label.partition(".")[0]]):
            rows += 1
            word = None if row.error else mapper.label_of(row.values)
            if word is not None:
                counts[word] += 1
            if rows == LABEL_ROWS or len(counts) > guessing.MAX_LABELS:
                break
        labels = guessing.order_labels(counts, rows)
        if not counts and mapping.kind == "folder":  # no folder in it: nothing is classified
            mapping = dataclasses.replace(mapping, label="")
        if labels:
            wish.guesses.append(f"labels: {', '.join(labels)}")
    task = wish.task
    if task is None:
        task = guessing.guess_task(mapping.texts, labels, bool(mapping.label))
        wish.guesses.append(f"task: {task}")
    return dataclasses.replace(mapping, labels=labels, task=task)


def _objects(wish: Wishes, reader: RowReader) -> str:
    """The column of the object boxes with its format, as wished or as the first row shows."""
    if wish.objects is not None:
        column, colon, form = wish.objects.rpartition(":")
        if form in FORMATS and not column:  # the format alone: find the column that has it
            return next((c for c in _detected(reader) if c.endswith(f":{form}")), "")
        if wish.objects and (not colon or form not in FORMATS):
            raise UsageError(
                f"{wish.objects!r} does not name a column of boxes and its format",
                hint=f"write COLUMN:FORMAT; the formats are {', '.join(FORMATS)}",
            )
        return wish.objects if column else ""
    found = next(iter(_detected(reader)), "")
    if found:
        wish.guesses.append(f"objects: {found}")
    return found


def _detected(reader: RowReader) -> list[str]:
    first = next(iter(reader.scan()), None)
    return detect(first.values) if first is not None else []


def _choose(wish: Wishes, what: str, wished: Any, guess: Any) -> Any:
    """What was wished; else the guess, noted where it says something."""
    if wished is not None:
        return wished
    if guess and guess != "hash":
        words = guess if isinstance(guess, str) else ", ".join(guess)
        wish.guesses.append(f"{what}: {words}")
    return guess
