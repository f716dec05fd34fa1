"""`wb runs reliability`: compare a run's confidence with its accuracy, as a diagram."""

from __future__ import annotations

from pathlib import Path

import click

from commands.completing import complete_runs
from commands.paths import WriteFile
from commands.printing import echo_json


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.option("--bins", default=15, show_default=True, help="How many.")
@click.option("--adaptive", is_flag=True, help="Bins of equally many samples, not of equal width.")
@click.option("--out", type=WriteFile(), help="Write the diagram as a PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def reliability(run: str, bins: int, adaptive: bool, out: Path | None, as_json: bool) -> None:
    """Show how often a run was right at each confidence.

    Confidence is the probability of the label with the best score, among all labels. The run
    needs label scores (`wb run-eval --answer score` or `both`).

    \b
    Example:
      wb runs reliability last --out reliability.png
    """
    from sessions.runs import Run
    from workbench.errors import UsageError
    from workbench.evaluation.reliability_plot import reliability_lines, reliability_png
    from workbench.text import clean

    if not 1 <= bins <= 100:
        raise UsageError(f"--bins wants 1 to 100, got {bins}")
    from workbench.evaluation.metrics.label_scores import calibration

    found = Run.open(run)
    told = calibration(found.predictions(), bins=bins, adaptive=adaptive)
    error = told.error
    document = {"run": found.id, "ece": error.to_json(), "brier": told.brier.to_json()}
    rows = [one.to_json() for one in told.bins]
    if out:
        from sessions.atomic import atomic_write

        note = f"ECE {error.words(3)}, Brier {told.brier.words(3)}, n {error.n}"
        title = f"{found.config.get('model')} on {found.config.get('dataset')}"
        atomic_write(out, reliability_png(rows, clean(title, newlines=False), note))
    if as_json:
        echo_json(document | {"bins": rows})
        return
    for line in reliability_lines(rows):
        click.echo(line)
    for name, figure in (("ECE", error), ("Brier", told.brier)):
        click.echo(f"{name:<6} {figure.words()}  {figure.interval()}  {figure.definition}".rstrip())
    if out:
        click.echo(f"wrote {clean(str(out), newlines=False)}", err=True)
