"""The same samples asked another way: what a control or a change of order does to a prompt.

Guarantee: the line of a sample keeps its own UID, target and pictures, so that a variant is paired
with its run; what is read from an answer is told in the sample's own labels. Which variants there
are: `workbench.evaluation.controls`, `workbench.evaluation.orders`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.prompts.template import Template
from workbench.sample import Sample

Shots = tuple[Sample, ...]


def _query(sample: Sample) -> Sample:
    return sample


def _shots(shots: Shots) -> Shots:
    return shots


def _template(template: Template) -> Template:
    return template


def _label(sample: Sample, label: str | None) -> str | None:
    return label


def _no_fields(sample: Sample) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Variant:
    """How a prompt differs from the plain one; each part is left as it is unless said.

    Attributes:
        query: The sample as it is shown. Raises `WbError` where it cannot be shown so.
        shots: The examples before it.
        template: The wording.
        label: What an answer's label is called in the sample itself.
        line_fields: What the sample's line says of it.
    """

    query: Callable[[Sample], Sample] = _query
    shots: Callable[[Shots], Shots] = _shots
    template: Callable[[Template], Template] = _template
    label: Callable[[Sample, str | None], str | None] = _label
    line_fields: Callable[[Sample], Mapping[str, Any]] = _no_fields


PLAIN = Variant()
