"""Controls: what a score is made of, told by asking without a part of the question.

- `blank`: each picture is a grey one (128, 128, 128) of its size.
- `shuffled`: the pictures of another sample of the run, by seed; never its own, nor one of equal
  bytes. Each sample's pictures go to one other sample, where no picture is shown by more than half
  of all.
- `text-only`: no picture at all.
- `image-only`: the task's bare question, the template with the sample's texts left empty; the
  options of a multiple choice stay, being the labels.

Examples are changed as the sample is, so that they show its form; `shuffled` leaves them alone.
"""

from __future__ import annotations

import io
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from sessions.clusters import clusters_of
from workbench.data.image_ids import ImageIds
from workbench.errors import DataError, UsageError
from workbench.evaluation.variant import PLAIN, Shots, Variant
from workbench.models.default_prompt import family_of
from workbench.models.families.registry import limits_of
from workbench.models.spec import ModelSpec
from workbench.prompts.template import Template
from workbench.sample import ImageRef, Sample

if TYPE_CHECKING:
    from workbench.data.source import Source

CONTROLS = ("blank", "shuffled", "text-only", "image-only")
MEANS = {
    "blank": "each picture was a grey one of its size",
    "shuffled": "each sample was shown another one's pictures",
    "text-only": "no picture was shown",
    "image-only": "the texts of the samples were left out",
}
GREY = (128, 128, 128)
# So many first samples are looked at for what a control takes away.
_LOOK = 20


def text_control(spec: ModelSpec) -> str:
    """The control that leaves the text alone: `blank` for a model that wants a picture."""
    return "blank" if _wants_image(spec) else "text-only"


def check_control(control: str, source: Source, template: Template, spec: ModelSpec) -> None:
    """Refuse a control that would change nothing, or that the model cannot be asked with.

    Raises:
        UsageError: With what to do instead.
    """
    if control == "text-only" and (why := _wants_image(spec)):
        raise UsageError(
            f"--control text-only: {spec.model} wants a picture: {why}",
            hint="take --control blank, which shows it a grey one",
        )
    if control == "image-only":
        if not _emptied_slots(template):
            raise UsageError(
                f"--control image-only: the template {template.name} shows no text of a sample",
                hint="without a text the image is all that there is, in the plain run too",
            )
        return
    some = [sample for sample in islice(source.iter(), _LOOK) if sample.error is None]
    if some and not any(sample.images for sample in some):
        raise UsageError(
            f"--control {control}: the samples of {source.dataset}/{source.split} show no picture"
        )


def _wants_image(spec: ModelSpec) -> str:
    return limits_of(family_of(spec)).get("prompts without an image", "")


def control_variant(control: str, source: Source, total: int, seed: int, ids: ImageIds) -> Variant:
    """What a control does to the prompts of a run.

    Args:
        control: One of `CONTROLS`, or empty.
        source: The run's samples.
        total: How many of them are asked.
        seed: Chooses whose pictures a sample is shown.
        ids: Tells which pictures are equal.

    Raises:
        UsageError: All samples show the same pictures, so that none can be exchanged.
    """
    if control == "blank":
        return Variant(query=_blank, shots=_each(_blank))
    if control == "text-only":
        return Variant(query=_no_image, shots=_each(_no_image))
    if control == "image-only":
        return Variant(query=_no_text, shots=_each(_no_text))
    if control == "shuffled":
        return _shuffled(source, total, seed, ids)
    return PLAIN


def _each(change):  # noqa: ANN001, ANN202
    def shots(shots: Shots) -> Shots:
        return tuple(change(shot) for shot in shots)

    return shots


def _blank(sample: Sample) -> Sample:
    return replace(sample, images=tuple(grey(ref.load().size) for ref in sample.images))


@lru_cache(maxsize=256)
def grey(size: tuple[int, int]) -> ImageRef:
    """A grey picture of (width, height) pixels."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", size, GREY).save(buffer, "PNG", compress_level=1)
    return ImageRef(data=buffer.getvalue(), name="grey")


def _no_image(sample: Sample) -> Sample:
    return replace(sample, images=())


def _no_text(sample: Sample) -> Sample:
    kept = {role: text if role in _KEPT else "" for role, text in sample.texts.items()}
    return replace(sample, texts=kept)


_KEPT = frozenset({"options"})


def _emptied_slots(template: Template) -> list[str]:
    return [slot for slot in template.shown_slots if slot not in _KEPT]


def _shuffled(source: Source, total: int, seed: int, ids: ImageIds) -> Variant:
    shown: dict[str, tuple[str, ...]] = {}
    for sample in islice(source.iter(), total):
        if sample.error is None and sample.images and "" not in (own := ids.of(sample)):
            shown[sample.uid] = tuple(own)
    ids.save()
    donors = derangement(shown, seed)
    if shown and not donors:
        raise UsageError(
            f"--control shuffled: all samples of {source.dataset}/{source.split} show the same "
            "pictures, so none can be shown another's",
            hint="take more samples (--limit), or --control blank",
        )

    def query(sample: Sample) -> Sample:
        if not sample.images:
            return sample
        if sample.uid not in donors:
            for ref in sample.images:
                ref.load()  # an unreadable picture is told as in the plain run
            raise DataError(
                f"no other sample shows {len(sample.images)} pictures that are not its own",
                kind="no_other_image",
            )
        return replace(sample, images=source.get(donors[sample.uid]).images)

    def line_fields(sample: Sample) -> Mapping[str, str]:
        return {"shown": donors[sample.uid]} if sample.uid in donors else {}

    return Variant(query=query, line_fields=line_fields)


def derangement(shown: Mapping[str, Sequence[str]], seed: int) -> dict[str, str]:
    """Who is shown whose pictures: UID -> another UID, seeded, the same on any machine.

    Those with as many pictures exchange theirs. Samples that share a picture are laid side by
    side, and each takes the pictures of the one that stands as far ahead as the largest such group
    is long: no two of a group meet, and everyone's pictures are taken once. Where one group is
    more than half of all, each takes the next that shares nothing with it.

    Args:
        shown: UID -> ids of its pictures.
        seed: Of the order.

    Returns:
        Without those for whom there is nobody.
    """
    by_count: dict[int, list[str]] = defaultdict(list)
    for uid, pictures in sorted(shown.items()):
        by_count[len(pictures)].append(uid)
    donors: dict[str, str] = {}
    for uids in by_count.values():
        order, widest = _side_by_side(uids, shown, seed)
        n = len(order)
        for place, uid in enumerate(order):
            steps: Iterable[int] = [widest] if 2 * widest <= n else range(1, n)
            for step in steps:
                other = order[(place + step) % n]
                if not set(shown[other]) & set(shown[uid]):
                    donors[uid] = other
                    break
    return donors


def _side_by_side(
    uids: Sequence[str], shown: Mapping[str, Sequence[str]], seed: int
) -> tuple[list[str], int]:
    """The UIDs, those of a group together, groups in drawn order; the largest group's size."""
    groups: dict[int, list[str]] = defaultdict(list)
    of = clusters_of({"images": list(shown[uid])} for uid in uids).of
    for uid, group in zip(uids, of, strict=True):
        groups[group].append(uid)
    drawn = list(groups.values())
    random.Random(seed).shuffle(drawn)
    return [uid for group in drawn for uid in group], max(map(len, drawn))
