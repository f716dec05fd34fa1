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

from workbench.data.readers.opening import ReadOptions, open_reader
from workbench.data.tables import guessing
from workbench.data.tables.mapping import SplitFile, TableMapping
from workbench.data.tables.objects import FORMATS, detect
from workbench.data.tables.rows import RowMapper
from workbench.data.tables.table_files import data_file
from workbench.errors import UsageError
from workbench.sample import Task


@dataclass
class MappingOptions:
    """What the user said of a table; what is `None` is guessed, what is empty is left out."""

    id: str | None = None
    texts: Mapping[str, str] | None = None
    label: str | None = None
    labels: Sequence[str] | None = None
    references: Sequence[str] | None = None
    explanations: Sequence[str] | None = None
    options: Sequence[str] | None = None
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


@dataclass
class FileHeads:
    """What the heads of the files say.

    Attributes:
        files: Each file once, with the part that it is of.
        columns: Those of all files, in order.
        label_words: See `RowReader`; of the first file that has any for a column.
        notes: What a reader made of its rows, in words.
    """

    files: list[SplitFile]
    columns: tuple[str, ...]
    label_words: Mapping[str, Mapping[str, str]]
    notes: list[str]


def fill(mapping: TableMapping, wish: MappingOptions) -> TableMapping:
    """Fill the mapping from the wishes, and from a look at all files for the rest.

    Of a hub only the first file is looked at: another one would have to be fetched.
    """
    look = _look(mapping)
    wish.guesses += look.notes
    if mapping.kind == "folder":
        return _fill_folder(mapping, wish, look)
    columns = look.columns
    texts = _choose(wish, "texts", wish.texts, guessing.guess_texts(columns))
    label = _choose(wish, "label", wish.label, guessing.guess_label(columns))
    references = guessing.guess_references(columns)
    explanations = guessing.guess_explanations(columns)
    if not label and (reason := _wanted_reason(wish, texts, explanations)):
        label, wish = reason, _as_captions(wish, mapping, columns, reason)
    asked = bool(label) and ("question" in texts or wish.task == "question")
    options = guessing.guess_options(columns) if asked and not mapping.is_remote else ()
    images = _choose(wish, "image", wish.image, guessing.guess_images(columns))
    found = {
        "id": _choose(wish, "id", wish.id, guessing.guess_id(columns)) or "hash",
        "texts": dict(texts),
        "label": label,
        "references": _named(_choose(wish, "references", wish.references, references)),
        "explanations": _named(_choose(wish, "explanation", wish.explanations, explanations)),
        "options": _named(_choose(wish, "options", wish.options, options)),
        "images": _named(images),
        "objects": _objects(wish, mapping),
    }
    if not (texts or label or images):
        names = ", ".join(columns[:8]) + (", …" if len(columns) > 8 else "")
        wish.guesses.append(f"nothing of {names}: name them by --text, --label, --image")
    return _fill_labels(dataclasses.replace(mapping, **found), wish, look)


def _wanted_reason(wish: MappingOptions, texts: Mapping[str, str], reasons: Sequence[str]) -> str:
    """The one explanation of a hypothesis that nobody labelled, empty where it is none.

    It is then no reason beside an answer: it is the answer.
    """
    said = wish.label is not None or wish.explanations is not None
    if said or "hypothesis" not in texts or len(reasons) != 1:
        return ""
    return reasons[0] if wish.task in (None, "caption") else ""


def _as_captions(
    wish: MappingOptions, mapping: TableMapping, columns: Sequence[str], reason: str
) -> MappingOptions:
    """The wishes for a table whose explanations are learned as captions are; notes what it took."""
    wish.guesses.append(
        f"label: {reason} (no column is a label: what is learned, and what answers are compared "
        "with, is the explanation of the hypothesis)"
    )
    if wish.task is None:
        wish.guesses.append("task: caption (a text is the answer, no class)")
    own = wish.id
    # Annotators gave the same pair the same words: such rows are samples of their own.
    if own is None and mapping.kind == "table" and guessing.guess_id(columns) == "hash":
        own = "auto"
        wish.guesses.append("id: auto (made of the row, with a count where it stands again)")
    return dataclasses.replace(wish, task="caption", explanations=(), id=own)


def _look(mapping: TableMapping) -> FileHeads:
    distinct = list({part.path: part for part in mapping.files}.values())
    files = distinct[:1] if mapping.is_remote or mapping.recipe else distinct
    columns: dict[str, None] = {}
    words: dict[str, Mapping[str, str]] = {}
    notes: list[str] = []
    for part in files:
        reader = open_reader(data_file(mapping, part), mapping.read)
        try:
            columns.update(dict.fromkeys(reader.columns))
            words = {**reader.label_words, **words}
            notes += [note] if (note := getattr(reader, "note", "")) and note not in notes else []
        finally:
            reader.close()
    return FileHeads(files, tuple(columns), words, notes)


def _fill_folder(mapping: TableMapping, wish: MappingOptions, look: FileHeads) -> TableMapping:
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
    return _fill_labels(mapping, wish, look)


