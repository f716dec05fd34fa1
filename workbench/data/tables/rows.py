"""From a row to a sample, by a mapping.

Guarantee: what a row lacks is said in the sample's `.error`, beside everything that could be
read; a path in a row never leads out of the image root, symbolic links included.
"""

from __future__ import annotations

import glob
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.data.image_objects import KEYS, flat, image_in
from workbench.data.layouts.places import find_image
from workbench.data.readers.opening import format_of_ending
from workbench.data.tables.box_columns import boxes_of, column_and_format, columns_of_boxes
from workbench.data.tables.columns import (
    MAX_CELL,
    MOST_FREQUENT,
    as_text,
    cell_list,
    column_of,
    columns_in,
    expand,
    is_template,
    jsonable,
    most_frequent,
    pick,
    texts_in,
    value_of,
)
from workbench.data.tables.guessing import HINT
from workbench.data.tables.image_paths import (
    find_by_pattern,
    find_inside,
    from_base64,
    is_unknown_base64,
    resolve_inside,
    several_paths,
    short,
)
from workbench.data.tables.mapping import SplitFile, TableMapping
from workbench.data.tables.objects import FORMATS
from workbench.data.tables.options import gold_option, options_of, split_text
from workbench.errors import DataError
from workbench.grounding.gold import gold_words
from workbench.sample import ImageRef, Sample

# How tables without a null of their own write that there is no label.
NO_LABEL = frozenset({"nan", "<na>", "null"})


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
FEW = 2  # a pair has both of its images; of more columns a row may fill the first ones alone
Others = Callable[[str], Mapping[str, Any] | None]


