"""Which few-shot examples the `--shot…` options mean: drawn, named, bookmarked, or known to work.

Guarantee: the one reading of those options behind `wb prompt`, `wb run-eval`, `wb prompts try` and
the bench, so that they show a model the same examples; the query is never among them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sessions.errors import WbError
from workbench.errors import UnknownName, UsageError
from workbench.prompts.fewshot import named_shots, pick_shots, right_uids
from workbench.sample import Sample

# More named examples than this are an accident: they fill any model's context.
MOST_NAMED = 64


@dataclass(frozen=True)
class ShotWish:
    """Which examples are wanted, in the words of the flags.

    Attributes:
        count: `--shots`: examples of each label, or in all where the answers are open.
        seed: `--seed` of the draw.
        source: `--shots-from`: `dataset/split`; empty for the dataset's train split.
        uids: `--shot`: these and no others, in this order, of any dataset.
        tag: `--shots-tag`: bookmarks with this tag, all of them, or `count` per label drawn.
        right_in: `--shots-right-in`: those alone that this run got right.
    """

    count: int = 0
    seed: int = 0
    source: str = ""
    uids: tuple[str, ...] = ()
    tag: str = ""
    right_in: str = ""

    def problems(self) -> list[str]:
        """What cannot be meant, in the words of the flags."""
        checks = (
            (self.count < 0, f"--shots wants a whole number of at least 0, got {self.count}"),
            (
                bool(self.count and self.uids),
                f"--shots {self.count} draws examples and --shot names them: choose one",
            ),
            (
                bool(self.tag and self.uids),
                f"--shots-tag {self.tag} and --shot both name the examples: choose one",
            ),
            (
                bool(self.tag and self.right_in),
                "--shots-tag and --shots-right-in both say where to draw from: choose one",
            ),
            (
                bool(self.tag and self.source),
                "--shots-tag takes bookmarks wherever they are: leave --shots-from out",
            ),
            (
                bool(self.right_in and not self.count),
                "--shots-right-in says where to draw from: give --shots as well",
            ),
            (
                bool(self.source and not self.count),
                "--shots-from says where to draw from: give --shots as well",
            ),
        )
        return [text for bad, text in checks if bad]

    @property
    def flag(self) -> str:
        """The flag that asks for examples, to name it in messages."""
        return "--shot" if self.uids else "--shots-tag" if self.tag else "--shots"

    def __bool__(self) -> bool:
        return bool(self.count or self.uids or self.tag)


@dataclass(frozen=True)
class Chosen:
    """The examples, and those that step in where one of them is the query.

    Attributes:
        shots: In the order in which they are shown.
        spare: One more per label where the split of the examples is the one that is asked about.
    """

    shots: tuple[Sample, ...] = ()
    spare: tuple[Sample, ...] = ()


def choose_shots(wish: ShotWish, source: Any, query: str = "") -> Chosen:
    """The examples that a wish means for the samples of a source.

    Args:
        wish: Which are wanted.
        source: Where the questions come from.
        query: The one sample that is asked about, where there is just one: never an example.
            Where there are many, `for_query` leaves each out of its own prompt.

    Raises:
        UsageError: The wish cannot be meant.
        UnknownName: There is no such split, run, tag or UID.
        DataError: A label has too few examples, or a named one cannot be one.
    """
    if problems := wish.problems():
        raise UsageError("; ".join(problems), kind="bad_knob")
    if not wish:
        return Chosen()
    if wish.uids:
        return Chosen(tuple(_named(wish.uids, query)))
    if wish.tag:
        return Chosen(tuple(_tagged(wish, source, query)))
    where = _pool(wish, source)
    uids = _right(wish, where) if wish.right_in else None
    shots = pick_shots(where, wish.count, wish.seed, query, uids=uids)
    spare: list[Sample] = []
    if not query and _split_of(where) == _split_of(source):
        with contextlib.suppress(WbError):
            spare = pick_shots(where, 1, wish.seed + 1, [s.uid for s in shots], uids=uids)
    return Chosen(tuple(shots), tuple(spare))


def _pool(wish: ShotWish, source: Any) -> Any:
    """The source to draw from: as wished, else the train split of the dataset."""
    from workbench.data.source import open_source

    if wish.source:
        return open_source(wish.source)
    try:
        return open_source(source.dataset, "train")
    except UnknownName as error:
        raise UnknownName(
            f"{source.dataset} has no train split to draw examples from",
            hint=f"say where: --shots-from {source.dataset}/{source.split} (the query is left out)",
        ) from error


def _right(wish: ShotWish, where: Any) -> list[str]:
    """The UIDs of the pool that the run got right."""
    from sessions.runs import Run

    run = Run.open(wish.right_in)
    prefix = "/".join(_split_of(where)) + "/"
    uids = right_uids(run)
    fitting = [uid for uid in uids if uid.startswith(prefix)]
    if not fitting:
        of = f"{run.config.get('dataset')}/{run.config.get('split')}"
        what = f"is of {of}, not of {prefix[:-1]}" if uids else "got none right"
        raise UsageError(
            f"--shots-right-in {wish.right_in}: run {run.id} {what}",
            hint=f"evaluate on {prefix[:-1]} first, or name its split: --shots-from {of}",
            kind="no_shots",
        )
    return fitting


def _named(uids: Sequence[str], query: str) -> list[Sample]:
    from workbench.data.source import get_sample

    shots = named_shots(_Getter(get_sample), uids)
    if query and any(shot.uid == query for shot in shots):
        raise UsageError(
            f"--shot {query} is the sample that is asked about, so it cannot be its example",
            kind="bad_knob",
        )
    return shots


def _tagged(wish: ShotWish, source: Any, query: str) -> list[Sample]:
    """All bookmarks with the tag in the order in which they were set aside, or a draw of them."""
    from sessions.uid_cache import UidCache
    from workbench.data.source import get_sample

    with UidCache.open() as cache:
        uids = [m.uid for m in cache.list(wish.tag, source.dataset) if m.uid != query]
    if not uids:
        raise UnknownName(
            f"no other sample of {source.dataset} is bookmarked with the tag {wish.tag!r}",
            hint=f"see: wb bookmark list --tag {wish.tag}",
            kind="no_shots",
        )
    getter = _Getter(get_sample, tuple(source.labels), source.task, f"the tag {wish.tag!r}")
    if wish.count:
        return pick_shots(getter, wish.count, wish.seed, query, uids=uids)
    if len(uids) > MOST_NAMED:
        raise UsageError(
            f"{len(uids)} samples are bookmarked with {wish.tag!r}: too many to show all",
            hint="draw so many of each label: --shots 2",
            kind="bad_knob",
        )
    return [shot for shot in named_shots(getter, uids) if shot.uid != query]


@dataclass(frozen=True)
class _Getter:
    """Reads UIDs of any dataset, with the labels of the one that is asked about."""

    get: Any
    labels: tuple[str, ...] = ()
    task: str = "other"
    name: str = ""

    def __str__(self) -> str:
        return self.name


def _split_of(source: Any) -> tuple[str, str]:
    return source.dataset, source.split.partition("[")[0]
