"""The same samples in another order or wording: what an answer should not depend on.

- `images`: a sample's pictures in reverse order. A text that names them by place ("the left
  image") then means another one: for such data a flip is no fault.
- `options`: the options of a multiple choice moved up by one place (`options:2` by two, …).
- `shots`: the examples in reverse order.
- `labels`: the label words in reverse order, where the template lists them (`{labels}`).
- `template`: another wording (`--template` names it).
- `repeat`: nothing changed but the seed: how much answers change by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from workbench.data.tables.options import LETTERS
from workbench.errors import UsageError
from workbench.evaluation.variant import PLAIN, Shots, Variant
from workbench.prompts.template import Template
from workbench.sample import Sample

if TYPE_CHECKING:
    from workbench.data.source import Source

ORDERS = ("images", "options", "shots", "labels", "template", "repeat")
MEANS = {
    "images": "the pictures of each sample stood in reverse order",
    "options": "the options stood in another order",
    "shots": "the examples stood in reverse order",
    "labels": "the label words were listed in reverse order",
    "template": "the same samples were asked in another wording",
    "repeat": "the same was asked again with another seed",
}
_LOOK = 20


def problem_of(vary: str) -> str:
    """What is wrong with the name of an order, empty for nothing."""
    name, _, step = vary.partition(":")
    if not vary or (name in ORDERS and not step):
        return ""
    if name == "options" and step.isdecimal() and 0 < int(step) < len(LETTERS):
        return ""
    return f"--vary wants {', '.join(ORDERS)} or options:N, got {vary!r}"


def check_order(vary: str, source: Source, template: Template, shots: Shots) -> None:
    """Refuse an order that changes nothing.

    Raises:
        UsageError: With the reason.
    """
    name = vary.partition(":")[0]
    some = [sample for sample in islice(source.iter(), _LOOK) if sample.error is None]
    where = f"{source.dataset}/{source.split}"
    refused = {
        "images": bool(some)
        and all(len(sample.images) < 2 for sample in some)
        and f"the samples of {where} show one picture each",
        "options": bool(some)
        and not any(map(_options, some))
        and f"the samples of {where} have no options",
        "shots": len(shots) < 2 and "there are fewer than two examples (--shots)",
        "labels": "{labels}" not in template.text + template.system
        and f"the template {template.name} does not list the labels by {{labels}}",
    }
    if why := refused.get(name):
        raise UsageError(f"--vary {vary}: {why}, so that nothing would change")


def order_variant(vary: str) -> Variant:
    """What an order does to the prompts of a run."""
    name, _, step = vary.partition(":")
    if name == "images":
        return Variant(query=_images, shots=lambda shots: tuple(map(_images, shots)))
    if name == "shots":
        return Variant(shots=lambda shots: shots[::-1])
    if name == "labels":
        return Variant(
            query=_labels, shots=lambda shots: tuple(map(_labels, shots)), template=_listed
        )
    if name == "options":
        by = int(step or 1)
        return Variant(
            query=lambda sample: rotated(sample, by),
            shots=lambda shots: tuple(rotated(shot, by) for shot in shots),
            label=lambda sample, label: _before(sample, label, by),
        )
    return PLAIN


def _images(sample: Sample) -> Sample:
    return replace(sample, images=sample.images[::-1])


def _labels(sample: Sample) -> Sample:
    return replace(sample, labels=sample.labels[::-1])


def _listed(template: Template) -> Template:
    return replace(template, labels=dict(reversed(list(template.labels.items()))))


def _options(sample: Sample) -> Mapping[str, str]:
    options = sample.metadata.get("options")
    return options if isinstance(options, Mapping) else {}


def rotated(sample: Sample, by: int) -> Sample:
    """The sample with its options moved up by so many places, its gold letter with them."""
    options = _options(sample)
    if not options:
        return sample
    letters, texts = list(options), list(options.values())
    by %= len(letters)
    moved = dict(zip(letters, texts[by:] + texts[:by], strict=True))
    back = {letter: letters[(i + by) % len(letters)] for i, letter in enumerate(letters)}
    now = {old: new for new, old in back.items()}
    listed = "\n".join(f"{letter}. {text}" for letter, text in moved.items())
    return replace(
        sample,
        texts={**sample.texts, "options": listed},
        label=now.get(sample.label, sample.label) if sample.label is not None else None,
        metadata={**sample.metadata, "options": moved},
    )


def _before(sample: Sample, label: str | None, by: int) -> str | None:
    """The letter that an option has in the sample itself."""
    letters = list(_options(sample))
    if label not in letters:
        return label
    return letters[(letters.index(label) + by) % len(letters)]