class RowMapper:
    """Turns rows of one table into samples.

    Args:
        mapping: What is what.
        part: The file that the rows are of: its images' root, and the split that fills
            `{split}` in the templates of images.
    """

    def __init__(self, mapping: TableMapping, part: SplitFile) -> None:
        self.mapping = mapping
        split = {"split": part.split}
        self._split = split if any("{split}" in s for s in mapping.images) else {}
        root = mapping.root_of(part)
        self._root = Path(root).resolve() if root else None
        self._object_columns = columns_of_boxes(mapping.objects)
        self._object_format = column_and_format(mapping.objects)[1]
        self._words = dict(mapping.label_words)
        self._beside = set(mapping.metadata)
        self._taken = _taken(mapping)
        self._has_null = _has_null(mapping, part)
        self._is_open = mapping.task in ("question", "caption") and not mapping.labels

    def native(self, row: Mapping[str, Any]) -> str:
        """The native id of a row; empty where its id column is."""
        if self.mapping.id in ("hash", "auto"):
            return self._hash(row)
        return (as_text(value_of(row, self.mapping.id)) or "").strip()

    def fallback_id(self, row: Mapping[str, Any]) -> str:
        """An id for a row that has none of its own, from what it holds."""
        return f"bad-{self._hash(row)}"

    def sample(
        self,
        uid: str,
        row: Mapping[str, Any],
        error: str | None = None,
        others: Others | None = None,
    ) -> Sample:
        """The sample of a row.

        Args:
            uid: What it is called.
            row: As the reader gave it.
            error: What the reader found wrong with it.
            others: Gives another row by its id: of a table whose cell names the row with the image.
        """
        mapping, problems = self.mapping, [error] if error else []
        texts = {role: as_text(value_of(row, c)) for role, c in mapping.texts.items()}
        if HINT in texts:  # most rows have none
            hint = texts[HINT] or ""
            texts[HINT] = "" if hint.strip().lower() in NO_LABEL else hint
        # A row that could not be parsed has said so; that its fields are missing adds nothing.
        if not error:
            problems += [f"it has no {mapping.texts[r]!r}" for r, t in texts.items() if t is None]
        label = self._label(row, problems)
        options = options_of(row, mapping.options)
        if options:
            for role, column in mapping.texts.items():  # which stand in the text itself
                if (column,) == mapping.options and texts[role] is not None:
                    texts[role] = split_text(texts[role] or "")[0]
            texts["options"] = "\n".join(f"{key}. {text}" for key, text in options.items())
            label = gold_option(label, options, problems)
        images = tuple(self._images(row, problems, others)) if row else ()
        metadata = self._metadata(row, images)
        if mapping.task == "grounding" and label is None:
            label = gold_words(metadata)
            if label is None and not error:
                why = metadata.get("objects_left_out") or "it has no box"
                problems.append(f"nothing to find: {why}")
        return Sample(
            uid=uid,
            images=images,
            texts={role: text or "" for role, text in texts.items()},
            label=label,
            references=self._references(row, label),
            explanations=tuple(t for c in mapping.explanations for t in _listed(value_of(row, c))),
            metadata=metadata | ({"options": options} if options else {}),
            task=mapping.task,
            labels=tuple(options) or mapping.labels,
            error="; ".join(problems) or None,
        )

    def images(self, row: Mapping[str, Any]) -> tuple[ImageRef, ...]:
        """The images of a row alone; of one that cannot be had the reference says its name."""
        return tuple(self._images(row, [], None))

    def label_of(self, row: Mapping[str, Any]) -> str | None:
        """The label in the mapping's words; `None` where the row has none."""
        value = value_of(row, self.mapping.label) if self.mapping.label else None
        many = cell_list(value)
        if many is not None and len(many) > 1 and self._is_open:
            value = most_frequent(texts_in(many))
        raw = as_text(many[0] if many is not None and len(many) == 1 else value)
        if raw is None:
            return None
        raw = raw.strip()
        known = raw in self._words or raw in self.mapping.labels
        if not known and (not raw or (raw.lower() in NO_LABEL and not self._has_null)):
            return None
        # The hub's way to say that a test split is not labelled; an answer may be a number.
        if not known and raw == "-1" and self.mapping.task != "question":
            return None
        if not known and raw.endswith(".0") and raw[:-2].isdigit():
            raw = raw[:-2]  # pandas writes whole numbers so when another row is empty
        return self._words.get(raw, raw)

    def _label(self, row: Mapping[str, Any], problems: list[str]) -> str | None:
        label = self.label_of(row)
        labels = self.mapping.labels
        if label is not None and labels and label not in labels:
            problems.append(f"its label {label!r} is none of {', '.join(labels)}")
        return label

    def _references(self, row: Mapping[str, Any], label: str | None) -> tuple[str, ...]:
        # A person who answered nothing is still one of the ten.
        blank = self.mapping.task == "question"
        found = [t for c in self.mapping.references for t in _listed(value_of(row, c), blank)]
        if self._is_open and not self.mapping.references and self.mapping.label:
            own = self.mapping.label.removesuffix(MOST_FREQUENT)
            many = cell_list(value_of(row, own)) or []  # a label of several words
            found = texts_in(many, blank) if len(many) > 1 else []
        if label is None:
            return tuple(found)
        if label in found:
            found.remove(label)
        return (label, *found)

    def _images(
        self, row: Mapping[str, Any], problems: list[str], others: Others | None
    ) -> Iterator[ImageRef]:
        """The images of a row; each keeps its place, also where it cannot be had."""
        for spec in self.mapping.images:
            filled = self._split | dict(row) if self._split else row
            value = value_of(filled, spec)
            if value is None and self._has_null and self._says_none(row, spec):
                continue
            if value == "" and len(self.mapping.images) > FEW:
                continue  # image_1, image_2, …: a row has fewer than there are columns
            if is_template(spec) and "*" in spec:
                value = expand(spec, filled, glob.escape)
            many = cell_list(value)
            if many is None and isinstance(value, str) and not is_template(spec):
                many = several_paths(self._root, value) if len(value) <= MAX_CELL else None
            for item in [value] if many is None else flat(many):
                try:
                    yield self._elsewhere(item, spec, others) or self._image(item, spec)
                except DataError as error:
                    problems.append(error.message)
                    yield self._broken(item, spec)

    def _elsewhere(self, value: Any, spec: str, others: Others | None) -> ImageRef | None:
        """The image in base64 of another row, where a cell holds that row's id (MMBench)."""
        if others is None or not isinstance(value, str) or not value.isdecimal():
            return None
        cell = (others(value) or {}).get(spec)
        data = from_base64(cell) if isinstance(cell, str) else None
        return ImageRef(data=data, name=spec) if data is not None else None

    def _says_none(self, row: Mapping[str, Any], spec: str) -> bool:
        """Whether a row without a value for an image means that it has none, and is not broken.

        Of a template that is where the column that names the picture is null.
        """
        columns = columns_in(spec)
        return not is_template(spec) or any(c in row and row[c] is None for c in columns)

    def _image(self, value: Any, spec: str) -> ImageRef:
        """One image. Raises `DataError` for what is missing, empty or outside of the root."""
        name = "image" if is_template(spec) else spec
        if isinstance(value, Mapping):
            found, keys = image_in(value), ", ".join(map(str, value))
            if found is None and any(value.values()):
                raise DataError(
                    f"the object in {spec!r} has none of {', '.join(KEYS)}; it has {keys}"
                )
            if isinstance(found, bytes):
                return ImageRef(data=found, name=as_text(value.get("path")) or name)
            value = found
        if isinstance(value, bytes):
            if not value:
                raise DataError(f"the image in {spec!r} is empty (0 bytes)")
            return ImageRef(data=value, name=name)
        text = (as_text(value) or "").strip()
        if not text:
            raise DataError(f"it has no image in {spec!r}")
        if text.startswith("data:"):
            return ImageRef(url=text, name=name)
        if text.lower().startswith(("http://", "https://")):
            return ImageRef(url=text, name=text, fetch=self.mapping.fetch)
        if (scheme := _SCHEME.match(text)) and scheme[1].lower() != "file":
            raise DataError(
                f"the image {short(text)} is at {scheme[1]}://, where nothing is fetched: download "
                "it, and name its folder with --image-root"
            )
        if (data := from_base64(text)) is not None:
            return ImageRef(data=data, name=name)
        if is_unknown_base64(text):
            raise DataError(
                f"{spec!r} holds {len(text):,} characters that are no image in base64, and no path"
            )
        if self.mapping.recipe and self._root is not None:
            text = find_image(str(self._root), text) or text
        if is_template(spec) and "*" in spec:
            path = find_by_pattern(self._root, text)
        else:
            path = find_inside(self._root, text)
        try:
            empty = path.stat().st_size == 0
        except OSError as error:
            raise DataError(f"the image {short(str(path))} does not exist") from error
        if empty:
            raise DataError(f"the image {path} is empty (0 bytes)")
        return ImageRef(path=path, name=text)

    def _broken(self, value: Any, spec: str) -> ImageRef:
        """A reference that says which image is meant and fails when it is loaded."""
        value = image_in(value) if isinstance(value, Mapping) else value
        text = value if isinstance(value, str) else ""
        if not text or is_unknown_base64(text):
            return ImageRef(name="")
        try:
            return ImageRef(path=resolve_inside(self._root, text), name=text)
        except DataError:
            return ImageRef(name=short(text))

    def _metadata(self, row: Mapping[str, Any], images: tuple[ImageRef, ...]) -> dict[str, Any]:
        kept = {
            column: jsonable(value)
            for column, value in row.items()
            if (column in self._beside or "*" in self._beside) and column not in self._taken
        }
        for column in self._beside - {"*"}:
            kept.setdefault(column, jsonable(pick(row, column)))
        if self._object_columns and self._object_format in FORMATS:
            for column in self._object_columns:
                kept.pop(column, None)
            kept |= self._objects(row, images)
        return kept

    def _objects(self, row: Mapping[str, Any], images: tuple[ImageRef, ...]) -> dict[str, Any]:
        """`objects`, a list per image, and why an image has none: `objects_left_out`."""
        try:
            value = boxes_of(row, self.mapping.objects)
            found = FORMATS[self._object_format][1](value, [ref.name for ref in images])
        except (ValueError, TypeError, KeyError) as error:
            where = ", ".join(self._object_columns)
            return {"objects": [], "objects_left_out": f"{where}: {error}"}
        said = {"objects_left_out": found.left_out} if found.left_out else {}
        return {"objects": found.boxes} | said

    def _hash(self, row: Mapping[str, Any]) -> str:
        """16 hex digits of the fields that the mapping names, as they were written."""
        mapping = self.mapping
        specs = [*mapping.texts.values(), mapping.label, *mapping.references]
        specs += [*mapping.explanations, *mapping.options, *mapping.images]
        row = self._split | dict(row)
        fields = [_hashable(value_of(row, spec)) if spec else None for spec in specs]
        if not specs or not any(fields):
            fields = [_hashable(row)]
        body = json.dumps(fields, ensure_ascii=False, sort_keys=True, default=str)
        return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def columns_of(mapping: TableMapping) -> tuple[str, ...]:
    """The columns that a mapping reads, each once, as roots of their paths."""
    return tuple(dict.fromkeys(c for named in _by_flag(mapping).values() for c in named))


