"""Answers that were given elsewhere become a run: matched to samples, read and judged as ours are.

Guarantee: a row is taken for a sample only where it names it (by UID, by the dataset's own id, by
its pictures' names, these with its texts where several share them), or where, in a file that knows
places alone, its prompt holds a text of the sample at that place, or the gold answers of all rows
agree with those of the samples at theirs. Whatever else there is, is counted and told. Nothing says
how fast the other model was.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.runs import Run, find_run_by_key
from sessions.uid import Uid
from workbench.errors import DataError, UsageError
from workbench.evaluation.config import EvalConfig, full_key, run_key
from workbench.evaluation.given import GivenAnswer, GivenFile, read_given
from workbench.evaluation.lines import Prompter, answer_line, failed_line
from workbench.grounding.answered import VERSION as PLACES
from workbench.inference.decoding import Decoding
from workbench.models.remote_model import is_remote
from workbench.models.spec import ModelSpec
from workbench.prompts.pool import default_for, get_template
from workbench.sample import Answer, Sample

if TYPE_CHECKING:
    from workbench.data.source import Source

_TELLING = 8  # characters of a text that is in a prompt by no chance
_NAMED = 3  # rows of a kind that are named one by one
# Nobody here knows them.
_UNKNOWN = ("tokens", "prompt_tokens", "latency_s", "share_s", "finish_reason")


@dataclass(frozen=True)
class ImportCounts:
    """What became of the rows of a file.

    Attributes:
        rows: In all.
        matched: Taken for a sample.
        unmatched: Of no sample of the split.
        ambiguous: Of several samples, which nothing in the row tells apart.
        repeated: Of a sample that an earlier row was of.
        unreadable: Without an answer that could be read.
        differing: Taken, though their gold answer or a text is another one than the sample's.
        unanswered: Samples of the split that no row is of.
    """

    rows: int
    matched: int
    unmatched: int
    ambiguous: int
    repeated: int
    unreadable: int
    differing: int
    unanswered: int


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
    matches = _match(given, source)
    counts, notes = matches.counts(source.length), matches.notes(given)
    if not counts.matched:
        raise DataError(
            f"no row of {wish.path} is of a sample of {source.dataset}/{source.split}: "
            + "; ".join(notes),
            hint=f"samples are matched by UID, id or image name: {_example(source)}",
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
    from workbench.evaluation.runner import document

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


@dataclass
class _Matches:
    """Rows by what became of them."""

    pairs: list[tuple[Sample, GivenAnswer]]
    unmatched: list[GivenAnswer]
    ambiguous: list[GivenAnswer]
    repeated: list[GivenAnswer]
    unreadable: list[GivenAnswer]
    differing: list[GivenAnswer]

    def counts(self, samples: int) -> ImportCounts:
        return ImportCounts(
            rows=sum(map(len, (self.pairs, self.unmatched, self.ambiguous, self.repeated)))
            + len(self.unreadable),
            matched=len(self.pairs),
            unmatched=len(self.unmatched),
            ambiguous=len(self.ambiguous),
            repeated=len(self.repeated),
            unreadable=len(self.unreadable),
            differing=len(self.differing),
            unanswered=samples - len(self.pairs),
        )

    def notes(self, given: GivenFile) -> tuple[str, ...]:
        words = {
            "are of no sample": self.unmatched,
            "are of several samples and were left out": self.ambiguous,
            "are of a sample that an earlier row is of and were left out": self.repeated,
            "have no answer that could be read": self.unreadable,
            "have another gold answer or text than their sample": self.differing,
        }
        return tuple(
            f"{len(rows)} of {len(given.rows)} rows {said}: {_names(rows)}"
            for said, rows in words.items()
            if rows
        )


def _names(rows: Sequence[GivenAnswer]) -> str:
    named = [f"row {row.place} ({_said(row)})" for row in rows[:_NAMED]]
    return ", ".join(named) + (", …" if len(rows) > _NAMED else "")


def _said(row: GivenAnswer) -> str:
    if row.ident or row.images:
        return (row.ident or ";".join(row.images))[:80]
    return "no id" if row.position is None else f"doc_id {row.position}"


def _match(given: GivenFile, source: Source) -> _Matches:
    """Each row with its sample."""
    index = _SampleIndex(source.iter())
    index.look_at(given.rows)
    found = _Matches([], [], [], [], [], [])
    taken: set[str] = set()
    for row in given.rows:
        if row.answer is None and not row.error:
            found.unreadable.append(row)
            continue
        candidates = index.of(row)
        if not candidates:
            found.unmatched.append(row)
        elif len(candidates) > 1:
            found.ambiguous.append(row)
        elif candidates[0].uid in taken:
            found.repeated.append(row)
        else:
            (sample,) = candidates
            taken.add(sample.uid)
            found.pairs.append((sample, row))
            if _differs(sample, row):
                found.differing.append(row)
    return found


class _SampleIndex:
    """The samples of a split by all that a row may call them."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._by_uid: dict[str, Sample] = {}
        self._by_native: dict[str, list[Sample]] = defaultdict(list)
        self._by_path: dict[tuple[str, ...], list[Sample]] = defaultdict(list)
        self._by_name: dict[tuple[str, ...], list[Sample]] = defaultdict(list)
        self._in_order: list[Sample] = []
        self._targets = False
        for sample in samples:
            paths = tuple(str(ref.path or ref.name) for ref in sample.images)
            # All of a split are held: their pictures are not.
            self._add(replace(sample, images=()), paths)

    def _add(self, sample: Sample, paths: tuple[str, ...]) -> None:
        self._in_order.append(sample)
        native = Uid.parse(sample.uid).native
        self._by_uid[sample.uid] = sample
        self._by_native[native].append(sample)
        if native.isdecimal() and str(int(native)) != native:  # COCO's ids are whole numbers
            self._by_native[str(int(native))].append(sample)
        if paths and all(paths):
            self._by_path[paths].append(sample)
            self._by_name[_basenames(paths)].append(sample)

    def of(self, row: GivenAnswer) -> list[Sample]:
        """The samples that a row may be of."""
        if row.ident:
            known = self._by_uid.get(row.ident)
            found = [known] if known is not None else self._by_native.get(row.ident, [])
            if found:
                return _narrowed(found, row)
        if row.images:
            found = self._by_path.get(row.images) or self._by_name.get(_basenames(row.images), [])
            return _narrowed(found, row)
        sample = self._at(row)
        if sample is None:
            return []
        by = _agrees(sample, row)
        return [sample] if by == "prompt" or (by and self._targets) else []

    def look_at(self, rows: Iterable[GivenAnswer]) -> None:
        """See whether gold answers say that places are those of this split.

        With few labels one of another order agrees now and then by chance: where any row's does
        not, none is trusted.
        """
        self._targets = all(
            _agrees(sample, row) for row in rows if (sample := self._at(row)) is not None
        )

    def _at(self, row: GivenAnswer) -> Sample | None:
        """The sample at the place of a row that knows nothing else."""
        if row.ident or row.images or row.position is None:
            return None
        return self._in_order[row.position] if row.position < len(self._in_order) else None


