"""The samples of a training: which ones, in which order, in which wording.

Guarantee: order and wording are functions of seed, epoch and place alone, so that a resumed
training sees what an uninterrupted one sees. Samples that cannot be used (broken, without a label,
without the text that the template wants) are left out and counted by reason; one that cannot be
had now ends it. Not for pixels or tokens: see `training.collate`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from training.reading import read_sample, refuse_unreached
from training.train_config import TrainConfig
from workbench.errors import DataError, UsageError
from workbench.models.box_writer import LazyWriter, box_writer
from workbench.models.default_prompt import template_for_source
from workbench.models.spec import ModelSpec
from workbench.prompts.pool import Template, find_templates
from workbench.prompts.template import WritePlaces
from workbench.prompts.wording import is_stranger, words_of_left
from workbench.sample import CoordinateFrame, Message, Sample

if TYPE_CHECKING:
    from workbench.data.source import Source

# Batches of like length are cut from windows of so many batches, as in Trainer's own grouping.
_WINDOW = 50


@dataclass(frozen=True)
class TrainItem:
    """One usable sample, without its images.

    Attributes:
        source: Which of the training sources.
        ordinal: Its place there.
        size: Images first, then characters: what its length goes by.
        explanations: How many it has.
        label: Its gold label.
    """

    source: int
    ordinal: int
    uid: str
    size: tuple[int, int]
    explanations: int
    label: str = ""


@dataclass
class TrainSet:
    """All usable samples of the training sources.

    Attributes:
        templates: For each source those that fit its task.
        skipped: Reason -> how many were left out.
        notes: What is to be told before the first step.
        write: Writes gold places as the model that is trained does.
    """

    sources: list[Source]
    templates: list[list[Template]]
    items: list[TrainItem] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    seed: int = 0
    write: LazyWriter | None = None

    def __len__(self) -> int:
        return len(self.items)

    def leave_out(self, uids: Collection[str], reason: str) -> None:
        """Take samples out, counted under a reason."""
        before = len(self.items)
        self.items = [item for item in self.items if item.uid not in uids]
        self.skipped[reason] += before - len(self.items)

    def conversation(self, index: int, epoch: int) -> tuple[tuple[Message, ...], str]:
        """The prompt and the gold answer of an item in an epoch. Raises `WbError`."""
        item = self.items[index]
        template, explanation = self.variant(index, epoch)
        sample = read_sample(self.sources[item.source], item.ordinal)
        return template.render(sample), template.gold_answer(sample, explanation, self.write)

    def check_frames(self, key: Any, frames: Sequence[CoordinateFrame]) -> None:
        """Hold the places that were written for an item against the frames of its batch.

        Args:
            key: (index, digest of the template, ...), as the collator keeps examples.
            frames: Of the images of its prompt.

        Raises:
            ModelError: They would be read elsewhere.
        """
        source = self.items[key[0]].source
        if self.write is None or not frames or self.sources[source].task != "grounding":
            return
        template = next(t for t in self.templates[source] if t.digest == key[1])
        self.write.check(template, frames[0])

    def variant(self, index: int, epoch: int) -> tuple[Template, int]:
        """The wording and the explanation of an item in an epoch."""
        item = self.items[index]
        pool = self.templates[item.source]
        if len(pool) == 1 and item.explanations <= 1:
            return pool[0], 0
        rng = random.Random(f"variant:{self.seed}:{epoch}:{item.uid}")
        return rng.choice(pool), rng.randrange(max(1, item.explanations))

    def order(self, epoch: int, batch_size: int) -> list[int]:
        """All indices: shuffled, then in each window of batches put together by length."""
        rng = random.Random(f"order:{self.seed}:{epoch}")
        indices = list(range(len(self.items)))
        rng.shuffle(indices)
        out: list[list[int]] = []
        step = batch_size * _WINDOW
        for start in range(0, len(indices), step):
            window = sorted(indices[start : start + step], key=lambda i: self.items[i].size)
            batches = [window[i : i + batch_size] for i in range(0, len(window), batch_size)]
            # A short batch stays last, so that all but the epoch's last one are full.
            tail = batches.pop() if len(batches[-1]) < batch_size else []
            rng.shuffle(batches)
            out += [*batches, tail]
        return [index for batch in out for index in batch]


def open_training(config: TrainConfig, look: Callable[[Sample], None] | None = None) -> TrainSet:
    """Open the sources, choose the templates, look at every sample once.

    Args:
        config: See there.
        look: Shown every sample that is trained on.

    Raises:
        UnknownName: A dataset, split or template of that name does not exist.
        UsageError: A template fits none of the sources, or a stream is endless.
        DataError: No sample can be used, or one cannot be had now.
    """
    from workbench.data.source import open_source

    sources = [open_source(name) for name in config.train]
    notes: list[str] = []
    data = TrainSet(
        sources,
        choose_templates(config.templates, sources, config.spec, notes),
        notes=notes,
        seed=config.seed,
        write=box_writer(config.spec),
    )
    for number, source in enumerate(sources):
        if source.length is None:
            raise UsageError(
                f"{source.dataset}/{source.split} is endless",
                hint=f"say how many: {source.dataset}/{source.split}[:10000]",
            )
        for ordinal, sample in enumerate(source.iter()):
            refuse_unreached(sample)
            reason = _unusable(sample, data.templates[number])
            if reason:
                data.skipped[reason] += 1
                continue
            if sample.task == "grounding":
                refuse_places(sample, data.templates[number], data.write)
            size = (len(sample.images), sum(map(len, sample.texts.values())))
            if look is not None:
                look(sample)
            why = len(sample.explanations)
            data.items.append(TrainItem(number, ordinal, sample.uid, size, why, sample.label or ""))
    if not data.items:
        reasons = ", ".join(f"{n} {reason}" for reason, n in data.skipped.items()) or "empty"
        raise DataError(
            f"nothing to train on in {', '.join(config.train)}: {reasons}",
            hint="see a sample: wb inspect UID",
        )
    return data


def refuse_places(sample: Sample, templates: Sequence[Template], write: WritePlaces | None) -> None:
    """Refuse a model, or a wording, for which no sample's places can be written.

    Raises:
        UsageError: It is a captioner, or its answers are read in other units than are asked for.
    """
    for template in templates:
        try:
            template.gold_answer(replace(sample, images=()), write=write)
        except UsageError as error:
            if error.kind in ("unsupported", "no_convention"):
                raise
        except WbError:
            continue  # of this sample alone: told where it is encoded


def choose_templates(
    names: Sequence[str],
    sources: Sequence[Source],
    spec: ModelSpec,
    notes: list[str] | None = None,
) -> list[list[Template]]:
    """For each source the named templates of its task, or what the model is asked in unsaid.

    A name may have stars: `statement/*` draws from all of them whose texts a source has, and that
    speak of no other number of images and no other labels than its samples have.

    Args:
        names: Names, and names with stars.
        sources: What is trained on.
        spec: The model.
        notes: Takes what was left out, and why, in words.
    """
    found = {name: find_templates(name) for name in names}
    pool = list({(t.name, t.version): t for some in found.values() for t in some}.values())
    named = {t.name for name in names if not set(name) & set("*?") for t in found[name]}
    tasks = {source.task for source in sources}
    strangers = [name for name, some in found.items() if not {t.task for t in some} & tasks]
    if strangers:
        raise UsageError(
            f"'templates' names {', '.join(strangers)}, and no training data is of that task "
            f"(they are: {', '.join(sorted(tasks))})",
            kind="bad_config",
        )
    out = []
    for source in sources:
        mine = [t for t in pool if t.task == source.task]
        sample = _first(source) if any(t.name not in named for t in mine) else None
        fit = [
            t
            for t in mine
            if t.name in named or sample is None or set(sample.texts).issuperset(t.slots)
        ]
        if sample is not None:
            left = [t for t in fit if t.name not in named and is_stranger(t, sample)]
            fit = [t for t in fit if t not in left]
            if left and notes is not None:
                where = f"{source.dataset}/{source.split}"
                notes.append(f"templates for {where}: {words_of_left(left, sample)}")
        out.append(fit or [template_for_source(spec, source)])
    return out


def _first(source: Source) -> Sample | None:
    """The first sample of a source that can be read: the others have the same texts."""
    for ordinal in range(3 if source.length is None else min(3, source.length)):
        sample = source.at(ordinal)
        if sample.error is None:
            return sample
    return None


def _unusable(sample: Sample, templates: Sequence[Template]) -> str:
    """Why a sample cannot be trained on, empty where it can."""
    if sample.error:
        return "cannot be read"
    if sample.label is None:
        return "without a label"
    try:
        for template in templates:
            template.render(sample)
    except WbError:
        return "without the text that the template wants"
    return ""
