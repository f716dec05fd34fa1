"""The places that a sample's phrase is about: its gold.

They stand among the sample's `objects`. Where `targets` names some of them (`{"image", "object"}`,
as the demo's samples do) those are meant, else all are. Boxes in fractions of their image
(`shares`) are brought to its pixels here, by its header. Guarantee: an image that cannot be read
gives no such box and raises nothing: it is told where it is shown or asked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sessions.errors import WbError
from workbench.grounding.region import Region, numbers, region_of
from workbench.sample import ImageRef, Sample


def gold_of(sample: Sample) -> tuple[Region, ...]:
    """The gold boxes and points of a sample of the task `grounding`; none of any other task."""
    return places_of(sample) if sample.task == "grounding" else ()


def places_of(sample: Sample, *, every: bool = False) -> tuple[Region, ...]:
    """What a sample's text is about, of the objects that its data tells of; may be empty.

    Args:
        sample: Whose images and metadata.
        every: All objects, whatever the text is about.
    """
    found: list[Region] = []
    sizes: dict[int, tuple[int, int] | None] = {}
    known = {"objects": sample.metadata.get("objects")} if every else sample.metadata
    for image, item in _meant(known):
        if "shares" in item and image < len(sample.images):
            if image not in sizes:
                sizes[image] = _size(sample.images[image])
            if (size := sizes[image]) is None:
                continue
            shares = numbers(item["shares"], 4)
            at = tuple(share * size[i % 2] for i, share in enumerate(shares))
            item = {"box": at, "name": item.get("name")}
        try:
            found.append(region_of(item, image))
        except (ValueError, TypeError):
            continue
    return tuple(found)


def has_gold_box(sample: Sample) -> bool:
    """Whether its gold says an area, so that an answer can be right or wrong; opens no image."""
    if sample.task != "grounding":
        return False
    return any("box" in item or "shares" in item for _, item in _meant(sample.metadata))


def gold_words(metadata: Mapping[str, Any]) -> str | None:
    """The gold in words, as its data has it; `None` where there is none. Opens no image."""
    said = []
    for _, item in _meant(metadata):
        values = item.get("box") or item.get("point") or item.get("shares") or ()
        text = ", ".join(f"{float(value):g}" for value in values)
        said.append(f"({text})" if "point" in item else f"[{text}]")
    return " ".join(said) or None


def _meant(metadata: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(image, object) of those that are meant."""
    objects, targets = metadata.get("objects"), metadata.get("targets")
    for image, group in enumerate(objects if isinstance(objects, list) else ()):
        for place, item in enumerate(group if isinstance(group, list) else ()):
            named = not isinstance(targets, list) or any(
                isinstance(one, Mapping) and (one.get("image"), one.get("object")) == (image, place)
                for one in targets
            )
            if named and isinstance(item, Mapping):
                yield image, item


def _size(image: ImageRef) -> tuple[int, int] | None:
    from workbench.images.decode import shown_size

    try:
        return shown_size(image)
    except (WbError, OSError, ValueError):
        return None
