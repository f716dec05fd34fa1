"""Ask a run's variants, as `wb runs ledger` and `wb runs invariance` do.

Guarantee: what could not be asked is told with its reason; a cancelled one ends the command, which
goes on where it was when it is given again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sessions.runs import Run


def variants_asked(
    ctx: click.Context, run: Run, names: Iterable[str], *, lenient: bool = False
) -> dict[str, Run]:
    """The runs of these variants by name, made where they are missing.

    Args:
        ctx: Of the command; it exits with 1 where somebody cancels.
        run: What is asked again.
        names: Of the variants; one that is named twice is asked once.
        lenient: Pass over what would change nothing.
    """
    from workbench.evaluation.run_variants import make_variants
    from workbench.progress import StderrLine
    from workbench.text import clean

    line = StderrLine()
    try:
        made = make_variants(run, list(dict.fromkeys(names)), line, lenient=lenient)
    finally:
        line.end()
    for name, why in made.refused.items():
        reason = clean(why, newlines=False).removeprefix(f"--vary {name}: ")
        click.echo(f"left out {name}: {reason}", err=True)
    if made.cancelled:
        click.echo("cancelled; the same command goes on", err=True)
        ctx.exit(1)
    return made.runs
