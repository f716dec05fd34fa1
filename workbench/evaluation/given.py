"""Files of answers that were given elsewhere, read to rows: which sample each is of, what was said.

COCO's and VQA's result files, lmms-eval's logged samples, `{image: caption}`, and tables (CSV, TSV,
JSON, JSON lines) with a column for the sample and one for the answer, `wb runs export`'s among
them. Guarantee: a row that cannot be understood is counted, never guessed. What lmms-eval's files
hold was read from `save_results_samples` of its version 0.7.3: it strips `doc`, drops `resps` where
they equal `filtered_resps`, and takes the list off a single one; `doc_id` is the sample's place.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from sessions.csv_table import csv_cell
from sessions.json_line import load_json
from sessions.plain_files import read_plain
from workbench.data.tables.columns import columns_hint
from workbench.errors import DataError, UsageError

Form = Literal["csv", "jsonl", "json", "coco", "lmms-eval"]
FORMATS: tuple[Form, ...] = get_args(Form)
_MOST = 2**30  # bytes of a file
# The first one that a file has says which sample a row is of, or what was answered.
IDS = ("uid", "id", "question_id", "sample_id", "Dataset_Index", "image_id")
IMAGES = ("img_path", "image_path", "image", "file_name", "filename", "img", "path")
ANSWERS = (
    *("prediction", "pred", "response", "output", "caption", "explanation", "answer", "text"),
    "label",
)
# Of a task with labels the explanation beside an answer is not the answer.
LABELLED = tuple(sorted(ANSWERS, key=lambda name: name in ("caption", "explanation")))
# Of a table of ours: what was read from the answer, and how it counted; both are worked out anew.
_READ_ANEW = frozenset({"correct", "kind", "group", "tokens", "finish_reason", "error", "target"})


@dataclass(frozen=True)
class GivenAnswer:
    """A row.

    Attributes:
        place: Its number in the file, from 1.
        ident: A UID or native id, empty where it has none.
        images: Names or paths of its pictures.
        texts: Other columns, by name: a sample's text by its role, perhaps.
        answer: What was said, `None` where that cannot be told.
        error: Why nothing was said.
        target: The gold answer that the file has.
        position: The sample's place in its split, where the file knows nothing else.
        prompt: What was asked, where the file has it.
    """

    place: int
    ident: str = ""
    images: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    answer: str | None = None
    error: str = ""
    target: str | None = None
    position: int | None = None
    prompt: str = ""


@dataclass(frozen=True)
class GivenFile:
    """A file that was read.

    Attributes:
        form: What it was read as.
        rows: Its rows, those that hold no answer too.
        columns: What was taken from where: `{"sample": …, "answer": …}`.
        others: Columns that could be the answer too.
    """

    form: Form
    rows: tuple[GivenAnswer, ...]
    columns: Mapping[str, str]
    others: tuple[str, ...] = ()


def read_given(
    path: Path,
    form: str = "",
    *,
    id_column: str = "",
    answer_column: str = "",
    labelled: bool = False,
) -> GivenFile:
    """Read a file of answers.

    Args:
        path: The file.
        form: One of `FORMATS`; told by its content where empty.
        id_column: The column or key that names the sample; the first of `IDS`, else of `IMAGES`.
        answer_column: The one that holds the answer; the first of `ANSWERS`.
        labelled: Answers are read to labels: explanations and captions are taken last.

    Raises:
        DataError: It cannot be read, or has no rows.
        UsageError: It has no such column, or none that could be meant.
    """
    text = _text(path)
    names = LABELLED if labelled else ANSWERS
    if form == "csv" or (not form and path.suffix.lower() in (".csv", ".tsv")):
        return _table("csv", list(_csv_rows(path, text)), id_column, answer_column, names)
    objects = _objects(path, text)
    if not objects:
        raise DataError(f"{path} holds no rows")
    first = objects[0]
    if form == "lmms-eval" or (not form and {"doc_id", "filtered_resps"} <= set(first)):
        columns = {"sample": "doc.uid, else doc_id", "answer": "resps, else filtered_resps"}
        rows = (_lmms(place, row) for place, row in enumerate(objects, 1))
        return GivenFile("lmms-eval", tuple(rows), columns)
    told: Form = "json" if path.suffix.lower() == ".json" else "jsonl"
    if form == "coco" or (not form and {"image_id", "caption"} <= set(first)):
        told = "coco"
    return _table(told, objects, id_column, answer_column, names)


def _text(path: Path) -> str:
    try:
        data = read_plain(path, _MOST)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8: {error}", hint="save it as UTF-8") from error


def _csv_rows(path: Path, text: str) -> Iterator[dict[str, Any]]:
    tab = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=tab)
    try:
        reader.fieldnames = names = [name.strip() for name in reader.fieldnames or ()]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise DataError(f"{path} has two columns {twice!r}", hint="leave one out")
        for row in reader:
            if None in row:
                raise DataError(f"{path}, line {reader.line_num}: more cells than columns")
            yield {name: _cell(value) for name, value in row.items()}
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from error


def _cell(value: str | None) -> str:
    """A cell without the apostrophe that `sessions.csv_table` puts before a formula."""
    text = value or ""
    return text[1:] if text[:1] == "'" and csv_cell(text[1:]) == text else text


def _objects(path: Path, text: str) -> list[dict[str, Any]]:
    """The objects of JSON or of JSON lines; of a map of images those of its entries."""
    try:
        found = load_json(text)
    except ValueError:
        # Not `splitlines`: a text may hold other marks that end lines for Unicode.
        found = [_line(path, number, line) for number, line in enumerate(text.split("\n"), 1)]
        found = [row for row in found if row is not None]
    if isinstance(found, dict):
        said = found.values() if not set(found) & {*IDS, *ANSWERS} else ()
        if said and all(isinstance(value, str) for value in said):
            found = [{"image": image, "caption": text} for image, text in found.items()]
        else:
            found = [found]  # a file of one line
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise DataError(
            f"{path} is no list of answers",
            hint="a JSON list or lines of objects, {image: answer}, or a CSV with a first row",
        )
    return found


def _line(path: Path, number: int, line: str) -> Any:
    if not line.strip():
        return None
    try:
        return load_json(line)
    except ValueError as error:
        raise DataError(f"{path}, line {number}: no JSON: {error}") from error


def _table(
    form: Form,
    rows: Sequence[Mapping[str, Any]],
    id_column: str,
    answer_column: str,
    answers: Sequence[str],
) -> GivenFile:
    if not rows:
        raise DataError("the file holds no rows")
    names = list(dict.fromkeys(name for row in rows for name in row))
    for column in (id_column, answer_column):
        if column and column not in names:
            raise UsageError(f"the file has no column {column!r}", hint=columns_hint(column, names))
    ident = id_column or next((name for name in IDS if name in names), "")
    image = next((name for name in IMAGES if name in names), "")
    taken = {ident, image}
    # A table of ours has the whole answer there; elsewhere it may well be a text of the sample.
    known = ("text", *answers) if ident == "uid" else answers
    could = [n for n in dict.fromkeys(known) if n in names and n not in taken]
    answer = answer_column or next(iter(could), "")
    if not answer or not (ident or image):
        what = "the answer (--answer-column)" if not answer else "the sample (--id-column)"
        raise UsageError(
            f"no column could be {what}", hint=f"the file has {', '.join(names)[:300]}"
        )
    told = " or ".join(name for name in (ident, image) if name)
    found = (_row(place, row, ident, image, answer) for place, row in enumerate(rows, 1))
    others = tuple(name for name in could if name != answer)
    return GivenFile(form, tuple(found), {"sample": told, "answer": answer}, others)


def _row(place: int, row: Mapping[str, Any], ident: str, image: str, answer: str) -> GivenAnswer:
    beside = {
        name: value
        for name, value in row.items()
        if isinstance(value, str) and name not in {ident, image, answer, *_READ_ANEW}
    }
    said, target = row.get(answer), row.get("target")
    return GivenAnswer(
        place,
        ident=_number(_word(row.get(ident))) if ident else "",
        images=tuple(filter(None, _word(row.get(image)).split(";"))) if image else (),
        texts=beside,
        answer=None if said is None or isinstance(said, (dict, list)) else _word(said),
        error=_error(row.get("error")),
        target=None if target in (None, "") else _word(target),
    )


def _lmms(place: int, row: Mapping[str, Any]) -> GivenAnswer:
    doc = row.get("doc")
    doc = doc if isinstance(doc, Mapping) else {}
    said = row.get("resps", row.get("filtered_resps"))
    position, prompt = row.get("doc_id"), row.get("input")
    target = row.get("target")
    return GivenAnswer(
        place,
        ident=_word(doc.get("uid")),
        answer=_response(said),
        error=_error(doc.get("error")),
        target=None if target is None else _word(target),
        position=position if isinstance(position, int) and position >= 0 else None,
        prompt=prompt if isinstance(prompt, str) else "",
    )


def _response(said: Any) -> str | None:
    """The text of one request; `None` of several (likelihoods of choices), and of none."""
    while isinstance(said, list):
        if len(said) != 1:
            return None
        said = said[0]
    return said if isinstance(said, str) else None


def _error(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("message")
    return value if isinstance(value, str) else ""


def _number(ident: str) -> str:
    """An id as it was before a table took it for a number: `42.0` is 42."""
    whole = ident.removesuffix(".0")
    return whole if whole.isdecimal() else ident


def _word(value: Any) -> str:
    """A value as a word: 42.0 of a table of floats is 42."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
