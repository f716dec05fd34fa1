"""`wb runs report`: write the figures, the errors and the commands of evaluations."""

from __future__ import annotations

from pathlib import Path

import click

from commands.completing import complete_runs
from commands.paths import WritePath


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
@click.option(
    "--out",
    type=WritePath(),
    default=Path("report.html"),
    show_default=True,
    help="A file: .html, with pictures inside, or .md; or a folder for both, CSV and JSON.",
)
@click.option(
    "--errors",
    default=12,
    show_default=True,
    help="How many wrong, failed and flipped samples to show of each run.",
)
@click.option(
    "--maps", is_flag=True, help="Add heat maps of wrong and flipped ones; loads the models."
)
def report(runs: tuple[str, ...], out: Path, errors: int, maps: bool) -> None:
    """Write a report of one or several evaluations as one file, or as a folder.

    It shows figures with intervals, the modality ledger, the confusion matrix, reliability, the
    worst errors and the failed samples with their pictures, settings, versions, skipped samples,
    and the command that makes each run again. Several runs stand in one table, dataset by model,
    and are compared with the first: flipped samples are shown. The HTML opens from disk without a
    network. A folder gets report.html, report.md, figures.csv and report.json.

    \b
    Example:
      wb runs report last --out report.html
      wb runs report 3f2a9k 8h1m0q --out comparison
      wb runs report last --maps --errors 4
    """
    from sessions.runs import Run
    from workbench.errors import UsageError
    from workbench.evaluation.report import gather
    from workbench.evaluation.report_files import forms_of, write
    from workbench.text import clean

    forms_of(out)
    if errors < 0:
        raise UsageError(f"--errors wants a whole number of at least 0, got {errors}")
    opened = [Run.open(name) for name in runs]
    found = gather(opened, most_errors=errors)
    if maps:
        from workbench.evaluation.report_maps import with_maps
        from workbench.progress import StderrLine

        line = StderrLine()
        try:
            found = with_maps(found, opened, line)
        finally:
            line.end()
    for path in write(found, out):
        click.echo(clean(str(path), newlines=False))