def _fill_labels(mapping: TableMapping, wish: MappingOptions, look: FileHeads) -> TableMapping:
    """The closed set of labels, as wished, as the file says, or as the rows show; the task."""
    words: dict[str, str] = {}
    labels: tuple[str, ...] = ()
    if wish.labels:
        pairs = [text.partition("=") for text in wish.labels]
        words = {raw.strip(): word.strip() for raw, equals, word in pairs if equals}
        labels = tuple(
            dict.fromkeys((word if equals else raw).strip() for raw, equals, word in pairs)
        )
    elif mapping.label in look.label_words:  # not a guess of ours: the file says what 0 is called
        words = dict(look.label_words[mapping.label])
        labels = tuple(words.values()) if wish.labels is None else ()
    mapping = dataclasses.replace(mapping, labels=labels, label_words=words)
    # The answers of a known layout, and captions, are open: what few rows show is no closed set.
    guessed = wish.labels is None and not mapping.recipe and wish.task != "caption"
    guessed = guessed and not mapping.options  # each row has its own
    if mapping.label and not labels and guessed:
        counts, rows = _label_counts(mapping, look)
        if not counts and mapping.kind == "folder":  # no folder in it: nothing is classified
            mapping = dataclasses.replace(mapping, label="")
        question = wish.task == "question" or (wish.task is None and "question" in mapping.texts)
        labels = guessing.order_labels(counts, rows)
        if labels and question and not guessing.are_verdicts(labels):
            wish.guesses.append(
                "labels: none (answers to questions are open; --labels closes them)"
            )
            labels = ()
        if labels:
            wish.guesses.append(f"labels: {', '.join(labels)} (all that {_rows(counts)} have)")
    task = wish.task
    if task is None:
        task = guessing.guess_task(
            mapping.texts, labels, bool(mapping.label), bool(mapping.objects)
        )
        has = [
            *(f"the text {role}" for role in mapping.texts),
            *(["a label"] * bool(mapping.label)),
        ]
        wish.guesses.append(f"task: {task} (it has {' and '.join(has) or 'no text and no label'})")
    guessed = wish.texts is None and (wish.task is None or task == "grounding")
    if guessed and (role := guessing.role_for(task, mapping.texts)):
        texts = {role.get(old, old): column for old, column in mapping.texts.items()}
        mapping = dataclasses.replace(mapping, texts=texts)
        said = ", ".join(f"{column} as {new}" for new, column in texts.items())
        wish.guesses.append(f"texts: {said} (prompts of the task {task} show that)")
    return dataclasses.replace(mapping, labels=labels, task=task)


def _label_counts(mapping: TableMapping, look: FileHeads) -> tuple[Counter[str], int]:
    """How often each label stands in all files, until there are too many; and the rows read."""
    counts: Counter[str] = Counter()
    rows = 0
    for part in look.files:
        reader = open_reader(data_file(mapping, part), mapping.read)
        mapper = RowMapper(mapping, part)
        try:
            if mapping.label.partition(".")[0] not in reader.columns:
                continue
            for row in reader.scan([mapping.label.partition(".")[0]]):
                rows += 1
                word = None if row.error else mapper.label_of(row.values)
                if word is not None:
                    counts[word] += 1
                if len(counts) > guessing.MAX_LABELS:
                    return counts, rows
        finally:
            reader.close()
    return counts, rows


def _rows(counts: Counter[str]) -> str:
    return f"{counts.total():,} labelled rows"


def _named(columns: Sequence[str]) -> tuple[str, ...]:
    """Without the empty name, which says that there is none."""
    return tuple(column for column in columns if column)


def _objects(wish: MappingOptions, mapping: TableMapping) -> str:
    """The column of the object boxes with its format, as wished or as the first row shows."""
    if wish.objects is not None:
        column, colon, form = wish.objects.rpartition(":")
        if form in FORMATS and not column:  # the format alone: find the column that has it
            return next((c for c in _detected(mapping) if c.endswith(f":{form}")), "")
        if wish.objects and (not colon or form not in FORMATS):
            raise UsageError(
                f"{wish.objects!r} does not name a column of boxes and its format",
                hint=f"write COLUMN:FORMAT; the formats are {', '.join(FORMATS)}",
            )
        return wish.objects if column else ""
    found = next(iter(_detected(mapping)), "")
    if found:
        wish.guesses.append(f"objects: {found} (the first row holds boxes)")
    return found


def _detected(mapping: TableMapping) -> list[str]:
    reader = open_reader(data_file(mapping, mapping.files[0]), mapping.read)
    try:
        first = next(iter(reader.scan()), None)
        return detect(first.values) if first is not None else []
    finally:
        reader.close()


def _choose(wish: MappingOptions, what: str, wished: Any, guess: Any) -> Any:
    """What was wished; else the guess, noted where it says something."""
    if wished is not None:
        return wished
    if guess and guess != "hash":
        many = not isinstance(guess, str) and len(guess) > 1
        words = guess if isinstance(guess, str) else ", ".join(guess)
        why = "the columns' names" if many else "the column's name"
        wish.guesses.append(f"{what}: {words} (by {why})")
    return guess
