"""The samples that are most like one, as cards that say how much and what they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench import markup
from workbench.errors import UsageError
from workbench.notebook.display import interruptible
from workbench.notebook.samples import Gallery, ShownSample, shown_sample
from workbench.sample import Sample

if TYPE_CHECKING:
    from workbench.similar.neighbours import Neighbours

_CARD = "width:172px"


class Similar(Gallery):
    """Samples that are like one, the most similar first.

    Attributes:
        neighbours: What was found: `found[i].similarity`, `.in_common`, `.leak`.
    """

    def __init__(self, neighbours: Neighbours, samples: Sequence[ShownSample]) -> None:
        super().__init__(samples, f"like {neighbours.of.uid} by {neighbours.by}")
        self.neighbours = neighbours

    def _html(self) -> str:
        cards = []
        for one, sample in zip(self.neighbours.found, self, strict=True):
            said = one.in_common.words()
            words = f"leak: {said}" if one.leak else said
            head = markup.badge(f"{one.similarity:.4f}")
            if words:
                head += markup.badge(words, markup.BAD) if one.leak else markup.badge(words)
            cards.append(markup.card(head + sample.card(), _CARD))
        notes = " · ".join(filter(None, (self.neighbours.problem, self.neighbours.scanned_words)))
        return (
            markup.heading(self.title)
            + markup.row(cards, ".5em")
            + markup.block(markup.muted(markup.esc(notes, 600)))
        )


def find_similar(
    about: Sample | str, by: str, top: int, splits: Sequence[str], limit: int, words: dict[str, Any]
) -> Similar:
    """See `workbench.api.similar`."""
    from workbench.data.source import get_sample
    from workbench.models.spec import ModelSpec
    from workbench.notebook.arguments import MODEL, chosen_settings, spec_from
    from workbench.serving.client import Engine
    from workbench.similar.compare import Listeners, compare
    from workbench.similar.neighbours import measure_of, neighbours

    if unknown := sorted(set(words) - set(MODEL)):
        raise UsageError(
            f"unknown options: {', '.join(unknown)}", hint=f"those of the model: {', '.join(MODEL)}"
        )
    measure = measure_of(by)
    chosen_settings()
    sample = get_sample(about) if isinstance(about, str) else about
    with interruptible() as pressed:
        spec = spec_from(words) if by == "image" else ModelSpec()
        engine = Engine.connect(specs=[spec]) if by == "image" else None
        try:
            scan = compare(
                sample.uid.partition("/")[0],
                splits,
                sample=sample,
                pictures=by != "text" or bool(sample.images),
                model=(engine, spec) if engine is not None else None,
                limit=limit,
                tell=Listeners(cancelled=pressed),
            )
        finally:
            if engine is not None:
                engine.close()
    found = neighbours(scan, sample.uid, measure, top)
    return Similar(found, [shown_sample(get_sample(one.sample.uid)) for one in found.found])
