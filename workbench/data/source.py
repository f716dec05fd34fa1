"""How a split is named, `dataset/split[part]`, and opened as a `Source`.

Guarantee: a sample's UID and its ordinal do not depend on how it is reached (iteration, UID,
ordinal, a part of a split); a sample that cannot be read comes with `.error` set and ends
nothing. Not for making datasets known: see `workbench.data.registry`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sessions.uid import Uid
from workbench.data.base import DatasetProvider, Source, check_ordinal
from workbench.data.registry import find_dataset
from workbench.errors import DataError, UnknownName, UsageError
from workbench.sample import Sample, Task


@dataclass(frozen=True)
class SplitPart:
    """A stretch of a split, as written between brackets: `[:800]`, `[800:]`, `[-100:]`, `[:80%]`.

    Attributes:
        text: As the user wrote it, without the brackets.
        start: Of samples, or of percent; negative counts from the end, `None` from the first.
        stop: The first one left out; `None` for the end.
        percent: Whether the bounds are percent of the split.
    """

    text: str
    start: int | None
    stop: int | None
    percent: bool

    def bounds(self, length: int | None) -> tuple[int, int | None]:
        """The first ordinal and the one after the last; the latter `None` where endless.

        Raises:
            UsageError: A bound from the end, or in percent, of an endless stream.
        """
        if length is None:
            if self.percent or (self.start or 0) < 0 or (self.stop or 0) < 0:
                raise UsageError(
                    f"[{self.text}] of an endless stream",
                    hint="give a part counted from the start, such as [:1000]",
                )
            return self.start or 0, self.stop
        start, stop = self.start, self.stop
        if self.percent:
            start = None if start is None else length * start // 100
            stop = None if stop is None else length * stop // 100
        low, high, _ = slice(start, stop).indices(length)
        return low, max(low, high)


_SPEC = re.compile(r"^(?P<split>[^\[\]]+)(?:\[(?P<part>[^\[\]]*)\])?$")
_PART = re.compile(r"^\s*(-?\d+)?(%)?\s*:\s*(-?\d+)?(%)?\s*$")


def parse_part(text: str) -> SplitPart:
    """Read what stands between the brackets. Raises `UsageError` where it is no stretch."""
    match = _PART.match(text)
    if not match:
        raise UsageError(
            f"[{text}] is not a part of a split", hint="for example [:800], [800:] or [:80%]"
        )
    start, start_percent, stop, stop_percent = match.groups()
    marks = {bool(mark) for value, mark in ((start, start_percent), (stop, stop_percent)) if value}
    if len(marks) > 1:
        raise UsageError(f"[{text}] mixes a count with percent", hint="write both in one way")
    return SplitPart(
        text=text.strip(),
        start=int(start) if start else None,
        stop=int(stop) if stop else None,
        percent=marks == {True},
    )


def parse_spec(dataset: str, split: str | None = None) -> tuple[str, str | None, SplitPart | None]:
    """Read `dataset/split[part]`, or a dataset and a split given apart.

    Returns:
        The dataset's name, the split's (`None` where none was named), and the part.

    Raises:
        UsageError: It is neither.
    """
    if split is None:
        dataset, _, rest = dataset.partition("/")
        split = rest or None
    if not dataset:
        raise UsageError("a dataset without a name", hint="for example demo/test")
    if split is None:
        return dataset, None, None
    match = _SPEC.match(split)
    if not match or "/" in match["split"]:
        hint = "a dataset is named dataset/split, or dataset/split[:800] for a part of it"
        raise UsageError(f"{dataset}/{split} does not name a split", hint=hint)
    part = None if match["part"] is None else parse_part(match["part"])
    return dataset, match["split"], part


def open_source(dataset: str, split: str | None = None) -> Source:
    """Open `"demo/test"`, `"nlvr1/dev[:800]"`, or `("demo", "test")`.

    A dataset of one split needs no split named.

    Raises:
        UnknownName: No such dataset or split.
        UsageError: The name cannot be read, or leaves open which split is meant.
        DataError: The data behind it cannot be read.
    """
    provider, wanted, part = chosen_split(dataset, split)
    source = provider.open(wanted)
    return source if part is None else PartSource(source, part)


def chosen_split(
    dataset: str, split: str | None = None
) -> tuple[DatasetProvider, str, SplitPart | None]:
    """Which dataset, split and part are meant; nothing is opened. Raises as `open_source`."""
    name, wanted, part = parse_spec(dataset, split)
    provider = find_dataset(name)
    info = provider.info()
    if info.error:
        raise DataError(info.error, hint=f"mend it, or `wb data rm {name}` and add it again")
    splits = tuple(info.splits)
    if wanted is None:
        if len(splits) != 1:
            raise UsageError(
                f"{name} has {len(splits)} splits: {', '.join(splits)}",
                hint=f"name one, such as {name}/{splits[0]}" if splits else "",
            )
        wanted = splits[0]
    elif wanted not in splits:
        raise UnknownName(
            f"{name} has no split {wanted!r}", hint=f"it has {', '.join(splits) or 'none'}"
        )
    return provider, wanted, part


def get_sample(uid: str | Uid) -> Sample:
    """The sample of a UID, wherever it lies. Raises as `open_source` and `Source.get`."""
    parsed = Uid.parse(uid)
    return open_source(parsed.dataset, parsed.split).get(str(parsed))


def cannot_answer(source: object, model: str, adapter: str | None = None) -> str:
    """Why a model cannot answer what a source asks, where its dataset says so; else empty.

    An adapter may have taught it: of a model with one nothing is said.
    """
    return "" if adapter else getattr(source, "cannot", {}).get(model, "")


class PartSource:
    """A stretch of another source, under the same UIDs."""

    def __init__(self, base: Source, part: SplitPart) -> None:
        self.base = base
        self.task: Task = base.task
        self.dataset, self.labels = base.dataset, base.labels
        self.revision = base.revision
        self.pinned = getattr(base, "pinned", False)
        self.cannot = getattr(base, "cannot", {})
        self.split = f"{base.split}[{part.text}]"
        self._low, self._high = part.bounds(base.length)
        self.length = None if self._high is None else self._high - self._low

    def iter(self, start: int = 0) -> Iterator[Sample]:
        """See `Source.iter`."""
        left = None if self.length is None else max(self.length - start, 0)
        if left == 0:
            return
        for count, sample in enumerate(self.base.iter(self._low + start), start=1):
            yield sample
            if count == left:
                return

    def get(self, uid: str) -> Sample:
        """See `Source.get`; a UID outside of the part is unknown here."""
        self.ordinal(uid)
        return self.base.get(uid)

    def at(self, ordinal: int) -> Sample:
        """See `Source.at`."""
        return self.base.at(self._inside(ordinal))

    def ordinal(self, uid: str) -> int:
        """See `Source.ordinal`; counted from the start of the part."""
        place = self.base.ordinal(uid) - self._low
        if place < 0 or (self.length is not None and place >= self.length):
            raise UnknownName(
                f"{uid} is not in {self.dataset}/{self.split}",
                hint=f"it is in {self.dataset}/{self.base.split}, outside of this part",
            )
        return place

    def uid_at(self, ordinal: int) -> str:
        """See `Source.uid_at`."""
        return self.base.uid_at(self._inside(ordinal))

    def _inside(self, ordinal: int) -> int:
        check_ordinal(self, ordinal)
        return self._low + ordinal
