"""From what the user said of a table, and a look at it, to its whole mapping.

Guarantee: what the user said stands; each guess is noted in words for the user to see.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from workbench.data.image_folders import take_folders
from workbench.data.image_prefixes import take_prefix
from workbench.data.readers.opening import open_reader
from workbench.data.tables import guessing, role_guesses, row_guesses
from workbench.data.tables.box_columns import check_said, column_and_format
from workbench.data.tables.box_guesses import guess_boxes
from workbench.data.tables.columns import columns_hint
from workbench.data.tables.mapping import TableMapping
from workbench.data.tables.objects import FORMATS, detect
from workbench.data.tables.table_files import data_file
from workbench.data.tables.wishes import FileHeads, MappingOptions, choose
from workbench.errors import DataError, NoSuchColumn
from workbench.images.decode import EXTENSIONS


def fill(mapping: TableMapping, wish: MappingOptions) -> TableMapping:
    """Fill the mapping from the wishes, and from a look at all files for the rest.

    Of a hub only the first file is looked at: another one would have to be fetched.

    Raises:
        NoSuchColumn: A column of the metadata is in no file; the others are looked for later.
        DataError: Nothing of the table was taken.
    """
    look = _look(mapping)
    wish.guesses += look.notes
    if mapping.kind == "table" and not mapping.recipe:
        _check_metadata(wish.metadata, look.columns)
    if mapping.kind == "folder":
        return _fill_folder(mapping, wish, look)
    columns, rows_at_hand = look.columns, not (mapping.is_remote or mapping.recipe)
    texts = role_guesses.texts_of(wish, columns)
    rows = (mapping, look.files if rows_at_hand else ())
    names = role_guesses.class_names_of(wish, columns, texts, *rows)
    label = names or choose(wish, "label", wish.label, guessing.guess_label(columns))
    references = guessing.guess_references(columns)
    explanations = guessing.guess_explanations(columns)
    if not label and (reason := _wanted_reason(wish, texts, explanations)):
        label, wish = reason, _as_captions(wish, mapping, columns, reason)
    classes = "" if label else role_guesses.folders_of(wish, columns, texts, references, *rows)
    label = classes or role_guesses.label_of(wish, label, texts, references, *rows)
    images = role_guesses.images_of(wish, columns, *rows)
    found = {
        "id": choose(wish, "id", wish.id, guessing.guess_id(columns)) or "hash",
        "texts": dict(texts),
        "label": label,
        "references": _named(choose(wish, "references", wish.references, references)),
        "explanations": _named(choose(wish, "explanation", wish.explanations, explanations)),
        "options": _named(role_guesses.options_of(wish, columns, texts, label, *rows)),
        "images": _named(images),
    }
    mapping = _with_places(dataclasses.replace(mapping, **found), wish)
    mapping = dataclasses.replace(mapping, objects=_objects(wish, mapping, columns))
    if mapping.objects and not texts and wish.texts is None:
        phrase = choose(wish, "texts", None, guessing.guess_expression(columns))
        mapping = dataclasses.replace(mapping, texts=phrase)
    said = None not in (wish.texts, wish.label, wish.image)  # it is wanted so
    if not (takes_something(mapping) or said or wish.may_take_nothing):
        raise nothing_taken(mapping, columns)
    return _fill_labels(mapping, wish, look)


def _with_places(mapping: TableMapping, wish: MappingOptions) -> TableMapping:
    """With the folder of the images, and the beginning of their paths, where nobody said them."""
    if wish.image_root is None:
        mapping = take_folders(mapping, wish.guesses)
    if wish.image_prefix is None:
        mapping = take_prefix(mapping, wish.guesses, may_move=wish.image_root is None)
    return mapping


def _check_metadata(wanted: Sequence[str], columns: Sequence[str]) -> None:
    known = {*columns, "*", "bytes"}
    for column in wanted:
        if not {column, column.partition(".")[0]} & known:
            raise NoSuchColumn(
                f"--metadata {column}: no file has such a column",
                hint=columns_hint(column, columns),
                about="--metadata",
            )


SHOWN = 8  # columns that an error names


def takes_something(mapping: TableMapping) -> bool:
    """Whether a mapping has a text, a label, an image, further answers or boxes."""
    kinds = (mapping.texts, mapping.label, mapping.images, mapping.references, mapping.objects)
    return any(kinds)


def nothing_taken(mapping: TableMapping, columns: Sequence[str]) -> DataError:
    """The error for a table of which no column is known by its name."""
    names = ", ".join(columns[:SHOWN]) + (", …" if len(columns) > SHOWN else "")
    hint = "name them: --id COLUMN, --text ROLE=COLUMN, --label COLUMN, --image COLUMN"
    if any(column.lower().endswith(EXTENSIONS) for column in columns):
        hint = f"that line looks like a row: pass --no-header, and {hint} (COLUMN is 0, 1, …)"
    return DataError(
        f"nothing of {mapping.files[0].path} was taken: none of its columns ({names}) is called"
        " like a text, a label or an image",
        hint=hint,
        kind="nothing_taken",
    )


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
    root = mapping.root_of(mapping.files[0])
    below = Path(mapping.files[0].path) != Path(root)  # a folder per split
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
    chosen = guessed and mapping.options and not words and not mapping.is_remote
    if chosen and (words := row_guesses.counted_from_one(mapping, look.files)):
        mapping = dataclasses.replace(mapping, label_words=words)
        said = ", ".join(f"{raw}={letter}" for raw, letter in words.items())
        wish.guesses.append(f"labels: {said} (the answers count the options from 1, not 0)")
    guessed = guessed and not mapping.options  # each row has its own
    if mapping.label and not labels and guessed:
        counts, rows = row_guesses.label_counts(mapping, look.files)
        if words := row_guesses.one_spelling(counts):
            mapping = dataclasses.replace(mapping, label_words=words)
            said = ", ".join(f"{raw} is {word}" for raw, word in words.items() if raw != word)
            wish.guesses.append(f"labels: {said} (one word in several spellings)")
            counts, rows = row_guesses.label_counts(mapping, look.files)
        if mapping.kind == "folder" and len(counts) < 2 and wish.label is None:
            mapping = dataclasses.replace(mapping, label="")  # nothing is classified
            why = "which is no class; --label label keeps it"
            wish.guesses += [
                f"label: none (all images lie in one folder, {one}, {why})" for one in counts
            ]
        question = wish.task == "question" or (wish.task is None and "question" in mapping.texts)
        labels = guessing.order_labels(counts, rows)
        if labels and question and not guessing.are_verdicts(labels):
            wish.guesses.append(
                "labels: none (answers to questions are open; --labels closes them)"
            )
            labels = ()
        if labels:
            wish.guesses.append(f"labels: {', '.join(labels)} (all that {_rows(counts)} have)")
    mapping = dataclasses.replace(mapping, labels=labels)
    if wish.task is None:
        return _guess_task(mapping, wish)
    mapping = dataclasses.replace(mapping, task=wish.task)
    if wish.task == "grounding" and wish.texts is None:
        return _in_roles(mapping, guessing.role_for(wish.task, mapping.texts), wish)
    return mapping


def _guess_task(mapping: TableMapping, wish: MappingOptions) -> TableMapping:
    """The task by texts and labels; a text that was guessed gets the role that its prompts show."""
    texts = dict(mapping.texts)
    task = guessing.guess_task(texts, mapping.labels, bool(mapping.label), bool(mapping.objects))
    roles = guessing.role_for(task, texts) if wish.texts is None else {}
    shown = guessing.ROLE_OF.get(task)
    if shown and texts and shown not in {roles.get(role, role) for role in texts}:
        # No prompt of the task would show what was named.
        task = "entailment" if "hypothesis" in texts else "classification"
        roles = {}
    has = [*(f"the text {role}" for role in texts), *(["a label"] * bool(mapping.label))]
    wish.guesses.append(f"task: {task} (it has {' and '.join(has) or 'no text and no label'})")
    return _in_roles(dataclasses.replace(mapping, task=task), roles, wish)


def _in_roles(
    mapping: TableMapping, roles: Mapping[str, str], wish: MappingOptions
) -> TableMapping:
    """With the texts renamed to the roles that the prompts of the task show."""
    if not roles:
        return mapping
    texts = {roles.get(old, old): column for old, column in mapping.texts.items()}
    said = ", ".join(f"{column} as {new}" for new, column in texts.items())
    wish.guesses.append(f"texts: {said} (prompts of the task {mapping.task} show that)")
    return dataclasses.replace(mapping, texts=texts)


def _rows(counts: Counter[str]) -> str:
    return f"{counts.total():,} labelled rows"


def _named(columns: Sequence[str]) -> tuple[str, ...]:
    """Without the empty name, which says that there is none."""
    return tuple(column for column in columns if column)


def _objects(wish: MappingOptions, mapping: TableMapping, columns: Sequence[str]) -> str:
    """The boxes and their format, as wished, as the first row shows, or as the columns are named.

    Raises:
        UsageError: What was wished names no format, or a column that is not there.
    """
    if wish.objects is not None:
        column, form = column_and_format(wish.objects)
        if form in FORMATS and not column:  # the format alone: find the column that has it
            return next((c for c in _detected(mapping) if c.endswith(f":{form}")), "")
        if wish.objects:
            check_said(wish.objects, () if mapping.is_remote else columns)
        return wish.objects if column else ""
    found = next(iter(_detected(mapping)), "")
    if found:
        wish.guesses.append(f"objects: {found} (the first row holds boxes)")
        return found
    if (guessed := guess_boxes(mapping, columns)) is None:
        return ""
    wish.guesses.append(f"objects: {guessed.said} ({guessed.why})")
    return guessed.said


def _detected(mapping: TableMapping) -> list[str]:
    reader = open_reader(data_file(mapping, mapping.files[0]), mapping.read)
    try:
        first = next(iter(reader.scan()), None)
        return detect(first.values) if first is not None else []
    finally:
        reader.close()
