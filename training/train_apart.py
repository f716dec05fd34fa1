"""What a training keeps apart: `train` from `eval` and `report`, `eval` from `report`.

Guarantee: looked at before the first step; with `overlap: leave_out` nothing that is shared is
trained on, nor chosen by. Not for finding what is shared: see `training.overlap`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from training.overlap import Overlap, OverlapPart, compare, part_of
from training.train_config import TrainConfig
from training.train_data import TrainSet, open_training
from workbench.errors import DataError

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.sample import Sample

# Of an endless stream so many samples are compared.
_STREAMED = 10_000


@dataclass
class Apart:
    """What was found.

    Attributes:
        overlaps: Of each two parts; those that share nothing are left out.
        out_of_eval: UIDs that `eval` must not have.
        report: What will be reported on, where the config names it.
        warnings: A line each, for whoever started the training.
    """

    overlaps: list[Overlap] = field(default_factory=list)
    out_of_eval: frozenset[str] = frozenset()
    report: Source | None = None
    warnings: list[str] = field(default_factory=list)


def open_apart(config: TrainConfig) -> tuple[TrainSet, Apart]:
    """The samples of a training, and what it keeps apart. Raises as both do."""
    seen = OverlapPart(", ".join(config.train)) if config.eval or config.report else None
    data = open_training(config, seen.add if seen else None)
    return data, keep_apart(config, data, seen) if seen else Apart()


def keep_apart(config: TrainConfig, data: TrainSet, train: OverlapPart) -> Apart:
    """Compare the parts of a training, and do what `overlap` says.

    Args:
        config: Its `train`, `eval`, `report` and `overlap`.
        data: What is trained on; with `leave_out` samples are taken out of it.
        train: Its samples, looked at.

    Raises:
        UnknownName: `report` names no dataset.
        DataError: Something is shared and `overlap` is `refuse`, or nothing would be left.
    """
    from workbench.data.source import open_source

    apart = Apart()
    apart.report = open_source(config.report) if config.report else None
    chosen = part_of(config.eval, _samples(open_source(config.eval))) if config.eval else None
    held = part_of(config.report, _samples(apart.report)) if apart.report else None
    of_train = [compare(train, other) for other in (chosen, held) if other]
    of_eval = [compare(chosen, held)] if chosen and held else []
    apart.overlaps = [o for o in (*of_train, *of_eval) if o.words()]
    apart.warnings = _told(config.overlap, apart.overlaps)
    if config.overlap == "refuse" and any(o.leaks for o in apart.overlaps):
        raise DataError(
            "; ".join(apart.warnings),
            kind="overlap",
            hint="name parts that share nothing, or set overlap to leave_out (or to warn)",
        )
    if config.overlap == "leave_out":
        data.leave_out({u for o in of_train for u in o.leaks}, "held out: in eval or report too")
        apart.out_of_eval = frozenset(u for o in of_eval for u in o.leaks)
        if not data.items:
            raise DataError(
                f"nothing is left of {train.name}: all of it is in eval or report too",
                hint="name parts that share less",
            )
    return apart


def _told(overlap: str, found: list[Overlap]) -> list[str]:
    done = {"leave_out": "; left out", "warn": "; see overlap in docs/training.md"}.get(overlap, "")
    return [f"{o.words()}{done if o.leaks else ''}" for o in found]


def _samples(source: Source) -> Iterator[Sample]:
    return source.iter() if source.length is not None else islice(source.iter(), _STREAMED)
