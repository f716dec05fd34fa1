"""`wb runs table`: the figures of several evaluations in one table, dataset by model."""

from __future__ import annotations

import click

from commands.completing import complete_runs


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
@click.option(
    "--figures",
    default="",
    metavar="NAMES",
    help="By commas, as in wb runs show.  [accuracy, BLEU-4, CIDEr, BERTScore, … where there are]",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print all figures as CSV, a row each.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def table(runs: tuple[str, ...], figures: str, as_csv: bool, as_json: bool) -> None:
    """Show the figures of several evaluations in one table.

    A row is a dataset, a model and a number of examples; each figure has its 95% interval. The
    runs need not share samples. What a run has not is "–".

    \b
    Example:
      wb runs table $(wb runs list --kind eval --limit 8 --ids)
      wb runs table 3f2a9k 8h1m0q --figures explanation/coco_bleu4,explanation/bertscore_f1
    """
    from commands.printing import echo_json, echo_table
    from sessions.runs import Run
    from workbench.errors import UsageError
    from workbench.evaluation.figure_table import HEAD, figures_csv, table_of

    if as_csv and as_json:
        raise UsageError("--csv and --json cannot be combined")
    names = [name.strip() for name in figures.split(",") if name.strip()]
    found = table_of([Run.open(name) for name in runs], names)
    if as_json:
        echo_json({"figures": list(found.names), "rows": found.to_json()})
    elif as_csv:
        click.echo(figures_csv(found), nl=False)
    else:
        echo_table([word.upper() for word in (*HEAD, *found.names)], list(found.cells()))
