"""What a table most likely means, where the names of its columns do not say it: from its rows.

Guarantee: a guess holds for every row of every file that is looked at, and reading ends at the
first row that speaks against it.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.data.readers.opening import open_reader
from workbench.data.tables import guessing
from workbench.data.tables.columns import FOLDER, as_text, cell_list, columns_in, value_of
from workbench.data.tables.filters import Filter, parse_filter
from workbench.data.tables.folders import SPLIT_NAMES
from workbench.data.tables.mapping import SplitFile, TableMapping
from workbench.data.tables.options import LETTERS, gold_option, options_of
from workbench.data.tables.rows import RowMapper
from workbench.data.tables.table_files import data_file
from workbench.images.decode import EXTENSIONS

KEY = "__key__"


def label_counts(mapping: TableMapping, files: Sequence[SplitFile]) -> tuple[Counter[str], int]:
    """How often each label stands in all files, until there are too many; and the rows read."""
    counts: Counter[str] = Counter()
    rows = 0
    for part, values in _rows(mapping, files, (mapping.label,)):
        rows += 1
        word = None if values is None else part.label_of(values)
        if word is not None:
            counts[word] += 1
        if len(counts) > guessing.MAX_LABELS:
            break
    return counts, rows


def one_spelling(counts: Counter[str]) -> dict[str, str]:
    """Raw word -> word, where yes and no, or true and false, are spelled in several ways.

    The word is the most frequent spelling. Empty where each word has one.
    """
    spellings: dict[str, list[str]] = {}
    for word, _ in counts.most_common():
        spellings.setdefault(word.lower(), []).append(word)
    if len(spellings) == len(counts) or not guessing.are_verdicts(tuple(spellings)):
        return {}
    return {word: words[0] for words in spellings.values() for word in words}


def options_in_text(mapping: TableMapping, files: Sequence[SplitFile], column: str) -> bool:
    """Whether the options of a multiple choice stand in the text of that column, in every row."""
    found = False
    mapping = dataclasses.replace(mapping, options=(column,))
    for part, values in _rows(mapping, files, (column, mapping.label)):
        if values is None or isinstance(value_of(values, column), (list, Mapping)):
            continue
        options, gold = options_of(values, (column,)), part.label_of(values)
        if not options or (gold is not None and gold_option(gold, options, []) is None):
            return False
        found = found or gold is not None
    return found


def counted_from_one(mapping: TableMapping, files: Sequence[SplitFile]) -> dict[str, str]:
    """Raw answer -> letter, where all answers count the options from 1; else empty.

    So it is where none is 0, one is as high as there are options, and none is an option's text.
    """
    seen: set[int] = set()
    most, highest = 0, False
    for part, values in _rows(mapping, files, (*mapping.options, mapping.label)):
        gold = None if values is None else part.label_of(values)
        options = options_of(values or {}, mapping.options)
        if gold is None or not options:
            continue
        texts = {text.casefold() for text in options.values()}
        if not gold.isdecimal() or gold in texts or not 1 <= int(gold) <= len(options):
            return {}
        seen.add(int(gold))
        most, highest = max(most, len(options)), highest or int(gold) == len(options)
    if not highest or len(seen) < 2:
        return {}
    return {str(number): letter for number, letter in enumerate(LETTERS[:most], start=1)}


def image_column(mapping: TableMapping, files: Sequence[SplitFile], columns: Sequence[str]) -> str:
    """The first column all of whose values are names of image files; empty for none.

    A blank cell, but in the first row, is a row without an image. Where the head itself names an
    image file it is a row, and there is none.
    """
    fits, first = list(columns), True
    if any(column.lower().endswith(EXTENSIONS) for column in columns):
        return ""
    for _, values in _rows(mapping, files, columns):
        if values is None:
            continue
        fits = [c for c in fits if _names_image(value_of(values, c), blank=not first)]
        first = False
        if not fits:
            break
    return fits[0] if fits and not first else ""


def _names_image(value: Any, *, blank: bool) -> bool:
    if value is None or value == "":
        return blank
    return isinstance(value, str) and value.strip().lower().endswith(EXTENSIONS)


def folder_classes(
    mapping: TableMapping, files: Sequence[SplitFile], column: str
) -> tuple[str, ...]:
    """The names of the folders that a column's images lie in, where they are a closed set.

    Empty where an image lies in no folder, or where the folders are splits.
    """
    counts: Counter[str] = Counter()
    spec = f"{column}{FOLDER}"
    for _, values in _rows(mapping, files, (spec,)):
        if values is None:
            continue
        name = as_text(value_of(values, spec))
        if name is None:
            return ()
        counts[name] += 1
        if len(counts) > guessing.MAX_LABELS:
            return ()
    if {name.lower() for name in counts} <= {*SPLIT_NAMES}:
        return ()
    return guessing.order_labels(counts, counts.total())


def are_names(mapping: TableMapping, files: Sequence[SplitFile], numbers: str, names: str) -> bool:
    """Whether each number of a column has one name of its own in the other, and each name one."""
    name_of: dict[str, str] = {}
    number_of: dict[str, str] = {}
    for _, values in _rows(mapping, files, (numbers, names)):
        number, name = (as_text(value_of(values or {}, column)) for column in (numbers, names))
        if not (number or "").strip() or not (name or "").strip():
            continue
        if name_of.setdefault(str(number), str(name)) != name:
            return False
        if number_of.setdefault(str(name), str(number)) != number:
            return False
    whole_numbers = all(re.fullmatch(r"-?\d+(\.0)?", number) for number in name_of)
    return bool(name_of) and whole_numbers and not all(name.isdigit() for name in number_of)


def holds_lists(mapping: TableMapping, files: Sequence[SplitFile], column: str) -> bool:
    """Whether a column holds lists, in its first row that holds anything."""
    values = (value_of(row or {}, column) for _, row in _rows(mapping, files, (column,)))
    return cell_list(next((value for value in values if value not in (None, "")), None)) is not None


def _rows(
    mapping: TableMapping, files: Sequence[SplitFile], columns: Sequence[str]
) -> Iterator[tuple[RowMapper, Mapping[str, Any] | None]]:
    """The rows of all files that have one of the columns; `None` for one that cannot be parsed.

    Rows that no filter lets through are no samples, and say nothing.
    """
    roots = {column.partition(".")[0] for spec in columns for column in columns_in(spec)}
    for part in files:
        mapper = RowMapper(mapping, part)
        reader = open_reader(data_file(mapping, part), mapping.read)
        try:
            keeps = _filters(mapping, part)
            filtered = {c.partition(".")[0] for keep in keeps for c in keep.columns}
            wanted = sorted((roots | filtered) & {*reader.columns})
            for row in reader.scan(wanted) if roots & {*reader.columns} else ():
                if row.error or any(keep(row.values) for keep in keeps):
                    yield mapper, None if row.error else row.values
        finally:
            reader.close()


def _filters(mapping: TableMapping, part: SplitFile) -> list[Filter]:
    """The filters of all splits that a file is cut into."""
    where = parse_filter(mapping.where)
    wheres = dict.fromkeys(each.where for each in mapping.files if each.path == part.path)
    return [where & parse_filter(said) for said in wheres]
