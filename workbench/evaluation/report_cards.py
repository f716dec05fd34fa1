"""Samples of a report as cards of HTML: pictures, heat, what was asked and what was said."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sessions.ids import short_id
from workbench.evaluation.report import ComparedRun
from workbench.evaluation.report_cases import Case, FlippedCase
from workbench.grounding.answered import AnsweredRegions
from workbench.grounding.drawing import legend_html, overs_html
from workbench.images.in_html import images_row, img
from workbench.markup import card, esc, facts, muted, row
from workbench.sample import Sample

SIDE = 220
"""CSS pixels of a picture's longer side; of the shorter one if it stands alone."""


def anchor(run: str, uid: str) -> str:
    """The name of a sample's card on the page."""
    return f"s-{esc(short_id(run))}-{hashlib.sha256(uid.encode()).hexdigest()[:12]}"


def cases_html(title: str, run: str, cases: Sequence[Case]) -> str:
    """Some cases of a run under a heading; empty for none."""
    if not cases:
        return ""
    cards = "".join(f'<div id="{anchor(run, c.uid)}">{_case(c)}</div>' for c in cases)
    return f'<h3>{title}</h3><div class="cards">{cards}</div>'


def _case(case: Case) -> str:
    asked = [(role, esc(text)) for role, text in case.sample.texts.items()] if case.sample else []
    sure = "" if case.confidence is None else f"{case.confidence:.3f}"
    body = facts(
        [
            *asked,
            ("target", esc(case.target)),
            ("answer", esc(case.label)),
            ("confidence", sure),
            ("overlap", esc(case.places.overlap_words) if case.places is not None else ""),
            ("text" if case.what != "failed" else "error", esc(case.text)),
            ("not shown", esc(case.missing)),
            ("no heat map", esc(case.no_maps)),
        ]
    )
    pictures = ""
    if case.sample is not None:
        pictures = _pictures(case.sample, case.places)
    maps = row(img(one, width=SIDE, alt="heat of the answer's first token") for one in case.maps)
    head = f"<b>{esc(case.uid, 300)}</b> {muted(esc(case.what))}"
    return card(head + pictures + maps + body, "")


def _pictures(sample: Sample, places: AnsweredRegions | None = None) -> str:
    """The images of a sample with an answer's boxes and gold over them, and what is which.

    A wide picture alone is as wide as its card.
    """
    gold = places.gold if places is not None else ()
    overs = overs_html(places, gold, sample.images)
    legend = legend_html(places, gold)
    width = 2 * SIDE if len(sample.images) == 1 else SIDE
    return images_row(sample.images, width=width, height=SIDE, overs=overs) + (
        f"<div>{legend}</div>" if legend else ""
    )


def flips_html(one: ComparedRun) -> str:
    """What flipped between the first run and this one; empty for nothing."""
    if not one.flips:
        return ""
    paired = one.comparison.paired
    broken = sum(not flip.fixed for flip in paired.flips)
    title = f"{broken} broken and {len(paired.flips) - broken} fixed by {short_id(one.run)}"
    if len(one.flips) < len(paired.flips):
        title += f"; {len(one.flips)} are shown"
    cards = "".join(f"<div>{_flip(flip)}</div>" for flip in one.flips)
    return f'<h3>{esc(title)}</h3><div class="cards">{cards}</div>'


def _flip(case: FlippedCase) -> str:
    asked = [(role, esc(text)) for role, text in case.sample.texts.items()] if case.sample else []
    answers = (("first", case.first), ("its", case.second))
    said = [(name, f"{esc(label)} {muted(esc(text))}") for name, (label, text) in answers]
    body = facts([*asked, ("target", esc(case.target)), *said, ("not shown", esc(case.missing))])
    pictures = ""
    if case.sample is not None and any(case.places):
        for (name, _), places in zip(answers, case.places, strict=True):
            pictures += muted(f"{name} answer") + _pictures(case.sample, places)
    elif case.sample is not None:
        pictures = _pictures(case.sample)
    for (name, _), made in zip(answers, case.heat, strict=True):
        if made:
            pictures += muted(f"heat of {'the first answer' if name == 'first' else 'its answer'}")
            pictures += row(img(one, width=SIDE, alt=f"heat of the answer: {name}") for one in made)
    head = f"<b>{esc(case.uid, 300)}</b> {muted('fixed' if case.fixed else 'broken')}"
    return card(head + pictures + body, "")
