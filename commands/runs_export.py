"""`wb runs export`: a run's answers in the forms that other tools read."""

from __future__ import annotations

from pathlib import Path

import click

from commands.completing import complete_runs


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "coco", "lmms-eval"]),
    default="csv",
    show_default=True,
    help="A table, COCO's results, or lmms-eval's samples (JSON lines).",
)
@click.option(
    "--columns",
    default="",
    metavar="NAMES",
    help="Columns of a CSV, by commas: keys of a line, img_path, or texts of the samples.",
)
def export(run: str, file: Path | None, form: str, columns: str) -> None:
    """Write a run's answers for another tool; without FILE to stdout.

    \b
    Example:
      wb runs export last answers.csv
      wb runs export last answers.csv --columns img_path,hypothesis,explanation
      wb runs export last results.json --format coco
    """
    from sessions.atomic import atomic_write
    from sessions.runs import Run
    from workbench.evaluation.export import export as exported
    from workbench.text import clean

    names = [name.strip() for name in columns.split(",") if name.strip()]
    text = exported(Run.open(run), form, names)
    if file is None:
        click.echo(text, nl=False)
        return
    atomic_write(file, text)
    click.echo(f"wrote {clean(str(file), newlines=False)}", err=True)
