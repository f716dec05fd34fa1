"""Captions as a row each: tables with an image and a caption, and Flickr8k's tokens.

Guarantee: the rows of one image are gathered as its references, in their order, wherever in the
file they stand. A COCO list of results names no image and is refused as what it is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from workbench.data.layouts.base import Problems
from workbench.data.layouts.places import columns_of, rows_of
from workbench.data.tables.columns import as_text, texts_in
from workbench.data.tables.guessing import IMAGES, guess_label
from workbench.errors import DataError
from workbench.images.decode import EXTENSIONS

Form = Literal["rows", "tokens", "single", "results", ""]
ENDINGS = (".csv", ".tsv", ".txt", ".token", ".jsonl")
_CAPTIONS = ("caption", "comment")
_BESIDE = {"comment_number", "sentid", "caption_id", "caption_number", "id"}
_TOKEN = re.compile(r"([^\t\n]+)#\d+\t(.*)")


def form_of(path: Path) -> Form:
    """Which of these forms a file has; empty for another one.

    A table of images and captions is `rows` where an image stands twice, else `single`.
    """
    ending = path.suffix.lower()
    try:
        if ending == ".json":
            columns = set(columns_of(path))
            results = ({"image_id", "caption"}, {"question_id", "answer"})
            return "results" if columns in results else ""
        if ending not in ENDINGS:
            return ""
        if _TOKEN.match(_first_line(path)):
            return "tokens"
        image, caption = _columns(columns_of(path))
        if not image or not caption:
            return ""
        seen: set[str] = set()
        for row in rows_of(path):
            name = as_text(row.values.get(image)) or ""
            if name in seen:
                return "rows"
            seen.add(name)
        return "single"
    except DataError:
        pass  # whoever reads it as a table says what is wrong with it
    return ""


def gathered(path: Path, form: Form, problems: Problems) -> Iterator[Mapping[str, Any]]:
    """A row per image: `id` and `image` (its name), `caption` (the first) and `captions`."""
    captions: dict[str, list[str]] = defaultdict(list)
    for name, said in _tokens(path, problems) if form == "tokens" else _pairs(path, problems):
        captions[name].append(said)
    for name, said in captions.items():
        image = name if name.lower().endswith(EXTENSIONS) else f"{name}.*"
        yield {"id": name, "image": image, "caption": said[0], "captions": said}


def refuse_results(files: Sequence[Path]) -> None:
    """Raise `DataError` for a list of results, which is no dataset."""
    for path in files:
        if path.is_file() and form_of(path) == "results":
            raise DataError(
                f"{path} is a list of results: what a model said, by image_id (COCO) or question_id"
                " (VQA), without images",
                hint="add what they belong to: captions_val2014.json, or questions and annotations",
            )


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        return file.readline(10_000).decode("utf-8", "replace").rstrip("\r\n")


def _columns(columns: Sequence[str]) -> tuple[str, str]:
    """The columns of the image and the caption, where a table has nothing else of its own."""
    lower = {column.lower(): column for column in columns}
    image = next((lower[name] for name in IMAGES if name in lower), "")
    caption = next((lower[name] for name in _CAPTIONS if name in lower), "")
    others = set(lower) - {image.lower(), caption.lower()} - _BESIDE
    unnamed = {name for name in others if re.fullmatch(r"column\d+", name)}  # pandas' index
    return (image, caption) if others == unnamed and not guess_label(columns) else ("", "")


def _pairs(path: Path, problems: Problems) -> Iterator[tuple[str, str]]:
    image, caption = _columns(columns_of(path))
    for row in rows_of(path):
        name = (as_text(row.values.get(image)) or "").strip()
        said = texts_in(row.values.get(caption))
        if row.error or not name or not said:
            problems.add("rows without an image or a caption", f"row {row.number}")
            continue
        yield name, said[0].strip()


def _tokens(path: Path, problems: Problems) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            match = _TOKEN.fullmatch(raw.decode("utf-8", "replace").rstrip("\r\n"))
            if match is None:
                problems.add("lines that are no token", f"line {number}")
                continue
            yield match[1], match[2].strip()
