"""Words beside a map: the text of its token, the contrast's, and a note if nothing is hot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.explain.result import Explanation
from workbench.explain.targets import Target
from workbench.models.head import wanted_head

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel


def label(explanation: Explanation, loaded: LoadedModel, target: Target) -> Explanation:
    """Fill in the words: the token's text, the contrast's, and a note where nothing is hot."""
    contrast = None if target.contrast_id is None else _word(loaded, target, target.contrast_id)
    notes = explanation.notes
    if not any(float(image.grid.max()) > 0 for image in explanation.images):
        what = "class" if target.head else "token"
        notes += (f"nothing in the images speaks for this {what} at this layer",)
    return replace(
        explanation,
        token_text=_word(loaded, target, target.token_id),
        head=target.head,
        target=target.kind,
        contrast=contrast,
        notes=notes,
    )


def _word(loaded: LoadedModel, target: Target, number: int) -> str:
    """A token's text, or a class's label."""
    return wanted_head(loaded).labels[number] if target.head else loaded.piece(number)
