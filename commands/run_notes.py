"""What there is to know of a run, on stderr: each note once, as soon as it is known."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from workbench.evaluation.config import EvalConfig


def tell_ahead(*configs: EvalConfig) -> list[str]:
    """Tell what the settings of evaluations say of their figures, and return it."""
    from workbench.evaluation.notes import notes_ahead

    known = list(dict.fromkeys(note for config in configs for note in notes_ahead(config)))
    tell_notes(known)
    return known


def tell_notes(notes: Iterable[str], but: Collection[str] = ()) -> None:
    """Tell notes, less those that were told before."""
    from workbench.text import clean

    for note in notes:
        if note not in but:
            click.echo(f"note: {clean(note, newlines=False)}", err=True)
