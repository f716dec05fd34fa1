"""Captions of many images: asked as an evaluation is, written as the file that scripts expect.

Guarantee: a run like any other (resumed by its key, a line per image, failures recorded), so that
a kill costs a batch; captions come in the order of the data. `workbench.evaluation.runner`
judges them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from sessions.csv_table import csv_text
from sessions.run_reader import last_per_uid
from sessions.runs import Run
from sessions.uid import Uid
from workbench.evaluation.config import EvalConfig
from workbench.progress import OnProgress

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.sample import Sample

FORMATS = ("map", "list", "jsonl", "csv")
_BY_ENDING = {".json": "map", ".jsonl": "jsonl", ".csv": "csv"}


@dataclass(frozen=True)
class Caption:
    """What was said of an image.

    Attributes:
        image: Its path under its folder; of an image that is no file its id.
        uid: Of its sample.
        caption: `None` where there is none.
        error: Why there is none.
    """

    image: str
    uid: str
    caption: str | None
    error: str = ""


def infer(
    config: EvalConfig,
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Run:
    """Caption every image of a config's folder or split; goes on with a run of the same key.

    Raises as `workbench.evaluation.runner.evaluate` does.
    """
    from workbench.evaluation.runner import AUTO, evaluate
    from workbench.models.default_prompt import caption_template

    if not config.template:
        template = caption_template(config.spec)
        config = replace(config, template=f"{template.name}@{template.version}")
    return evaluate(replace(config, captions=True), on_progress, cancelled, resume=AUTO)


def captions_of(run: Run) -> list[Caption]:
    """The captions of a run of `infer`, in the order of its data. Raises as `open_source` does."""
    from workbench.evaluation.prepare import open_asked

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
        found.append(Caption(_name_of(sample, source), sample.uid, said, words))
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
    """The format that was asked for, else by the file's ending."""
    return wanted or _BY_ENDING.get(Path(out).suffix.lower(), "map")


def twins(captions: Sequence[Caption]) -> bool:
    """Whether two samples show the same image, so that a map needs their UIDs."""
    return len({caption.image for caption in captions}) < len(captions)


def text_of(captions: Sequence[Caption], form: str) -> str:
    """The captions as a file's text.

    Args:
        captions: In the order of the file.
        form: `map` (`{image: caption}`, those that failed left out; by UID where images recur),
            `list` and `jsonl` (objects with `image`, `uid`, `caption`, and `error` where there is
            one), or `csv` (the same columns).
    """
    if form == "csv":
        columns = ("image", "uid", "caption", "error")
        return csv_text(columns, ([getattr(c, name) for name in columns] for c in captions))
    if form == "map":
        name = "uid" if twins(captions) else "image"
        said = {getattr(c, name): c.caption for c in captions if c.caption is not None}
        return json.dumps(said, ensure_ascii=False, indent=2) + "\n"
    rows = [{k: v for k, v in asdict(c).items() if k != "error" or v} for c in captions]
    if form == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"
