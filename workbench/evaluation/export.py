"""A run's answers in the forms that other tools read: a table, COCO results, lmms-eval's samples.

JSON lines are those of the record, whole.

Guarantee: one entry for each sample, in the order of the UIDs, failed ones too (COCO results have
answers alone); what an entry of COCO results has no place for stands beside it, under keys that
its readers pass over; cells of a CSV that a spreadsheet would run get an apostrophe before them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sessions.csv_table import csv_text
from sessions.runs import Run
from sessions.uid import Uid
from workbench.errors import UsageError
from workbench.evaluation.columns import OutputColumn, read_columns, refuse_unknown
from workbench.grounding.answered import recorded_regions
from workbench.grounding.region import Region
from workbench.sample import Sample

_TABLES = ("csv", "json")
FORMATS = (*_TABLES, "jsonl", "coco", "lmms-eval")
USUAL = read_columns("uid, target, label, correct, text, explanation, error")
# Of a line; every other source is a text of the sample, or `img_path`.
_OF_LINE = frozenset(
    {*(column.source for column in USUAL), "kind", "group", "tokens", "finish_reason"}
)

Line = Mapping[str, Any]


def form_of(name: str) -> str:
    """The form that a file's name asks for: `.json`, `.jsonl`, otherwise CSV."""
    return {".json": "json", ".jsonl": "jsonl"}.get(Path(name).suffix.lower(), "csv")


def export(
    run: Run,
    form: str,
    columns: Sequence[OutputColumn] = (),
    uids: Sequence[str] | None = None,
) -> str:
    """The text of the file.

    Args:
        run: An evaluation.
        form: One of `FORMATS`.
        columns: Of a table: keys of a line, `img_path`, or roles of the samples' texts
            (`hypothesis`); `USUAL` where not given.
        uids: The samples, in their order; all in the order of their UIDs where not given.

    Raises:
        UsageError: The run is no evaluation; the columns are not for this form; no sample has
            such a text.
        WbError: The dataset, which columns ask for, is not at hand.
    """
    if run.kind != "eval":
        raise UsageError(f"run {run.id} is no evaluation", hint="see: wb runs list --kind eval")
    lines = sorted(run.predictions(), key=lambda line: str(line["uid"]))
    if uids is not None:
        by_uid = {str(line["uid"]): line for line in lines}
        lines = [by_uid[uid] for uid in uids if uid in by_uid]
    if form not in _TABLES and columns:
        raise UsageError(f"--columns is for csv and json, not {form}")
    if form in _TABLES:
        columns = tuple(columns) or USUAL
        names, rows = [column.name for column in columns], _rows(lines, columns)
        if form == "csv":
            return csv_text(names, rows)
        objects = [dict(zip(names, row, strict=True)) for row in rows]
        return json.dumps(objects, ensure_ascii=False, indent=1) + "\n"
    if form == "jsonl":
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    if form == "coco":
        found = [entry for line in lines if not line.get("error") for entry in _coco(line)]
        return json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    return "".join(
        json.dumps(_lmms(place, line), ensure_ascii=False) + "\n"
        for place, line in enumerate(lines)
    )


def _coco(line: Line) -> list[dict[str, Any]]:
    """A caption's two keys: the label, where one was read, else the text; or a line's boxes."""
    if (places := recorded_regions(line.get("grounding"))) is not None:
        return [_detection(line, region) for region in places.regions if region.is_box]
    said = str(line.get("label") or line.get("text") or "")
    reason = str(line.get("explanation") or "")
    more = {"explanation": reason} if reason else {}
    return [{"image_id": _number(line), "caption": said, **more}]


def _detection(line: Line, box: Region) -> dict[str, Any]:
    """A box as COCO's results have it: x, y, width and height in pixels of the shown image.

    An answer has no score and no class: each box has the score 1 and the category 1.
    """
    x0, y0, x1, y1 = box.at
    more = {name: value for name, value in (("name", box.name), ("image", box.image)) if value}
    bbox = [x0, y0, x1 - x0, y1 - y0]
    return {"image_id": _number(line), "category_id": 1, "bbox": bbox, "score": 1.0, **more}


def _number(line: Line) -> int | str:
    """COCO's image ids are whole numbers; other data keep the id that they have."""
    native = Uid.parse(str(line["uid"])).native
    return int(native) if native.isdecimal() else native


def _lmms(place: int, line: Line) -> dict[str, Any]:
    text = str(line.get("text") or "")
    right = line.get("correct")
    error = {"error": _value(line, None, "error")} if line.get("error") else {}
    return {
        "doc_id": place,
        "doc": {"uid": line["uid"]} | error,
        "target": line.get("target"),
        "resps": [[text]],
        "filtered_resps": [line.get("label") if line.get("label") is not None else text],
        "accuracy": None if right is None else float(right),
    }


def _rows(lines: Sequence[Line], columns: Sequence[OutputColumn]) -> list[list[Any]]:
    beside = [column for column in columns if column.source not in _OF_LINE]
    samples = {str(line["uid"]): _sample(str(line["uid"])) for line in lines} if beside else {}
    known = {role for sample in samples.values() if sample for role in sample.texts}
    refuse_unknown(beside, _OF_LINE | known | {"img_path"})
    return [
        [_value(line, samples.get(str(line["uid"])), column.source) for column in columns]
        for line in lines
    ]


def _sample(uid: str) -> Sample | None:
    from workbench.data.source import get_sample
    from workbench.errors import UnknownName

    try:
        return get_sample(uid)
    except UnknownName:
        return None  # the data changed: its line has no text


def _value(line: Line, sample: Sample | None, source: str) -> Any:
    if source == "error":
        error = line.get("error")
        return str(error.get("message", "")) if isinstance(error, Mapping) else ""
    if source in _OF_LINE:
        return line.get(source)
    if sample is None:
        return ""
    if source == "img_path":
        return ";".join(str(ref.path or ref.name) for ref in sample.images)
    return sample.texts.get(source, "")
