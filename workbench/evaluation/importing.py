"""Answers that were given elsewhere become a run: matched to samples, read and judged as ours are.

`workbench.evaluation.row_matching` says which row is of which sample. Nothing says how fast the
other model was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.runs import Run, find_run_by_key
from workbench.errors import DataError, UsageError
from workbench.evaluation.config import EvalConfig, full_key, run_key
from workbench.evaluation.given import GivenAnswer, GivenFile, read_given
from workbench.evaluation.lines import Prompter, answer_line, failed_line
from workbench.evaluation.row_matching import ImportCounts, example_of, match
from workbench.grounding.answered import VERSION as PLACES
from workbench.inference.decoding import Decoding
from workbench.models.remote_model import is_remote
from workbench.models.spec import ModelSpec
from workbench.prompts.pool import default_for, get_template
from workbench.sample import Answer, Sample

if TYPE_CHECKING:
    from workbench.data.source import Source

# Nobody here knows them.
_UNKNOWN = ("tokens", "prompt_tokens", "latency_s", "share_s", "finish_reason")


@dataclass(frozen=True)
class Imported:
    """An import.

    Attributes:
        run: Its run.
        counts: What became of the rows.
        notes: The same in words, with the first rows of each kind.
        known: The run was there already.
    """

    run: Run
    counts: ImportCounts
    notes: tuple[str, ...]
    known: bool = False


@dataclass(frozen=True)
class ImportWish:
    """What is imported, and as what.

    Attributes:
        path: The file.
        dataset: Its name, or `dataset/split`.
        split: Its split, where the dataset does not name it.
        model: What to call who answered; the file's name where empty.
        template: How answers are read; the task's default where empty.
        form: One of `workbench.evaluation.given.FORMATS`; told by the content where empty.
        id_column, answer_column: As `read_given` takes them.
    """

    path: Path
    dataset: str
    split: str = ""
    model: str = ""
    template: str = ""
    form: str = ""
    id_column: str = ""
    answer_column: str = ""


def import_run(wish: ImportWish) -> Imported:
    """Make a run of a file of answers; the run of the same file and settings is found again.

    Raises:
        UsageError: No such dataset, split, template or column; a name that means a server.
        DataError: The file cannot be read, or no row of it is of a sample.
    """
    from workbench.data.source import open_source

    if is_remote(wish.model):
        raise UsageError(f"--model {wish.model}: that is a server", hint="give another name")
    source = open_source(wish.dataset, wish.split or None)
    if source.length is None:
        raise UsageError(f"{source.dataset}/{source.split} is endless")
    template = get_template(wish.template) if wish.template else default_for(source)
    prompter = Prompter(template, source.task, tuple(source.labels))
    given = read_given(
        wish.path,
        wish.form,
        id_column=wish.id_column,
        answer_column=wish.answer_column,
        labelled=source.task not in ("caption", "grounding"),
    )
    matches = match(given, source)
    counts, notes = matches.counts(source.length), matches.notes(given)
    if not counts.matched:
        raise DataError(
            f"no row of {wish.path} is of a sample of {source.dataset}/{source.split}: "
            + "; ".join(notes),
            hint=f"samples are matched by UID, id or image name: {example_of(source)}",
        )
    digest = hashlib.sha256(wish.path.read_bytes()).hexdigest()
    head = _head(wish, given, digest, source, prompter, counts)
    key = str(head["settings_key"])
    found = find_run_by_key(key, kind="eval")
    if found is not None and found.state == "done":
        return Imported(found, counts, (*notes, *_unread(found, given)), known=True)
    rows = {sample.uid: row for sample, row in matches.pairs}
    run = _write(head, key, rows, prompter, source)
    return Imported(run, counts, (*notes, *_unread(run, given)))


def _unread(run: Run, given: GivenFile) -> tuple[str, ...]:
    """That most answers have no label: another column may hold them."""
    counts = run.counts()
    if 2 * counts["unparsed"] <= counts["done"]:
        return ()
    told = f"{counts['unparsed']} of {counts['done']} answers in {given.columns['answer']!r}"
    other = f"; {given.others[0]!r} could hold them" if given.others else ""
    column = f" {given.others[0]}" if given.others else ""
    return (f"{told} could not be read{other} (--answer-column{column})",)


def _write(
    head: Mapping[str, Any],
    key: str,
    rows: Mapping[str, GivenAnswer],
    prompter: Prompter,
    source: Source,
) -> Run:
    from workbench.evaluation.document import document

    total = source.length
    run = Run.create(head, key, "eval", total=total)
    with run:
        try:
            run.append_many(
                _line_of(prompter, sample, rows[sample.uid])
                for sample in source.iter()
                if sample.uid in rows
            )
            prompter.images.save()
            run.write_metrics(document(run, total=total, state="done"))
            run.set_state("done", total=total)
        except BaseException as error:
            run.set_state("failed", reason=str(error)[:500])
            raise
    return run


def _line_of(prompter: Prompter, sample: Sample, row: GivenAnswer) -> dict[str, Any]:
    if row.error:
        return failed_line(prompter, sample, WbError(row.error, kind="given"))
    line = answer_line(prompter, sample, Answer(row.answer or ""), share_s=0.0)
    return {name: value for name, value in line.items() if name not in _UNKNOWN}


def _head(
    wish: ImportWish,
    given: GivenFile,
    digest: str,
    source: Source,
    prompter: Prompter,
    counts: ImportCounts,
) -> dict[str, Any]:
    """The run's config."""
    template = prompter.template
    model = wish.model or wish.path.stem
    config = EvalConfig(
        wish.dataset, wish.split, ModelSpec(model), Decoding(top_logprobs=0), template.name
    )
    identity = f"given {digest} {given.form} {given.columns['sample']} {given.columns['answer']}"
    key = run_key(
        identity=f"{identity} {model}",
        template=template.to_json(),
        shots=(),
        decoding=config.decoding,
        dataset=source.dataset,
        split=source.split,
        revision=source.revision,
        limit=0,
        places=PLACES if source.task == "grounding" else 0,
    )
    return config.to_json() | {
        "dataset": source.dataset,
        "split": source.split,
        "dataset_revision": source.revision,
        "task": source.task,
        "labels": list(prompter.labels),
        "template": template.name,
        "template_version": template.version,
        "template_digest": template.digest,
        "identity": identity,
        "settings_key": full_key(key, ""),
        # How the other model was asked is not known.
        "decoding": {},
        "imported": {
            "file": wish.path.name,
            "path": str(wish.path.absolute()),
            "sha256": digest,
            "format": given.form,
            "columns": dict(given.columns),
            "counts": asdict(counts),
        },
    }
