"""`wb run-eval --prompts`: one evaluation in several wordings, and the table of their answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.printing import echo_json, echo_table
from commands.run_notes import tell_ahead

if TYPE_CHECKING:
    from workbench.evaluation.config import EvalConfig
    from workbench.evaluation.wordings import WordingRuns


def check_prompts(prompts: str, out_csv: Path | None, resume: str, flags: dict[str, Any]) -> None:
    """Refuse flags that do not go together, before anything is opened. Raises `UsageError`."""
    from workbench.errors import UsageError

    if out_csv and not prompts:
        raise UsageError("--out-csv wants --prompts: a column for each of them")
    if not prompts:
        return
    if resume and resume != "auto":
        raise UsageError(
            f"--prompts are several runs, and --resume {resume} is one",
            hint="the same command goes on with all of them",
        )
    names = ("template", "shard", "processes", "dry_run")
    wrong = [f"--{name.replace('_', '-')}" for name in names if flags.get(name)]
    if wrong:
        raise UsageError(
            f"--prompts and {' and '.join(wrong)} exclude each other",
            hint="--template NAME is one wording",
        )


def ask_prompts(
    ctx: click.Context, config: EvalConfig, prompts: str, out_csv: Path | None, as_json: bool
) -> None:
    """Evaluate in each wording, and print each one's figure, their mean and their spread."""
    from sessions.atomic import atomic_write
    from workbench.evaluation.wordings import ask_wordings, configs_of, read_wordings, table_of
    from workbench.progress import StderrLine
    from workbench.text import clean

    wordings = read_wordings(prompts, config)
    tell_ahead(*configs_of(config, wordings).values())
    line = StderrLine()
    try:
        found = ask_wordings(config, wordings, on_progress=line)
    finally:
        line.end()
    stopped = found.unfinished
    if stopped is not None:
        click.echo(f"run {stopped.id} is {stopped.state}: {clean(stopped.reason, newlines=False)}; "
                   "the same command goes on", err=True)  # fmt: skip
    elif out_csv:
        text, failed = table_of(found)
        atomic_write(out_csv.absolute(), text)
        empty = f"; {failed} cells are empty: their samples failed" if failed else ""
        click.echo(f"wrote {clean(str(out_csv), newlines=False)}{empty}", err=True)
    _show(found, as_json)
    if stopped is not None:
        ctx.exit(1)


def _show(found: WordingRuns, as_json: bool) -> None:
    from sessions.ids import short_id
    from workbench.evaluation.counted import counted_words
    from workbench.evaluation.wordings import spreads
    from workbench.reports.run import counts_of, main_words

    spread = spreads(found)
    templates = {one.column: one.template for one in found.wordings}
    if as_json:
        runs = {
            column: {"run": run.id, "template": templates[column], "state": run.state}
            for column, run in found.runs.items()
        }
        echo_json({"runs": runs, "spread": {n: one.to_json() for n, one in spread.items()}})
        return
    echo_table(
        ("COLUMN", "TEMPLATE", "RUN", "RESULT", "SAMPLES"),
        [
            (column, templates[column], short_id(run.id), main_words(run),
             counted_words(counts_of(run)))
            for column, run in found.runs.items()
        ],
    )  # fmt: skip
    if not spread or len(found.runs) < 2:
        return
    click.echo("")
    echo_table(
        ("METRIC", "MEAN", "SD", "MIN", "MAX"),
        [
            (name, *(_number(one.to_json()[what]) for what in ("mean", "sd", "min", "max")))
            for name, one in spread.items()
        ],
    )


def _number(value: float | None) -> str:
    from sessions.estimate import NONE

    return NONE if value is None else f"{value:.4f}"
