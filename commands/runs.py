"""`wb runs`: list, show and compare what was evaluated and trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from commands.completing import complete_runs
from commands.printing import ago, echo_json, echo_table, tell_damaged
from commands.run_facts import (
    document,
    error_or_text,
    figures,
    interval,
    main_figure,
    named,
    progress,
    row,
    target_and_label,
    what_is_wrong,
    where,
    who,
)

if TYPE_CHECKING:
    from sessions.compare import Paired
    from sessions.runs import Run

_run = click.argument("run", shell_complete=complete_runs)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def command() -> None:
    """List, show and compare runs.

    RUN is an id, the beginning or the end of one, a folder, or `last`.

    \b
    Example:
      wb runs show last
      wb runs show last --errors --uids | wb bookmark add - --tag errors
      wb runs compare 3f2a9k 8h1m0q
    """


@command.command("list")
@click.option("--kind", type=click.Choice(["eval", "train"]), help="Only these.")
@click.option("--dataset", help="Only those of this dataset.")
@click.option("--limit", default=50, show_default=True, help="How many; 0 for all.")
@_json
def list_(kind: str | None, dataset: str | None, limit: int, as_json: bool) -> None:
    """List the runs, the newest first.

    \b
    Example:
      wb runs list --dataset demo --json
    """
    from sessions.ids import short_id
    from sessions.runs import list_runs

    found = [
        run
        for run in list_runs()
        if kind in {None, run.kind} and dataset in {None, named(run, "dataset")}
    ]
    found = found[:limit] if limit else found
    tell_damaged("run", [(run.id, run.damage) for run in found])
    if as_json:
        echo_json([row(run) for run in found])
        return
    rows = [
        (
            short_id(run.id),
            run.kind,
            run.state,
            where(run),
            who(run),
            progress(run),
            main_figure(run),
            ago(run.created),
        )
        for run in found
    ]
    echo_table(
        ("RUN", "KIND", "STATE", "DATA", "MODEL", "DONE", "RESULT", "AGE"),
        rows,
        empty="no runs; wb run-eval --dataset demo --split test --limit 100",
    )


@command.command()
@_run
@click.option("--errors", is_flag=True, help="The samples that are wrong, unparsed or failed.")
@click.option("--uids", is_flag=True, help="With --errors: their UIDs alone, for a pipe.")
@click.option("--limit", default=0, help="With --errors: at most so many.")
@_json
def show(run: str, errors: bool, uids: bool, limit: int, as_json: bool) -> None:
    """Show a run's figures, or its errors.

    \b
    Example:
      wb runs show last --json
      wb runs show last --errors --limit 20
    """
    from sessions.runs import Run

    found = Run.open(run)
    if errors or uids:
        _show_errors(found, uids, limit, as_json)
    elif as_json:
        echo_json(document(found))
    else:
        _show(found)


@command.command()
@click.argument("first", shell_complete=complete_runs)
@click.argument("second", shell_complete=complete_runs)
@click.option("--flips", is_flag=True, help="Also the samples that one has right and one wrong.")
@_json
def compare(first: str, second: str, flips: bool, as_json: bool) -> None:
    """Say whether the difference of two runs is real: paired by UID, McNemar's exact test.

    \b
    Example:
      wb runs compare 3f2a9k 8h1m0q --flips
    """
    from sessions.compare import compare_predictions
    from sessions.runs import Run

    a, b = Run.open(first), Run.open(second)
    paired = compare_predictions(a.predictions(), b.predictions())
    if not paired.n:
        from sessions.errors import RecordError

        raise RecordError(
            f"the runs {a.id} ({where(a)}) and {b.id} ({where(b)}) share no sample",
            hint="evaluate both on the same split",
        )
    if as_json:
        echo_json({"first": a.id, "second": b.id, **paired.to_json()})
        return
    _show_paired(a, b, paired)
    if flips:
        rows = [
            (
                f.uid,
                "fixed" if f.fixed else "broken",
                *target_and_label(f.before),
                f.after.get("label"),
            )
            for f in paired.flips
        ]
        click.echo("")
        echo_table(("UID", "FLIP", "TARGET", "FIRST", "SECOND"), rows, empty="no flips")


@command.command()
@_run
def path(run: str) -> None:
    """Print a run's folder.

    \b
    Example:
      tensorboard --logdir "$(wb runs path last)"
    """
    from sessions.runs import Run

    click.echo(Run.open(run).path)


@command.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
def rm(runs: tuple[str, ...]) -> None:
    """Delete runs with all that is in their folders; one that is being written is refused.

    \b
    Example:
      wb runs rm 3f2a9k
    """
    from sessions.runs import Run

    for run in [Run.open(name) for name in runs]:
        run.remove()
        click.echo(run.id)


def _show(run: Run) -> None:
    body = document(run)
    counts: Mapping[str, Any] = body["counts"]
    _say("run", f"{run.id}  {run.kind}  {run.state}" + (f": {run.reason}" if run.reason else ""))
    _say("data", where(run))
    _say("model", who(run))
    _say("folder", run.path)
    words = ", ".join(f"{counts[name]} {name}" for name in ("unparsed", "failed") if name in counts)
    _say("samples", f"{counts.get('done', 0)} of {counts.get('total', 0)}, {words}")
    _say("seconds", f"{body['seconds']:.1f}")
    if body["damage"]:
        _say("damaged", body["damage"])
    if body["damaged_lines"]:
        _say("damaged", f"{body['damaged_lines']} lines, see predictions.jsonl.bad")
    rows = [
        (name, f"{entry['value']:.4f}", interval(entry), entry.get("n", ""))
        for name, entry in figures(run).items()
    ]
    if rows:
        click.echo("")
        echo_table(("METRIC", "VALUE", "95%", "N"), rows)
    per_label = body.get("per_label")
    if isinstance(per_label, Mapping):
        rows = [
            (label, *(f"{row.get(k, 0):.3f}" for k in ("precision", "recall", "f1")), row.get("n"))
            for label, row in per_label.items()
            if isinstance(row, Mapping)
        ]
        click.echo("")
        echo_table(("LABEL", "PRECISION", "RECALL", "F1", "N"), rows)


def _show_errors(run: Run, uids: bool, limit: int, as_json: bool) -> None:
    from sessions.compare import is_right

    wrong = [line for line in run.predictions() if not is_right(line)]
    wrong = wrong[:limit] if limit else wrong
    if as_json:
        echo_json([{"uid": line["uid"], "what": what_is_wrong(line), **line} for line in wrong])
    elif uids:
        for line in wrong:
            click.echo(line["uid"])
    else:
        rows = [
            (line["uid"], what_is_wrong(line), *target_and_label(line), error_or_text(line)[:200])
            for line in wrong
        ]
        echo_table(("UID", "WHAT", "TARGET", "ANSWER", "TEXT"), rows, empty="no errors")


def _show_paired(a: Run, b: Run, paired: Paired) -> None:
    echo_table(
        ("", "RUN", "MODEL", "RIGHT"),
        [
            ("first", a.id, who(a), f"{paired.accuracy_a:.4f}"),
            ("second", b.id, who(b), f"{paired.accuracy_b:.4f}"),
        ],
    )
    click.echo("")
    _say("shared", f"{paired.n} samples, {paired.failed} of them failed in one")
    if paired.unpaired_a or paired.unpaired_b:
        _say("alone", f"{paired.unpaired_a} in the first, {paired.unpaired_b} in the second")
    _say("fixed", f"{paired.only_b} (wrong in the first, right in the second)")
    _say("broken", f"{paired.only_a}")
    _say("change", f"{paired.difference:+.4f}  95% [{paired.low:+.4f}, {paired.high:+.4f}]")
    _say("McNemar", f"p = {paired.p_value:.3g}")


def _say(name: str, value: Any) -> None:
    from workbench.text import clean

    click.echo(f"{name:<9} {clean(value, newlines=False)}")
