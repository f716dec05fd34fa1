"""`wb runs`: list, show and compare evaluations and trainings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from commands.completing import complete_runs
from commands.groups import Group
from commands.limit_option import limit_option, tell_left_out
from commands.printing import echo_json, echo_table, tell_damaged
from commands.run_lines import show_samples
from commands.run_words import progress, say
from commands.runs_answers import answers
from commands.runs_compare import compare
from commands.runs_ctl import ctl, show_requests
from commands.runs_export import export
from commands.runs_import import import_
from commands.runs_invariance import invariance
from commands.runs_ledger import ledger, ledger_of, show_ledger
from commands.runs_merge import merge
from commands.runs_rate import rate
from commands.runs_ratings import agreement, ratings
from commands.runs_reliability import reliability
from commands.runs_report import report
from commands.runs_table import table
from workbench.evaluation.counted import counted_words
from workbench.reports.run import (
    FIGURE_HEADERS,
    LABEL_HEADERS,
    document,
    figure_rows,
    figures,
    label_rows,
    main_words,
    names_of,
    notes_of,
    row,
    state_of,
)
from workbench.reports.training import TrainingReport, training_report
from workbench.times import ago, duration

if TYPE_CHECKING:
    from sessions.runs import Run

_run = click.argument("run", shell_complete=complete_runs)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(cls=Group)
def command() -> None:
    """List, show and compare runs.

    RUN is an id, the beginning or the end of one, a folder, or `last`: the newest run that is no
    control or other variant of another.

    \b
    Example:
      wb runs show last
      wb runs show last --errors --uids | wb bookmark add - --tag errors
      wb runs compare 3f2a9k 8h1m0q
    """


@command.command("list")
@click.option("--kind", type=click.Choice(["eval", "train"]), help="Only these.")
@click.option("--dataset", help="Only those of this dataset.")
@limit_option
@click.option("--ids", is_flag=True, help="Print ids only, for another command.")
@_json
def list_(kind: str | None, dataset: str | None, limit: int, ids: bool, as_json: bool) -> None:
    """List the runs, the newest first.

    \b
    Example:
      wb runs list --dataset demo --json
      wb runs table $(wb runs list --kind eval --limit 8 --ids)
    """
    from sessions.ids import short_id
    from sessions.runs import list_runs

    every = [
        run
        for run in list_runs()
        if kind in {None, run.kind} and dataset in {None, names_of(run.config).dataset}
    ]
    found = every[:limit] if limit else every
    tell_damaged("run", [(run.id, run.damage) for run in found])
    left = len(every) - len(found)
    tell_left_out("run", left, "wb runs list", kind=kind, dataset=dataset)
    if as_json:
        echo_json([row(run) for run in found])
        return
    if ids:
        for run in found:
            click.echo(run.id)
        return
    from workbench.evaluation.telling_apart import told_apart

    rows = [
        (
            short_id(run.id),
            run.kind,
            state_of(run),
            (names := names_of(run.config, run.id)).where,
            names.who_short,
            differs,
            progress(run),
            main_words(run),
            ago(run.created),
        )
        for run, differs in zip(found, told_apart([(r.kind, r.config) for r in found]), strict=True)
    ]
    echo_table(
        ("RUN", "KIND", "STATE", "DATA", "MODEL", "DIFFERS", "DONE", "RESULT", "AGE"),
        rows,
        empty="no such runs; see: wb runs list"
        if kind or dataset
        else "no runs; wb run-eval --dataset demo --split test --limit 100",
    )


@command.command()
@_run
@click.option("--errors", is_flag=True, help="List the samples that are wrong, unparsed or failed.")
@click.option("--disagree", is_flag=True, help="List the samples whose text and scores disagree.")
@click.option(
    "--sort",
    metavar="COLUMN",
    help="List all samples, or those of --errors or --disagree, by label, answer, answer length, "
    "verdict, confidence, or any number of their lines, such as latency_s.",
)
@click.option("--descending", is_flag=True, help="With --sort: the greatest first.")
@click.option("--uids", is_flag=True, help="Print UIDs only, for a pipe.  [of --errors]")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=0,
    help="Of a list of samples: at most this many; 0 for all.",
)
@_json
def show(
    run: str,
    errors: bool,
    disagree: bool,
    sort: str | None,
    descending: bool,
    uids: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Show a run's figures, its errors, or its samples in an order.

    What has no value of the column that is sorted by stands last.

    \b
    Example:
      wb runs show last --json
      wb runs show last --errors --limit 20
      wb runs show last --sort confidence --descending --errors
    """
    from sessions.runs import Run
    from workbench.errors import UsageError

    found = Run.open(run)
    if descending and sort is None:
        raise UsageError("--descending is about --sort, which is not given")
    if disagree or errors or uids or sort is not None:
        from workbench.reports.listed import listed

        some = listed(
            found.predictions(),
            errors=errors or (uids and sort is None),
            disagree=disagree,
            sort=sort,
            descending=descending,
        )
        show_samples(some, uids, limit, as_json)
    elif as_json:
        told, training = ledger_of(found), training_report(found)
        more = {"ledger": told.to_json()} if told else {}
        echo_json(document(found) | more | ({"training": training.to_json()} if training else {}))
    else:
        _show(found)


