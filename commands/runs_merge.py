"""`wb runs merge`: the shards of an evaluation become the run of the whole."""

from __future__ import annotations

import click

from commands.completing import complete_runs
from commands.printing import echo_json


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def merge(runs: tuple[str, ...], as_json: bool) -> None:
    """Put the shards of an evaluation together; those that you do not name are found.

    The merged run has the key and the figures that one run of the whole would have. Shards of
    another evaluation, and missing or unfinished ones, are refused. The shards stay; `wb runs rm`
    deletes them.

    \b
    Example:
      for i in 1 2 3 4; do wb run-eval --dataset demo/test --shard $i/4 --detach; done
      wb runs merge last
    """
    from sessions.ids import short_id
    from sessions.runs import Run
    from workbench.evaluation.merging import merge_runs
    from workbench.reports.run import main_words

    merged = merge_runs([Run.open(name) for name in runs])
    for run in merged.found:
        click.echo(f"shard {run.config.get('shard')}: run {run.id}", err=True)
    if as_json:
        parts = {str(run.config.get("shard")): run.id for run in merged.shards}
        echo_json({"run": merged.run.id, "shards": parts, "known": merged.known})
        return
    click.echo(merged.run.id)
    said = "was merged already" if merged.known else f"{len(merged.shards)} shards merged"
    click.echo(f"{said}: {main_words(merged.run)}; see: wb runs show {short_id(merged.run.id)}",
               err=True)  # fmt: skip
