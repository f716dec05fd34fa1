"""From a row to a sample, by a mapping.

Guarantee: what a row lacks is said in the sample's `.error`, beside everything that could be
read; a path in a row never leads out of the image root, symbolic links included.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from workbench.data.tables.box_columns import boxes_of, column_and_format, columns_of_boxes
from workbench.data.tables.columns import (
    MOST_FREQUENT,
    as_text,
    cell_list,
    column_of,
    columns_in,
    is_template,
    jsonable,
    most_frequent,
    pick,
    texts_in,
    value_of,
)
from workbench.data.tables.guessing import HINT
from workbench.data.tables.mapping import SplitFile, TableMapping
from workbench.data.tables.objects import FORMATS
from workbench.data.tables.options import gold_option, options_of, split_text
from workbench.data.tables.row_images import Others, RowImages, has_null
from workbench.grounding.gold import gold_words
from workbench.sample import ImageRef, Sample

# How tables without a null of their own write that there is no label.
NO_LABEL = frozenset({"nan", "<na>", "null"})


class RowMapper:
    """Turns rows of one table into samples.

    Args:
        mapping: What is what.
        part: The file that the rows are of: its images' root, and the split that fills
            `{split}` in the templates of images.
    """

    def __init__(self, mapping: TableMapping, part: SplitFile) -> None:
        self.mapping = mapping
        self._images = RowImages(mapping, part)
        self._object_columns = columns_of_boxes(mapping.objects)
        self._object_format = column_and_format(mapping.objects)[1]
        self._words = dict(mapping.label_words)
        self._beside = set(mapping.metadata)
        self._taken = _taken(mapping)
        self._has_null = has_null(mapping, part)
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
        images = tuple(self._images.of(row, problems, others)) if row else ()
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
        row = self._images.filled(row)
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