@command.command()
@_run
@click.option(
    "--metrics",
    default="",
    help="Text metrics by commas: coco_bleu, coco_rouge_l, cider, meteor, bertscore, distinct, "
    "evaluate:NAME, a plug-in's.  [the first four, and distinct]",
)
@click.option(
    "--bertscore-model",
    default="",
    metavar="MODEL",
    help="A folder or a cached hub id; with bertscore.  [roberta-large]",
)
@_json
def score(run: str, metrics: str, bertscore_model: str, as_json: bool) -> None:
    """Compute a run's figures again from its answers, optionally with other metrics.

    No model is asked. `evaluate:NAME` is a metric of the evaluate library: a folder with its
    script, which wb runs, or a metric in the hub's cache. `wb plugins list` has the metrics of
    other packages. A metric that is not available is "–" with its reason.

    \b
    Example:
      wb runs score last --metrics cider,meteor,bertscore --bertscore-model ./roberta-large
    """
    from sessions.runs import Run
    from workbench.evaluation.document import rescore
    from workbench.evaluation.metrics.texts import TextWish

    found = Run.open(run)
    rescore(found, TextWish.named(metrics, bertscore_model))
    if as_json:
        echo_json(document(found))
    else:
        _show(found)


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
    """Delete runs and their folders; a run that is being written is refused.

    \b
    Example:
      wb runs rm 3f2a9k
    """
    from sessions.runs import Run
    from workbench.evaluation.each_once import refuse_twice

    found = [Run.open(name) for name in runs]
    refuse_twice(found)
    for run in found:
        run.remove()
        click.echo(run.id)


def _show(run: Run) -> None:
    from workbench.evaluation.control_requests import requests_of

    body = document(run)
    counts: Mapping[str, Any] = body["counts"]
    say("run", f"{run.id}  {run.kind}  {state_of(run)}" + (f": {run.reason}" if run.reason else ""))
    names = names_of(run.config)
    say("data", names.where)
    say("model", names.who)
    say("folder", run.path)
    training = training_report(run)
    if training is None:
        say("samples", counted_words(counts).replace(" samples", "", 1))
    else:
        _show_training(training)
    say("took", duration(body["seconds"]))
    if body["damage"]:
        say("damaged", body["damage"])
    if body["damaged_lines"]:
        say("damaged", f"{body['damaged_lines']} lines, see predictions.jsonl.bad")
    for note in notes_of(run):
        say("note", note)
    if rows := figure_rows(figures(run)):
        best = training.best if training else None
        click.echo(f"\nthe evaluation at step {best.step:,}:" if best else "")
        echo_table(FIGURE_HEADERS, rows)
    if rows := label_rows(body.get("per_label")):
        click.echo("")
        echo_table(LABEL_HEADERS, rows)
    if told := ledger_of(run):
        click.echo("")
        show_ledger(told)
    if asked := requests_of(run):
        click.echo("")
        show_requests(asked)
    if training is not None and training.next:
        click.echo("")
        for command_line in training.next:
            say("next", command_line)
    if body.get("disagree"):
        click.echo("")
        say("disagree", f"{body['disagree']} samples; wb runs show {run.id} --disagree")


def _show_training(training: TrainingReport) -> None:
    say("steps", training.progress())
    if training.best is not None:
        say("best", training.best.words())
    for name, curve in training.curves.items():
        if name in ("loss", "eval_loss") and len(curve) > 1:
            first, last = curve[0], curve[-1]
            about = f"{first[1]:.4g} at step {first[0]:g}, {last[1]:.4g} at step {last[0]:g}"
            say(name, about)
    if training.saved is not None:
        say("saved", training.saved)
    if training.settings:
        click.echo("")
        echo_table(("SETTING", "VALUE"), training.settings)
        click.echo("")


command.add_command(answers)
command.add_command(compare)
command.add_command(ctl)
command.add_command(export)
command.add_command(import_)
command.add_command(invariance)
command.add_command(ledger)
command.add_command(merge)
command.add_command(reliability)
command.add_command(report)
command.add_command(table)
command.add_command(rate)
command.add_command(ratings)
command.add_command(agreement)
