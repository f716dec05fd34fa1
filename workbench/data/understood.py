"""What an added dataset was understood as: a table per split, over all of its rows.

Guarantee: every row is read and every image looked for (not decoded), so that the counts are of
all samples. Not for the datasets of a hub, nor for those that are made: nothing is fetched here.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

from sessions.redact import redacted, without_secrets
from workbench.data.base import Source
from workbench.data.box_counts import BoxCounts
from workbench.data.image_folders import image_state
from workbench.data.progress import counted
from workbench.data.tables.columns import MOST_FREQUENT, is_template
from workbench.data.tables.folders import SPLIT_NAMES
from workbench.data.tables.image_paths import differs_in_case, without
from workbench.data.tables.likely_roles import LOOKED_AT, UNKNOWN, likely_options
from workbench.data.tables.mapping import TableMapping
from workbench.data.tables.table import TableSource
from workbench.sample import Sample

COMMONEST = 3  # labels that are named with their counts
_UNREADABLE = re.compile(r"row \d+: ")  # these are counted as they are indexed
NULL_WORDS = frozenset({"NA", "N/A", "None", "null", "Null", "NULL", "nan", "NaN", "<NA>"})
NAMED = 3  # files passed over, and missing images, that a warning names

Prompt = Callable[[Source], Mapping[str, Any] | None]
"""Renders a sample of a split: `workbench.prompts.preview.preview`."""


@dataclass(frozen=True)
class SplitTable:
    """The counts of one split.

    Attributes:
        rows: All of them, those that cannot be read too.
        bad: Rows that cannot be read.
        ids: Rows that have an id of their own, or one made from what they hold.
        texts: Role -> rows whose text is not blank.
        labels: Rows with a label.
        commonest: The commonest labels, each with its count.
        different: How many different labels there are.
        null_words: Labels that other programs write where there is none (`NA`), with their counts.
        null_filter: The filter that leaves their rows out; empty for none.
        references: Answers of all rows that an answer is compared with, where rows list them.
        images: Images that the rows name or hold, those at URLs too.
        found: Of them those that are there; at URLs nobody looks.
        missing: Of them those that are not there.
        at_urls: Of them those at URLs.
        without_image: Rows without any image.
        absent: The first missing images, by name; of a blank cell the sample's UID.
        why: What is wrong with the first sample that lacks an image.
        recased: Images that rows name in another case than that of their files.
        recased_as: The first of them, and its file.
        faulty: Rows that can be read, have their images, and have something else wrong with them.
        fault: What is wrong with the first of them.
        left: Columns that are neither text, label nor image, and stay in the metadata.
        split_words: What a column `split` holds, where all of it are names of splits, and not the
            split's own name alone.
        prompt: One rendered prompt, where one was asked for.
        boxes: Of boxes and points, where the rows have a column of them.
    """

    split: str
    rows: int = 0
    bad: int = 0
    ids: int = 0
    texts: Mapping[str, int] = field(default_factory=dict)
    labels: int = 0
    commonest: tuple[tuple[str, int], ...] = ()
    different: int = 0
    null_words: tuple[tuple[str, int], ...] = ()
    null_filter: str = ""
    references: int = 0
    images: int = 0
    found: int = 0
    missing: int = 0
    at_urls: int = 0
    without_image: int = 0
    absent: tuple[str, ...] = ()
    why: str = ""
    recased: int = 0
    recased_as: str = ""
    faulty: int = 0
    fault: str = ""
    left: tuple[str, ...] = ()
    split_words: tuple[str, ...] = ()
    prompt: Mapping[str, Any] | None = None
    boxes: BoxCounts | None = None


@dataclass(frozen=True)
class Understood:
    """The tables of all splits, and the files that are in none of them.

    Attributes:
        passed_over: Files that lay in the added folder and are read as nothing.
        wanted: Roles that are expected of the dataset: `label`, `image` and those of its texts.
        likely: Options that name the likeliest columns, if a label, or a text too, was not found.
    """

    splits: tuple[SplitTable, ...]
    passed_over: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()

    @property
    def all_missing(self) -> str:
        """What to say where every image is missing; else empty."""
        missing = sum(table.missing for table in self.splits)
        if not missing or missing < sum(table.images for table in self.splits):
            return ""
        first = next(table for table in self.splits if table.absent)
        name = first.absent[0]
        if name in first.why:
            return f"all {missing:,} images are missing: {first.why}"
        why = f" ({first.why})" if first.why else ""
        return f"all {missing:,} images are missing, the first is {name}{why}"

    @property
    def warnings(self) -> list[str]:
        """Every role that rows lack, image that is missing and file passed over, in words."""
        found = [line for table in self.splits for line in _warnings(table, self.wanted)]
        if self.passed_over:
            names = ", ".join(self.passed_over[:NAMED])
            more = ", …" if len(self.passed_over) > NAMED else ""
            files = "file" if len(self.passed_over) == 1 else "files"
            found.append(f"{len(self.passed_over):,} {files} passed over: {names}{more}")
        return found

    def to_json(self) -> dict[str, Any]:
        """The form that `--json` prints."""
        splits = {table.split: asdict(replace(table, boxes=None)) for table in self.splits}
        for table in self.splits:
            splits[table.split]["boxes"] = table.boxes.to_json() if table.boxes else None
        for body in splits.values():
            del body["split"]
        body = {"splits": splits, "passed_over": list(self.passed_over)}
        body |= {"likely": list(self.likely)}
        return redacted(body | {"warnings": self.warnings})


def understand(mapping: TableMapping, prompt: Prompt | None = None) -> Understood:
    """Read every row of every split and count what it has. Raises `DataError`.

    Args:
        mapping: Of a table or a folder of images; need not be saved.
        prompt: Renders one prompt per split.
    """
    tables = []
    for split in mapping.splits:
        source = TableSource(mapping, split)
        try:
            tables.append(_table(source, mapping, prompt))
        finally:
            source.close()
    wanted = [*mapping.texts, "image"]
    if mapping.label or mapping.task != "caption":
        wanted.append("label")
    if not mapping.texts and mapping.task in ("question", "statement", "entailment"):
        wanted.append("text")
    return Understood(tuple(tables), mapping.passed_over, tuple(wanted), _likely(mapping))


def _likely(mapping: TableMapping) -> tuple[str, ...]:
    answered = mapping.label or mapping.references or mapping.explanations or mapping.objects
    if answered or not mapping.splits or (mapping.texts and mapping.task == "caption"):
        return ()
    source = TableSource(mapping, next(iter(mapping.splits)))
    try:
        rows = [sample.metadata for sample in islice(source.iter(), LOOKED_AT)]
    finally:
        source.close()
    found = likely_options([{c: row[c] for c in row if c not in _OWN} for row in rows])
    if not mapping.texts:
        return found
    return found[2:] if found and found[-1] != UNKNOWN else ()  # its text is known


def _table(source: TableSource, mapping: TableMapping, prompt: Prompt | None) -> SplitTable:
    counts: Counter[str] = Counter()
    texts: Counter[str] = Counter(dict.fromkeys(mapping.texts, 0))
    labels: Counter[str] = Counter()
    absent: list[str] = []
    left: dict[str, None] = {}
    words: set[str] = set()
    why = fault = recased = ""
    boxes = BoxCounts() if mapping.objects else None
    for sample in _counted(source):
        if boxes is not None:
            boxes.add(sample)
        counts["rows"] += 1
        counts["ids"] += not sample.uid.rpartition("/")[2].startswith("bad-")
        texts.update(role for role, text in sample.texts.items() if text.strip())
        if sample.label is not None:
            labels[sample.label] += 1
        counts["references"] += len(sample.references)
        counts["without_image"] += not sample.images
        lacks = False
        for ref in sample.images:
            counts["images"] += 1
            state = image_state(ref)
            counts[state] += 1
            if (
                state == "found"
                and ref.path is not None
                and differs_in_case(without(mapping.image_prefix, ref.name), ref.path)
            ):
                counts["recased"] += 1
                recased = recased or without_secrets(f"{ref.name} is {ref.path.name}")
            lacks = lacks or state == "missing"
            if state == "missing" and len(absent) < NAMED:
                absent.append(without_secrets(str(ref.path or ref.name or sample.uid)))
                why = why or without_secrets(sample.error or "")
        if sample.error and not lacks and not _UNREADABLE.match(sample.error):
            counts["faulty"] += 1
            fault = fault or without_secrets(f"{sample.error} ({sample.uid})")
        left.update(dict.fromkeys(sample.metadata))
        words.add(str(sample.metadata.get("split", "")))
    null_words = [(word, n) for word, n in labels.most_common() if word in NULL_WORDS]
    null_words = [] if mapping.recipe else null_words
    return SplitTable(
        split=source.split,
        rows=counts["rows"],
        bad=source.bad,
        ids=counts["ids"],
        texts=dict(texts),
        labels=labels.total(),
        commonest=tuple((without_secrets(w), n) for w, n in _commonest(labels)),
        references=counts["references"],
        different=len(labels),
        null_words=tuple(null_words),
        null_filter=_filter(mapping.label, null_words),
        images=counts["images"],
        found=counts["found"],
        missing=counts["missing"],
        at_urls=counts["at_urls"],
        without_image=counts["without_image"],
        absent=tuple(absent),
        why=why,
        recased=counts["recased"],
        recased_as=recased,
        faulty=counts["faulty"],
        fault=fault,
        left=tuple(name for name in left if name not in _OWN),
        split_words=_split_words(words, source.split, mapping),
        prompt=prompt(source) if prompt is not None else None,
        boxes=boxes,
    )


def _commonest(labels: Counter[str]) -> list[tuple[str, int]]:
    """Those that are named: one more where `and 1 other label` would stand in its place."""
    return labels.most_common(COMMONEST + (len(labels) == COMMONEST + 1))


def _filter(column: str, words: Sequence[tuple[str, int]]) -> str:
    """The filter by which rows with a label are left out; empty where a column cannot say it."""
    if not words or not column or is_template(column) or column.endswith(MOST_FREQUENT):
        return ""
    column = column if column.isidentifier() else f"`{column}`"
    return " and ".join(f'{column}!="{word}"' for word, _ in words)


_OWN = ("options", "objects", "objects_left_out", "exchanges", "__key__")  # made by wb


def _split_words(words: set[str], split: str, mapping: TableMapping) -> tuple[str, ...]:
    """The words of a column `split` that say something else than the split's own name."""
    if words == {split} or not all(word.lower() in SPLIT_NAMES for word in words):
        return ()
    cut = mapping.where or any(x.where for x in mapping.files if x.split == split)
    if len(words) == 1 and cut:
        return ()  # it may be cut by the column, under another name
    return tuple(sorted(words))


