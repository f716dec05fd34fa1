"""`wb runs compare`: what differs between runs, and whether their figures really do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from commands.completing import complete_runs
from commands.printing import echo_json, echo_table
from commands.run_words import say
from sessions.ids import short_id
from workbench.reports.run import names_of
from workbench.reports.setting_words import setting_words

if TYPE_CHECKING:
    from sessions.runs import Run
    from workbench.evaluation.comparison import Change, RunComparison


@click.command()
@click.argument("first", shell_complete=complete_runs)
@click.argument("second", shell_complete=complete_runs)
@click.argument("more", nargs=-1, metavar="[RUN]...", shell_complete=complete_runs)
@click.option(
    "--flips", is_flag=True, help="Also list the samples that only one of the two has right."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def compare(first: str, second: str, more: tuple[str, ...], flips: bool, as_json: bool) -> None:
    """Say what differs between two runs, and whether their figures really do.

    Runs are paired by UID. Right and wrong answers are compared by McNemar's exact test and
    Newcombe's interval; captions, and questions with ten people's answers, by the paired
    bootstrap of their figures. Samples that share an image, a sentence or a set form one cluster.
    `power` says how small a difference this number of samples can find.

    With more than two runs, each is compared with the first, with p-values adjusted by Holm.

    \b
    Example:
      wb runs compare 3f2a9k 8h1m0q --flips
      wb runs compare 3f2a9k 8h1m0q 01k2zz
    """
    from sessions.runs import Run
    from workbench.evaluation.comparison import compare_runs

    a, others = Run.open(first), [Run.open(name) for name in (second, *more)]
    lines = a.predictions()
    found = [compare_runs((a.config, lines), (b.config, b.predictions())) for b in others]
    if more:
        _many(a, others, found, as_json)
        return
    if as_json:
        echo_json({"first": a.id, "second": others[0].id, **found[0].to_json()})
        return
    _show_comparison(a, others[0], found[0])
    if flips:
        _show_flips(found[0])


def _show_flips(found: RunComparison) -> None:
    from workbench.reports.prediction import read_prediction

    rows = []
    for flip in found.paired.flips:
        before, after = read_prediction(flip.before), read_prediction(flip.after)
        side = "fixed" if flip.fixed else "broken"
        rows.append((flip.uid, side, before.target, before.read_as, after.read_as))
    click.echo("")
    echo_table(("UID", "FLIP", "TARGET", "FIRST", "SECOND"), rows, empty="no flips")


def _many(a: Run, others: list[Run], found: list[RunComparison], as_json: bool) -> None:
    """Each run against the first, by the figure that they are judged by."""
    from workbench.evaluation.comparison import p_words
    from workbench.evaluation.power import holm

    changes: list[Change] = [comparison.changes[0] for comparison in found]
    adjusted = holm([change.difference.p_value for change in changes])
    if as_json:
        body = [
            {"run": run.id, "p_holm": p, **comparison.to_json()}
            for run, comparison, p in zip(others, found, adjusted, strict=True)
        ]
        echo_json({"first": a.id, "compared": body})
        return
    say("first", f"{a.id}  {names_of(a.config).who_short}")
    click.echo("")
    rows = [
        (
            short_id(run.id),
            names_of(run.config).who_short,
            change.name,
            change.first.words(3),
            change.second.words(3),
            change.difference.words(3, "+"),
            change.difference.interval(3, "+"),
            p_words(change.difference.p_value),
            p_words(p),
            str(change.difference.n),
            ", ".join(d.name for d in comparison.differences),
        )
        for run, comparison, change, p in zip(others, found, changes, adjusted, strict=True)
    ]
    headers = ("RUN", "MODEL", "METRIC", "FIRST", "ITS", "CHANGE", "95%", "P", "P HOLM", "N")
    echo_table((*headers, "DIFFERS"), rows)
    click.echo("")
    click.echo(
        f"P HOLM is adjusted for {len(others)} comparisons: under 0.05 for any of them happens by "
        "luck alone in at most 5% of such tables. Intervals are of each comparison alone."
    )


def _show_comparison(a: Run, b: Run, found: RunComparison) -> None:
    from workbench.evaluation.comparison import p_words, verdict_words

    sides = (("first", a), ("second", b))
    named = [(side, run.id, names_of(run.config).who_short) for side, run in sides]
    echo_table(("", "RUN", "MODEL"), named)
    click.echo("")
    rows = [
        (d.name, setting_words(d.name, d.first), setting_words(d.name, d.second))
        for d in found.differences
    ]
    if rows:
        echo_table(("DIFFERS", "FIRST", "SECOND"), rows)
    else:
        click.echo(found.no_difference)
    click.echo("")
    paired = found.paired
    say("shared", f"{paired.shared} samples, {paired.failed} of them failed in one")
    if paired.unpaired_a or paired.unpaired_b:
        say("alone", f"{paired.unpaired_a} in the first, {paired.unpaired_b} in the second")
    if paired.n:
        say("fixed", f"{paired.only_b} (wrong in the first, right in the second)")
        say("broken", f"{paired.only_a}")
    click.echo("")
    echo_table(
        ("METRIC", "FIRST", "SECOND", "CHANGE", "95%", "P", "N", ""),
        [
            (
                change.name,
                change.first.words(),
                change.second.words(),
                change.difference.words(sign="+"),
                change.difference.interval(4, "+"),
                p_words(change.difference.p_value),
                change.difference.n,
                change.difference.note,
            )
            for change in found.changes
        ],
    )
    click.echo("")
    for change in found.changes:
        say(change.name, f"{verdict_words(change)} ({change.test})")
    if found.power is not None:
        from workbench.evaluation.power import power_words

        say("power", power_words(found.power))
    for note in found.notes:
        say("note", note)