def flag_of(mapping: TableMapping, column: str) -> str:
    """The option of `wb data add` that names a column (`--id`); empty if only a filter does."""
    return next((flag for flag, named in _by_flag(mapping).items() if column in named), "")


def _by_flag(mapping: TableMapping) -> dict[str, list[str]]:
    """The columns that each option of `wb data add` names, as roots of their paths."""
    specs = {
        "--text": mapping.texts.values(),
        "--label": (mapping.label,),
        "--reference": mapping.references,
        "--explanation": mapping.explanations,
        "--option": mapping.options,
        "--image": mapping.images,
        "--objects": columns_of_boxes(mapping.objects),
        "--id": () if mapping.id in ("hash", "auto") else (mapping.id,),
    }
    return {flag: [c for spec in said for c in columns_in(spec)] for flag, said in specs.items()}


def _taken(mapping: TableMapping) -> set[str]:
    """The columns that are wholly in the sample, and need not be among its metadata too."""
    specs = [*mapping.texts.values(), mapping.label, *mapping.references, *mapping.explanations]
    plain = [
        s
        for s in (*specs, *mapping.options, *mapping.images, mapping.id)
        if s and not is_template(s)
    ]
    return {name for s in map(column_of, plain) for name in (s, s.partition(".")[0])}


def _has_null(mapping: TableMapping, part: SplitFile) -> bool:
    """Whether the file's format has a null of its own, so that "null" and "nan" are words."""
    if mapping.recipe or mapping.kind == "folder":
        return True
    ending = Path(part.path).suffix.lower()
    return (mapping.read.format or format_of_ending(part.path)) not in ("", "delimited") or (
        ending == ".json" and not mapping.read.format
    )


def _listed(value: Any, blank: bool = False) -> list[str]:
    """The texts of a cell that may write a list. See `texts_in`."""
    many = cell_list(value) if isinstance(value, str) else None
    return texts_in(value if many is None else many, blank)


def _hashable(value: Any) -> Any:
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, Mapping):
        return {str(k): _hashable(v) for k, v in value.items()}
    return [_hashable(v) for v in value] if isinstance(value, list) else jsonable(value)
