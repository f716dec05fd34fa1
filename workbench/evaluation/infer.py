"""Captions of many images: asked as an evaluation is, written as the file that scripts expect.

Guarantee: a run like any other (resumed by its key, a line per image, failures recorded), so that
a kill costs a batch; captions come in the order of the data. `workbench.evaluation.runner`
judges them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.csv_table import csv_text
from sessions.run_reader import last_per_uid
from sessions.runs import Run
from sessions.uid import Uid
from workbench.errors import UsageError
from workbench.evaluation.columns import OutputColumn, read_columns, refuse_unknown
from workbench.evaluation.config import EvalConfig
from workbench.progress import OnProgress

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.sample import Sample

FORMATS = ("map", "list", "jsonl", "csv")
_FACTS = ("image", "uid", "caption", "error")
USUAL = read_columns(", ".join(_FACTS))
_TRIED = 20  # first samples whose texts say which columns there can be
_BY_ENDING = {".json": "map", ".jsonl": "jsonl", ".csv": "csv"}


@dataclass(frozen=True)
class Caption:
    """What was said of an image.

    Attributes:
        image: Its path under its folder; of an image that is no file its id.
        uid: Of its sample.
        caption: `None` where there is none.
        error: Why there is none.
        texts: Those of its sample, by role.
    """

    image: str
    uid: str
    caption: str | None
    error: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)

    def value(self, source: str) -> Any:
        """What a column takes: `image`, `uid`, `caption`, `error` or a text of the sample."""
        return getattr(self, source) if source in _FACTS else self.texts.get(source, "")


def infer(
    config: EvalConfig,
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Run:
    """Caption every image of a config's folder or split; goes on with a run of the same key.

    Raises as `workbench.evaluation.runner.evaluate` does.
    """
    from workbench.evaluation.resuming import AUTO
    from workbench.evaluation.runner import evaluate
    from workbench.models.default_prompt import caption_template

    if not config.template:
        template = caption_template(config.spec)
        config = replace(config, template=f"{template.name}@{template.version}")
    return evaluate(replace(config, captions=True), on_progress, cancelled, resume=AUTO)


def captions_of(run: Run) -> list[Caption]:
    """The captions of a run of `infer`, in the order of its data. Raises as `open_source` does."""
    from workbench.evaluation.check_samples import open_asked

    config = EvalConfig.from_json(run.config)
    source = open_asked(config)
    lines = last_per_uid(run.predictions())
    total = run.progress()[1] or None
    found = []
    for sample in islice(source.iter(), total):
        line = lines.get(sample.uid)
        if line is None:
            continue
        error = line.get("error")
        words = str((error or {}).get("message") or "no caption") if error else ""
        said = None if error else str(line.get("text") or "").strip()
        name = _name_of(sample, source)
        found.append(Caption(name, sample.uid, said, words, dict(sample.texts)))
    return found


def _name_of(sample: Sample, source: Source) -> str:
    """The path of the one image under its root, else the sample's own id."""
    native = Uid.parse(sample.uid).native
    paths = [ref.path for ref in sample.images]
    if len(paths) != 1 or paths[0] is None:
        return native
    base = getattr(source, "base", source)
    for root in getattr(base, "image_roots", ()):
        if Path(paths[0]).is_relative_to(root):
            return Path(paths[0]).relative_to(root).as_posix()
    return Path(paths[0]).name


def format_of(out: str, wanted: str = "") -> str:
    """The format that was asked for, else by the file's ending; without an ending a map.

    Raises:
        UsageError: Nothing was asked for, and the ending says no format.
    """
    ending = Path(out).suffix.lower()
    if not wanted and ending and ending not in _BY_ENDING:
        raise UsageError(
            f"--out {out}: {ending} says no format",
            hint=f"end it with {', '.join(_BY_ENDING)}, or say --format {'|'.join(FORMATS)}",
        )
    return wanted or _BY_ENDING.get(ending, "map")


def twins(captions: Sequence[Caption]) -> bool:
    """Whether two samples show the same image, so that a map needs their UIDs."""
    return len({caption.image for caption in captions}) < len(captions)


def check_columns(config: EvalConfig, columns: Sequence[OutputColumn], form: str) -> None:
    """Refuse columns that the file cannot have, before anything is asked.

    Args:
        config: What is captioned.
        columns: Of the file; none for the usual ones.
        form: One of `FORMATS`.

    Raises:
        UsageError: The file is a map, or no sample has such a text.
        DataError, UnknownName: The data cannot be opened.
    """
    from workbench.evaluation.check_samples import open_asked

    if columns and form == "map":
        raise UsageError(
            "--columns is for csv, jsonl and list, and the file is a map",
            hint="name the file .csv, or pass --format csv",
        )
    if columns:
        known = {
            role for sample in islice(open_asked(config).iter(), _TRIED) for role in sample.texts
        }
        refuse_unknown(columns, known | set(_FACTS))


def text_of(captions: Sequence[Caption], form: str, columns: Sequence[OutputColumn] = ()) -> str:
    """The captions as a file's text.

    Args:
        captions: In the order of the file.
        form: `map` (`{image: caption}`, those that failed left out; by UID where images recur),
            `list` and `jsonl` (objects, `error` only where there is one), or `csv`.
        columns: Of a CSV, and the keys of objects; `USUAL` where not given.
    """
    columns = columns or USUAL
    if form == "csv":
        rows = ([caption.value(column.source) for column in columns] for caption in captions)
        return csv_text([column.name for column in columns], rows)
    if form == "map":
        name = "uid" if twins(captions) else "image"
        said = {getattr(c, name): c.caption for c in captions if c.caption is not None}
        return json.dumps(said, ensure_ascii=False, indent=2) + "\n"
    objects = [
        {
            column.name: caption.value(column.source)
            for column in columns
            if column.source != "error" or caption.error
        }
        for caption in captions
    ]
    if form == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in objects)
    return json.dumps(objects, ensure_ascii=False, indent=2) + "\n"
