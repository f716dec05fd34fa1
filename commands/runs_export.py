"""`wb runs export`: write a run's answers in formats of other tools."""

from __future__ import annotations

from pathlib import Path

import click

from commands.completing import complete_runs
from commands.paths import WriteFile


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.argument("to", metavar="[FILE]", type=WriteFile(), required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "coco", "lmms-eval"]),
    help="A table, the record's own JSON lines, COCO's results (captions or boxes), or lmms-eval's "
    "samples (JSON lines).  [csv]",
)
@click.option(
    "--columns",
    default="",
    metavar="NAMES",
    help="Columns, by commas, SOURCE or NAME=SOURCE: keys of a line, img_path, sample texts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the table as a JSON list of objects.")
def export(run: str, to: Path | None, form: str | None, columns: str, as_json: bool) -> None:
    """Write a run's answers for another tool; without FILE to stdout.

    \b
    Example:
      wb runs export last answers.csv
      wb runs export last answers.csv --columns img_path,hypothesis,explanation
      wb runs export last answers.csv --columns img_path,hypothesis,explanation=text
      wb runs export last results.json --format coco
      wb runs export last --json
    """
    from sessions.atomic import atomic_write
    from sessions.runs import Run
    from workbench.errors import UsageError
    from workbench.evaluation.columns import read_columns
    from workbench.evaluation.export import export as exported
    from workbench.text import clean

    if as_json and form not in (None, "csv"):
        raise UsageError(f"--json is the table as JSON, and --format is {form}")
    wanted = "json" if as_json else form or "csv"
    text = exported(Run.open(run), wanted, read_columns(columns))
    if to is None:
        click.echo(text, nl=False)
        return
    atomic_write(to, text)
    click.echo(f"wrote {clean(str(to), newlines=False)}", err=True)
