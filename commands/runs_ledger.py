"""`wb runs ledger`: how many right answers need the image, the text, both or neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from commands.completing import complete_runs
from commands.making_variants import variants_asked
from commands.printing import echo_json, echo_table

if TYPE_CHECKING:
    from sessions.runs import Run
    from workbench.evaluation.ledger import Ledger


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.option(
    "--controls",
    default="",
    metavar="NAMES",
    help="Further controls, by commas: blank, shuffled.  [text-only,image-only]",
)
@click.option("--existing", is_flag=True, help="Use only existing controls; ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def ledger(ctx: click.Context, run: str, controls: str, existing: bool, as_json: bool) -> None:
    """Count how many of a run's right answers need the image, the text, both or neither.

    Missing controls are asked first: the same samples without their pictures, and without their
    texts. Each control is a run of its own and can be resumed.

    \b
    Example:
      wb runs ledger last
      wb runs ledger last --controls shuffled --json
    """
    from sessions.runs import Run
    from workbench.errors import UsageError
    from workbench.evaluation.ledger import ledger as made_of
    from workbench.evaluation.variants import variants_of

    found = Run.open(run)
    if existing:
        runs = variants_of(found)
        if not runs:
            raise UsageError(
                f"run {found.id} has no controls",
                hint="leave --existing out, and they are asked",
                kind="no_controls",
            )
    else:
        runs = _make(ctx, found, [name.strip() for name in controls.split(",") if name.strip()])
    told = made_of(found.predictions(), {n: r for n, r in runs.items() if n in _NAMES})
    if as_json:
        echo_json({"run": found.id, **told.to_json()})
    else:
        show_ledger(told)


_NAMES = ("text-only", "blank", "image-only", "shuffled")


def _make(ctx: click.Context, run: Run, more: list[str]) -> dict[str, Run]:
    from workbench.errors import UsageError
    from workbench.evaluation.controls import CONTROLS, text_control
    from workbench.evaluation.resuming import resumed_config

    if unknown := [name for name in more if name not in CONTROLS]:
        raise UsageError(f"--controls wants some of {', '.join(CONTROLS)}, got {unknown[0]!r}")
    names = [text_control(resumed_config(run).spec), "image-only", *more]
    return variants_asked(ctx, run, names)


def ledger_of(run: Run) -> Ledger | None:
    """The ledger of a run from the controls that there are, `None` without."""
    from sessions.errors import RecordError
    from workbench.evaluation.ledger import ledger_of_run

    try:
        return ledger_of_run(run)
    except RecordError:
        return None  # nothing says what is right


def show_ledger(told: Ledger) -> None:
    """Print a ledger: what right answers need, then how each control did."""
    from workbench.evaluation.ledger_table import (
        ASKED_HEAD,
        NEED_HEAD,
        asked_rows,
        need_rows,
        over_words,
    )

    if told.parts:
        echo_table([word.upper() for word in NEED_HEAD], need_rows(told))
        click.echo("")
    echo_table([word.upper() for word in ASKED_HEAD], asked_rows(told))
    for words in over_words(told):
        click.echo(words)
