"""The generated demo datasets as sources: nothing on disk, any sample at once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from sessions.uid import Uid
from workbench.data.base import DatasetInfo, check_ordinal
from workbench.demo.scenes import DATASETS, LABELS, SPLITS, TASKS, VERSION, make_sample
from workbench.errors import UnknownName
from workbench.sample import Sample, Task

_ABOUT = {
    "demo": (
        "Statements about a pair of generated pictures, true or false, each with its reason.",
        {"sentence": "text", "label": "True or False", "explanations": "one line"},
    ),
    "demo_nli": (
        "Does a pair of generated pictures entail a hypothesis, contradict it, or leave it open?",
        {"hypothesis": "text", "label": "entailment, neutral or contradiction"},
    ),
    "demo_vqa": (
        "Questions about a generated picture with a short answer.",
        {"question": "text", "label": "a word or a number"},
    ),
    "demo_captions": (
        "Captions of a generated picture.",
        {"caption": "text", "references": "several captions"},
    ),
    "demo_boxes": (
        "Phrases whose boxes in a generated picture are wanted; the demo model cannot answer them.",
        {"expression": "text", "label": "its boxes, in pixels"},
    ),
}

# What a model is known not to answer, by dataset and model: see `source.cannot_answer`.
_CANNOT: dict[str, dict[str, str]] = {
    "demo_boxes": {"demo": "the demo model was not trained to answer with boxes"}
}


class DemoDataset:
    """The provider of one demo dataset."""

    def __init__(self, name: str) -> None:
        self.name = name

    def info(self) -> DatasetInfo:
        """What there is to know of it."""
        description, schema = _ABOUT.get(self.name, ("Generated pictures.", {}))
        return DatasetInfo(
            name=self.name,
            task=TASKS[self.name],
            splits=dict(SPLITS),
            labels=LABELS[self.name],
            where="generated from the sample's number; nothing is read",
            schema={"images": "PNG, shapes on a plain ground"}
            | schema
            | {"metadata.objects": "name and box of every object, in pixels"},
            licence="Apache-2.0, as the program",
            description=description,
            cached=True,
            kind="demo",
        )

    def open(self, split: str) -> DemoSource:
        """One of its splits."""
        return DemoSource(self.name, split)


class DemoSource:
    """A split of a demo dataset; its UIDs are the numbers of the samples, six digits wide.

    A shorter number (`demo/test/7`) is understood too, as the sample's own UID is printed.
    """

    pinned = True

    def __init__(self, dataset: str, split: str) -> None:
        self.dataset, self.split = dataset, split
        self.task: Task = TASKS[dataset]
        self.labels, self.length = LABELS[dataset], SPLITS[split]
        self.revision = f"demo-{VERSION}"
        self.cannot = _CANNOT.get(dataset, {})

    def iter(self, start: int = 0) -> Iterator[Sample]:
        """See `Source.iter`."""
        numbers = count(max(start, 0)) if self.length is None else range(max(start, 0), self.length)
        for number in numbers:
            yield make_sample(self.dataset, self.split, number)

    def get(self, uid: str) -> Sample:
        """See `Source.get`."""
        return make_sample(self.dataset, self.split, self.ordinal(uid))

    def at(self, ordinal: int) -> Sample:
        """See `Source.at`."""
        check_ordinal(self, ordinal)
        return make_sample(self.dataset, self.split, ordinal)

    def ordinal(self, uid: str) -> int:
        """See `Source.ordinal`."""
        parsed = Uid.parse(uid)
        digits = parsed.native.isascii() and parsed.native.isdigit() and len(parsed.native) <= 12
        if (parsed.dataset, parsed.split) != (self.dataset, self.split) or not digits:
            raise UnknownName(
                f"{uid} is not in {self.dataset}/{self.split}",
                hint=f"its samples are numbers, such as {self.uid_at(0)}",
            )
        number = int(parsed.native)
        check_ordinal(self, number)
        return number

    def uid_at(self, ordinal: int) -> str:
        """See `Source.uid_at`."""
        check_ordinal(self, ordinal)
        return f"{self.dataset}/{self.split}/{ordinal:06d}"


def demo_datasets() -> dict[str, DemoDataset]:
    """The providers by name."""
    return {name: DemoDataset(name) for name in DATASETS}