def _counted(source: TableSource) -> Iterator[Sample]:
    return counted(source.iter(), f"counting {source.dataset}/{source.split}", source.length)


_SHOW = "name another role by --text ROLE=COLUMN, or ask with --template"


def _warnings(table: SplitTable, wanted: tuple[str, ...]) -> list[str]:
    at, found = f"{table.split}: ", []
    if table.bad:
        found.append(f"{table.bad:,} of {table.rows:,} rows cannot be read; kept with their error")
    if table.faulty:
        found.append(f"{table.faulty:,} of {table.rows:,} rows have a fault, as: {table.fault}")
    if table.boxes is not None:
        found += table.boxes.warnings(table.rows)
    for role in wanted:
        if role == "image":
            having = table.rows - table.without_image
        else:
            having = table.labels if role == "label" else table.texts.get(role, 0)
        if not having:
            found.append(f"0 of {table.rows:,} rows have {_article(role)}")
        elif (
            lack := table.rows - table.bad - having
        ) > 0:  # a row that cannot be read is told above
            verb = "has" if lack == 1 else "have"
            found.append(f"{lack:,} of {table.rows:,} rows {verb} no {role}")
    if table.null_words:
        words = ", ".join(f"{word!r} ({n:,})" for word, n in table.null_words)
        kept = "is kept as a label" if len(table.null_words) == 1 else "are kept as labels"
        out = f"; --where {shlex.quote(table.null_filter)} leaves such rows out"
        found.append(f"{words} {kept}{out if table.null_filter else ''}")
    for role in (table.prompt or {}).get("unseen", ()):
        found.append(f"the default prompt does not show the text {role!r}; {_SHOW}")
    if (table.prompt or {}).get("miscounts"):
        found.append(
            "the default prompt speaks of another number of images; ask with another --template"
        )
    if words := table.split_words:
        cut = " ".join(f"--split {word}='split=={word}'" for word in words)
        found.append(f"its column 'split' stays in the metadata; {cut} cuts by it")
    if table.recased:
        found.append(
            f"{table.recased:,} of {table.images:,} images are named in another case than their "
            f"files: {table.recased_as}"
        )
    if table.missing:
        names = ", ".join(table.absent)
        more = ", …" if table.missing > len(table.absent) else ""
        are = "is" if table.missing == 1 else "are"
        found.append(f"{table.missing:,} of {table.images:,} images {are} missing: {names}{more}")
    return [at + line for line in found]


def _article(role: str) -> str:
    return f"an {role}" if role[:1] in "aeiou" else f"a {role}"
