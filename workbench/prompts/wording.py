"""What a template's wording says of the images and the labels, held against a sample.

Guarantee: words are looked at, nothing is rendered. Not for whether a sample has the texts that a
template shows: see `Template.slots`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.prompts.template import Template, match_labels, slots_of
from workbench.sample import Sample

_COUNTS = {
    "two images": 2,
    "second image": 2,
    "about the image ": 1,
}  # words of a template -> how many it means


def miscounts(template: Template, sample: Sample) -> bool:
    """Whether a template speaks of another number of images than a sample has."""
    said = (count for words, count in _COUNTS.items() if words in template.text)
    return bool(sample.images) and any(count != len(sample.images) for count in said)


def names_labels(template: Template, labels: Sequence[str]) -> bool:
    """Whether a template says a word for each label of a closed set; never of an empty one."""
    if _lists(template):
        return bool(labels)
    words, wording = template.words(labels), _wording(template)
    said = {label for word, label in words.items() if _stands_in(word, wording)}
    return bool(labels) and said == {*labels}


def misnames(template: Template, sample: Sample) -> bool:
    """Whether a template asks for labels that are not the sample's.

    A question without a closed set is open: whatever labels are named are not its own.
    """
    if not sample.labels:
        return sample.task == "question" if template.labels else _lists(template)
    ours = tuple(dict.fromkeys(template.labels.values()))
    return bool(ours) and not _lists(template) and match_labels(ours, sample.labels) is None


def is_stranger(template: Template, sample: Sample) -> bool:
    """Whether a template speaks of another number of images, or of other labels, than a sample."""
    return miscounts(template, sample) or misnames(template, sample)


def words_of_left(left: Sequence[Template], sample: Sample) -> str:
    """What to say of templates that were left out as strangers; empty where none were."""
    count = len(sample.images)
    of = f"{count} image{'s' * (count != 1)}"
    reasons = {
        f"as a sample has {of} and they speak of another number": [],
        "as they ask for other answers than a sample's labels": [],
    }
    number, other = reasons.values()
    for name, counts in dict.fromkeys((t.name, miscounts(t, sample)) for t in left):
        (number if counts else other).append(name)
    parts = [f"{why}: {', '.join(names)}" for why, names in reasons.items() if names]
    return f"left out, {'; '.join(parts)}" if parts else ""


def _wording(template: Template) -> str:
    return f"{template.system}\n{template.text}"


def _lists(template: Template) -> bool:
    return "labels" in slots_of(_wording(template))


def _stands_in(word: str, wording: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", wording, re.IGNORECASE) is not None
