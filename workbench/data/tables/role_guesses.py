"""Which columns are the texts, the label, the images and the options, where the user did not say.

Guarantee: what the user said stands; each guess is noted with its reason. Not for the closed set of
labels and the task: see `mapping_options`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from workbench.data.tables import guessing, row_guesses
from workbench.data.tables.columns import FOLDER, MOST_FREQUENT
from workbench.data.tables.mapping import SplitFile, TableMapping
from workbench.data.tables.wishes import MappingOptions, choose

NAMED = 5  # classes that a guess names

Files = Sequence[SplitFile]
"""Those whose rows may be read; none of a hub's, nor of a known layout's."""


def texts_of(wish: MappingOptions, columns: Sequence[str]) -> Mapping[str, str]:
    """Role -> column."""
    guess = guessing.guess_texts(columns)
    if wish.texts is None and guessing.is_captioned_folder(columns, guess):
        wish.guesses.append("texts: text as caption (an image folder's metadata, without a label)")
        return {"caption": guess["text"]}
    return choose(wish, "texts", wish.texts, guess)


def label_of(
    wish: MappingOptions,
    label: str,
    texts: Mapping[str, str],
    references: Sequence[str],
    mapping: TableMapping,
    files: Files,
) -> str:
    """The label's column, where none is called like one: people's answers, or the captions."""
    if wish.label is not None:
        if label and wish.task is None and set(texts) == {"caption"} and label in texts.values():
            return _as_captions(wish, label, "what is compared is the caption itself")
        return label
    listed = files and references and wish.references is None and _asks(wish, texts)
    if listed and row_guesses.holds_lists(mapping, files, references[0]):
        people = f"{references[0]}{MOST_FREQUENT}"
        if label:
            wish.guesses.append(f"label: {label}, the table's own (people's: --label {people})")
            return label
        wish.guesses.append(f"label: {people} (the answer that most people gave)")
        return people
    if not label and not texts and [name.lower() for name in references] == ["captions"]:
        return _as_captions(wish, f"{references[0]}{MOST_FREQUENT}", "the first of its captions")
    captions = not label and set(texts) == {"caption"} and not references
    if captions and wish.references is None and wish.task in (None, "caption"):
        why = "no column is a label: captions are compared with it, and learned"
        return _as_captions(wish, texts["caption"], why)
    return label


def class_names_of(
    wish: MappingOptions,
    columns: Sequence[str],
    texts: Mapping[str, str],
    mapping: TableMapping,
    files: Files,
) -> str:
    """The column with the names of classes that another one numbers; empty for none."""
    label = guessing.guess_label(columns)
    names, numbers = guessing.guess_class_names(columns, texts, label)
    if wish.label is not None or not names:
        return ""
    if not numbers:
        return str(choose(wish, "label", None, names))
    if not files or not row_guesses.are_names(mapping, files, numbers, names):
        return ""
    why = f"the names of {numbers}, which stays in the metadata; --label {numbers} for the numbers"
    wish.guesses.append(f"label: {names} ({why})")
    return names


def folders_of(
    wish: MappingOptions,
    columns: Sequence[str],
    texts: Mapping[str, str],
    references: Sequence[str],
    mapping: TableMapping,
    files: Files,
) -> str:
    """The class folders of an image folder whose metadata has no label; empty for none."""
    metadata = bool(files) and all(Path(part.path).stem == "metadata" for part in files)
    said = wish.label is not None or wish.task not in (None, "classification")
    images = guessing.guess_images(columns) if wish.image is None else wish.image
    if not metadata or said or len(images) != 1 or images[0] not in columns:
        return ""
    if references or not set(texts) <= {"caption"}:
        return ""
    classes = row_guesses.folder_classes(mapping, files, images[0])
    if not classes:
        return ""
    instead = "--task caption for the captions, " if texts else ""
    named = f"{', '.join(classes[:NAMED])}{', …' if len(classes) > NAMED else ''}"
    why = f"the folders that the images lie in: {named}; {instead}--label '' for none"
    wish.guesses.append(f"label: {images[0]}{FOLDER} ({why})")
    return f"{images[0]}{FOLDER}"


def _as_captions(wish: MappingOptions, column: str, why: str) -> str:
    """The column, noted as the label of captions."""
    wish.guesses.append(f"label: {column} ({why})")
    if wish.task is None:
        wish.guesses.append("task: caption (a text is the answer, no class)")
        wish.task = "caption"
    return column


def images_of(
    wish: MappingOptions, columns: Sequence[str], mapping: TableMapping, files: Files
) -> Sequence[str]:
    """The columns of the images: by their names, else the first that names image files alone.

    Those may be the keys of a JSON dictionary.
    """
    found = choose(wish, "image", wish.image, guessing.guess_images(columns))
    if found or wish.image is not None or not files:
        return found
    column = row_guesses.image_column(mapping, files, columns)
    if not column:
        return found
    why = "all that it holds are names of image files; --image '' for none"
    if column == row_guesses.KEY:
        why = "the dictionary's keys are names of images"
    wish.guesses.append(f"image: {column} ({why})")
    return (column,)


def options_of(
    wish: MappingOptions,
    columns: Sequence[str],
    texts: Mapping[str, str],
    label: str,
    mapping: TableMapping,
    files: Files,
) -> Sequence[str]:
    """The columns of the options, or that of the question where they stand in its text."""
    if not files or not label or not _asks(wish, texts):
        return choose(wish, "options", wish.options, ())
    found = choose(wish, "options", wish.options, guessing.guess_options(columns))
    column = texts.get("question", "")
    if found or wish.options is not None or not column:
        return found
    plain = dataclasses.replace(mapping, label=label, task="question")
    if not row_guesses.options_in_text(plain, files, column):
        return ()
    wish.guesses.append(f"options: {column} (lettered in its text, and the answer is one of them)")
    return (column,)


def _asks(wish: MappingOptions, texts: Mapping[str, str]) -> bool:
    return "question" in texts or wish.task == "question"
