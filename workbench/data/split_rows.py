"""The rows that a split is handed on as, and their features as `datasets` has them.

Guarantee: the same UIDs, texts and labels, and the image bytes as they came; what else a sample
has is JSON in `metadata`. A sample that cannot be read keeps its row, with its `error` and without
images.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.redact import redacted, without_secrets
from workbench.data.tables.columns import jsonable
from workbench.errors import DataError, ImageError
from workbench.sample import Sample

if TYPE_CHECKING:
    import datasets

    from workbench.data.base import Source

# The roles of texts are columns: those that the first samples have.
_LOOKED_AT = 200
_OWN = ("uid", "images", "label", "references", "explanations", "metadata", "error")


def beside(source: Source, limit: int) -> list[str]:
    """What the first samples have beside texts, label and images: it is kept in `metadata`."""
    samples = islice(source.iter(), limit or _LOOKED_AT)
    return list(dict.fromkeys(name for sample in samples for name in sample.metadata))


def features_of(source: Source, limit: int) -> tuple[datasets.Features, list[str]]:
    """The features of a split's rows, and the roles of texts that are columns."""
    import datasets

    text = datasets.Value("string")
    roles = sorted({r for s in islice(source.iter(), limit or _LOOKED_AT) for r in s.texts})
    roles = [role for role in roles if role not in _OWN]
    names = list(source.labels)
    features = datasets.Features(
        {
            "uid": text,
            "images": datasets.List(datasets.Image()),
            **dict.fromkeys(roles, text),
            "label": datasets.ClassLabel(names=names) if names else text,
            "references": datasets.List(text),
            "explanations": datasets.List(text),
            "metadata": text,
            "error": text,
        }
    )
    return features, roles


def rows_of(source: Source, roles: list[str], limit: int) -> Iterator[dict[str, Any]]:
    """The rows of a split; an image is `{"bytes", "path"}`, a label its word."""
    for sample in islice(source.iter(), limit or None):
        yield _row(sample, roles, list(source.labels))


def _row(sample: Sample, roles: list[str], names: list[str]) -> dict[str, Any]:
    if strange := set(sample.texts) - set(roles) - set(_OWN):
        raise DataError(
            f"{sample.uid} has the texts {', '.join(sorted(strange))}, which none of the first "
            f"{_LOOKED_AT} samples has",
            hint="export a part of the split, as train[:200]",
        )
    error = without_secrets(sample.error) if sample.error else None
    images: list[dict[str, Any]] = []
    try:
        images = [{"bytes": ref.read(), "path": Path(ref.name).name} for ref in sample.images]
    except ImageError as problem:
        error = error or str(problem)
    label = sample.label
    if names and label is not None and label not in names:
        error = error or f"the label {label!r} is none of {', '.join(names)}"
        label = None
    return {
        "uid": sample.uid,
        "images": images,
        **{role: sample.texts.get(role) for role in roles},
        "label": label,
        "references": list(sample.references),
        "explanations": list(sample.explanations),
        "metadata": json.dumps(redacted(jsonable(sample.metadata)), ensure_ascii=False),
        "error": error,
    }
