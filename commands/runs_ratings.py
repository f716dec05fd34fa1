"""`wb runs ratings` and `wb runs agreement`: what raters said, and how far they agree."""

from __future__ import annotations

from pathlib import Path

import click

from commands.completing import complete_runs
from commands.paths import ReadFile, WriteFile
from commands.runs_rate import RATER
from sessions.ids import short_id


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=complete_runs)
@RATER
@click.option("--out", type=WriteFile(), help="Write them to a JSON lines file.")
@click.option(
    "--import",
    "source",
    type=ReadFile(),
    help="Add the ratings of such a file to their raters'.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def ratings(
    runs: tuple[str, ...], rater: str, out: Path | None, source: Path | None, as_json: bool
) -> None:
    """List, export and import ratings of answers.

    Without --rater, those of all raters; with RUN, only those of these runs. The file of --out is
    what another machine imports, and what wb runs agreement takes.

    \b
    Example:
      wb runs ratings last --json
      wb runs ratings --rater ann --out ann.jsonl
      wb runs ratings --import bob.jsonl
    """
    from commands.printing import echo_json, echo_table, json_text
    from sessions.atomic import atomic_write
    from sessions.ratings import import_ratings, raters, ratings_of, read_ratings
    from sessions.runs import Run
    from workbench.errors import UsageError
    from workbench.text import clean, counted

    if source is not None:
        if runs or rater or out:
            raise UsageError("--import takes a whole file: leave RUN, --rater and --out out")
        found, bad = read_ratings(source)
        added = import_ratings(found)
        if as_json:
            echo_json({"read": len(found), "added": added, "damaged": bad})
        _tell_bad(bad)
        click.echo(f"{counted(added, 'rating')} added of {len(found)}", err=True)
        return
    ids = {Run.open(name).id for name in runs}
    rows, damaged = [], 0
    for name in [rater] if rater else raters():
        found, bad = ratings_of(name)
        damaged += bad
        rows += [one for one in found if not ids or one.run in ids]
    _tell_bad(damaged)
    if out is not None:
        try:
            atomic_write(out, "".join(json_text(r.to_json(), indent=None) + "\n" for r in rows))
        except OSError as error:
            raise UsageError(f"cannot write {out}: {error.strerror or error}") from error
        click.echo(f"{counted(len(rows), 'rating')} in {clean(out, newlines=False)}", err=True)
    elif as_json:
        echo_json([one.to_json() for one in rows])
    else:
        table = [
            (
                one.rater,
                short_id(one.run),
                one.uid,
                one.scale,
                one.words,
                one.note,
            )
            for one in rows
        ]
        head = ("RATER", "RUN", "UID", "SCALE", "VALUE", "NOTE")
        echo_table(head, table, empty="no ratings; wb runs rate RUN")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="RATER|FILE...")
@click.option(
    "--metric", default="", help="Hold one rater against this: bertscore, cider, correct."
)
@click.option(
    "--bertscore-model",
    default="",
    metavar="MODEL",
    help="A folder or a cached hub id; with bertscore.  [roberta-large]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def agreement(files: tuple[str, ...], metric: str, bertscore_model: str, as_json: bool) -> None:
    """Show how far raters agree with each other, or one with a metric.

    Between raters: Krippendorff's alpha, nominal, ordinal and interval. With --metric: Kendall's
    tau-b and Spearman's rho over the rated answers, for each RATER. Each has its 95% interval.

    \b
    Example:
      wb runs agreement ann bob.jsonl
      wb runs agreement ann --metric bertscore
    """
    from commands.printing import echo_json, echo_table
    from sessions.ratings import find_ratings
    from workbench.errors import UsageError
    from workbench.evaluation.rating_agreement import agreement_of, agreement_with_metric
    from workbench.text import clean

    if not metric and len(files) < 2:
        raise UsageError(
            "agreement wants two raters or files", hint="or a metric: --metric bertscore"
        )
    read = []
    for name in files:
        found, bad = find_ratings(name)
        _tell_bad(bad)
        read.append(found)
    if metric:
        results = [
            one
            for found in read
            for one in agreement_with_metric(found, metric, bertscore_model=bertscore_model)
        ]
    else:
        results = agreement_of(read)
    if as_json:
        echo_json([one.to_json() for one in results])
        return
    rows = [
        (one.scale, " and ".join(one.raters), name, figure.words(3), figure.interval(), figure.n,
         figure.reason)
        for one in results
        for name, figure in one.figures.items()
    ]  # fmt: skip
    echo_table(("SCALE", "BETWEEN", "FIGURE", "VALUE", "95%", "N", ""), rows, empty="no ratings")
    for note in dict.fromkeys(note for one in results for note in one.notes):
        click.echo(f"note: {clean(note, newlines=False)}", err=True)


def _tell_bad(bad: int) -> None:
    from workbench.text import counted

    if bad:
        click.echo(
            f"warning: {counted(bad, 'line')} cannot be read and count for nothing", err=True
        )