def _basenames(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(PurePosixPath(path.replace("\\", "/")).name for path in paths)


def _narrowed(samples: Sequence[Sample], row: GivenAnswer) -> list[Sample]:
    """Of several samples those whose texts are the row's, where it has any."""
    if len(samples) < 2:
        return list(samples)
    return [
        sample
        for sample in samples
        if all(row.texts[role] == text for role, text in sample.texts.items() if role in row.texts)
    ]


def _agrees(sample: Sample, row: GivenAnswer) -> str:
    """By what a row that knows a place alone is of the sample there: `prompt`, `target`, or ``."""
    texts = (text.strip() for text in sample.texts.values())
    if any(len(text) >= _TELLING and text in row.prompt for text in texts):
        return "prompt"
    golds = {gold.strip().lower() for gold in (sample.label or "", *sample.references) if gold}
    return "target" if row.target is not None and row.target.strip().lower() in golds else ""


def _differs(sample: Sample, row: GivenAnswer) -> bool:
    golds = {gold for gold in (sample.label, *sample.references) if gold is not None}
    if row.target is not None and golds and row.target not in golds:
        return True
    return any(row.texts[role] != text for role, text in sample.texts.items() if role in row.texts)


def _example(source: Source) -> str:
    sample = next(source.iter(), None)
    if sample is None:
        return "the split has none"
    names = [str(ref.path or ref.name) for ref in sample.images]
    images = ";".join(_basenames(names))
    return f"such as {sample.uid}" + (f" or {images}" if images else "")
