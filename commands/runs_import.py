"""`wb runs import`: answers that were given elsewhere become a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from commands.completing import complete_splits, complete_templates
from commands.paths import ReadFile
from commands.printing import echo_json
from sessions.ids import short_id

if TYPE_CHECKING:
    from workbench.evaluation.importing import ImportWish


@click.command("import")
@click.argument("file", type=ReadFile())
@click.option(
    "--dataset",
    required=True,
    help="What the answers are about: a dataset, or dataset/split.",
    shell_complete=complete_splits,
)
@click.option("--split", default="", help="Its split.")
@click.option("--model", default="", help="What to call who answered.  [the file's name]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "json", "coco", "lmms-eval"]),
    help="How the file is read.  [by its ending and its keys]",
)
@click.option("--id-column", default="", metavar="NAME", help="The column that names the sample.")
@click.option("--answer-column", default="", metavar="NAME", help="The column with the answer.")
@click.option(
    "--template",
    default="",
    help="How answers are read; that of the run you compare with.  [the task's]",
    shell_complete=complete_templates,
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def import_(as_json: bool, **params: Any) -> None:
    """Make a run of answers that were given elsewhere, to be compared with others.

    FILE is COCO's or VQA's results, lmms-eval's logged samples, {image: caption}, or a CSV, JSON or
    JSON lines with a column for the sample (UID, the dataset's id, an image's name) and one for
    the answer. Answers are read and judged as those of `wb run-eval`. Rows that fit no sample, or
    several, are counted and told; if none fits, the exit code is 1.

    \b
    Example:
      wb runs import samples_gqa.jsonl --dataset gqa/testdev --model llava-1.5
      wb runs import results.json --dataset coco --split val --model blip2
      wb runs import answers.csv --dataset esnlive/test --answer-column explanation
    """
    from dataclasses import asdict

    from workbench.evaluation.importing import import_run
    from workbench.text import clean

    done = import_run(wish_of(params))
    for note in done.notes:
        click.echo(f"note: {clean(note, newlines=False)}", err=True)
    if done.known:
        click.echo(f"run {done.run.id} is this import already", err=True)
    counts = done.counts
    if as_json:
        facts = {"run": done.run.id, "known": done.known, "notes": list(done.notes)}
        echo_json(facts | {"rows": asdict(counts)})
        return
    click.echo(done.run.id)
    columns = done.run.config.get("imported", {}).get("columns", {})
    click.echo(
        f"{counts.matched} of {counts.rows} rows are answers to samples; {counts.unanswered} "
        f"samples have none; read by {clean(str(columns.get('answer')), newlines=False)}, "
        f"with {clean(str(done.run.config.get('template')), newlines=False)}; "
        f"see: wb runs show {short_id(done.run.id)}",
        err=True,
    )


def wish_of(params: Mapping[str, Any]) -> ImportWish:
    """What the command was given."""
    from workbench.evaluation.importing import ImportWish

    names = ("dataset", "split", "model", "template", "form", "id_column", "answer_column")
    return ImportWish(params["file"], *(params[name] or "" for name in names))
