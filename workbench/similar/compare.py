"""One comparison from its wish to its result: what the commands, the bench and notebooks call.

Guarantee: what was seen of a picture, and a model's features of it, are kept in the home, so a
second comparison decodes and asks nothing; a home that cannot be written costs time alone.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sessions.errors import WbError
from sessions.kept_vectors import KeptVectors
from sessions.uid import Uid
from workbench.errors import UsageError
from workbench.similar.scan import LIMIT, Progress, Scan, open_splits, scan

if TYPE_CHECKING:
    from workbench.models.spec import ModelSpec
    from workbench.sample import Sample
    from workbench.similar.features import FeatureEngine

Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Listeners:
    """Who is told, and who may end it.

    Attributes:
        cancelled: Asked before each sample, and at least twice a second while the engine works.
        on_progress: Told samples read, samples to read, and of what.
        on_load: Told the stage and share of the loading of a model.
    """

    cancelled: Cancelled | None = None
    on_progress: Progress | None = None
    on_load: Callable[[str, float], None] | None = None


def split_names(typed: str | None) -> tuple[str, ...]:
    """`train[:500], test` as names."""
    return tuple(name.strip() for name in (typed or "").split(",") if name.strip())


def compare(
    dataset: str,
    splits: Sequence[str] = (),
    *,
    sample: Sample | None = None,
    pictures: bool = True,
    model: tuple[FeatureEngine, ModelSpec] | None = None,
    limit: int = LIMIT,
    tell: Listeners | None = None,
) -> Scan:
    """Read what is to be compared.

    Args:
        dataset: Its name.
        splits: As of `open_splits`.
        sample: One that is compared in any case.
        pictures: Look at pictures; without, texts alone can be compared.
        model: Who looks at them, and by which model; `None` compares pixels alone.
        limit: At most so many samples of each split.
        tell: Who is told.

    Raises:
        UsageError: `limit` is no positive number, or the dataset is a split.
        UnknownName, DataError: As `open_splits`.
        ModelError, EngineError: As `Engine.features`.
        Cancelled: It was cancelled.
    """
    from workbench.similar.features import FeatureBook
    from workbench.similar.pictures import PictureBook

    if limit < 1:
        raise UsageError(f"--limit wants a number from 1 on, got {limit}", kind="bad_knob")
    name, slash, split = dataset.partition("/")
    if slash:
        raise UsageError(
            f"{dataset} is a split, and splits of a dataset are compared with each other",
            hint=f"name the dataset, and the split beside it: {name} --splits {shlex.quote(split)}",
        )
    tell = tell or Listeners()
    own = Uid.parse(sample.uid).split if sample is not None else ""
    sources, left_out = open_splits(dataset, splits, own)
    with _kept() as kept:
        features = None
        if model is not None:
            engine, spec = model
            features = FeatureBook(
                engine, spec, kept, cancelled=tell.cancelled, on_progress=tell.on_load
            )
        found = scan(
            sources,
            limit=limit,
            also=sample,
            pictures=PictureBook(kept) if pictures or model else None,
            features=features,
            cancelled=tell.cancelled,
            on_progress=tell.on_progress,
        )
    return replace(found, left_out=tuple(left_out))


@contextlib.contextmanager
def _kept() -> Iterator[KeptVectors | None]:
    try:
        kept = KeptVectors.open()
    except WbError:
        yield None
        return
    with kept:
        yield kept
