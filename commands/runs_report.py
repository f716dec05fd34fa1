"""`wb runs report`: write one file with the figures, the errors and the commands of evaluations."""

from __future__ import annotations

from pathlib import Path

import click

from commands.completing import complete_runs


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The file: .html, with pictures inside, or .md.",
)
@click.option(
    "--errors",
    default=12,
    show_default=True,
    help="How many of the worst errors to show, with pictures.",
)
def report(runs: tuple[str, ...], out: Path, errors: int) -> None:
    """Write a report of one or several evaluations as one file.

    The file shows figures with intervals, the modality ledger, the confusion matrix, reliability,
    the worst errors with their pictures, settings, versions, skipped samples, and the command that
    makes each run again. Several runs are compared with the first. The HTML opens from disk
    without a network.

    \b
    Example:
      wb runs report last --out report.html
      wb runs report 3f2a9k 8h1m0q --out comparison.md
    """
    from sessions.atomic import atomic_write
    from sessions.runs import Run
    from workbench.errors import UsageError
    from workbench.evaluation.report import gather
    from workbench.text import clean

    ending = out.suffix.lower()
    if ending not in (".html", ".htm", ".md"):
        raise UsageError(f"--out wants a name that ends in .html or .md, got {out.name!r}")
    if errors < 0:
        raise UsageError(f"--errors wants a whole number of at least 0, got {errors}")
    found = gather([Run.open(name) for name in runs], most_errors=errors)
    if ending == ".md":
        from workbench.evaluation.report_markdown import to_markdown as write
    else:
        from workbench.evaluation.report_html import to_html as write
    atomic_write(out, write(found))
    click.echo(clean(str(out), newlines=False))
