"""`wb ablate`: train several variants of a training, and compare them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.mode_option import mode_option
from commands.paths import WriteFolder
from commands.printing import echo_json

if TYPE_CHECKING:
    from training.ablation_config import Ablation


@click.command()
@click.argument("config", required=False, type=click.Path())
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key of the config for all variants; repeat for several.",
)
@click.option("--out", type=WriteFolder(), help="Write table and plots into this folder too.")
@click.option("--list", "listed", is_flag=True, help="List the ablations that come with wb.")
@click.option("--dry-run", is_flag=True, help="List the trials and which are done; train nothing.")
@click.option("--detach", is_flag=True, help="Run as a background job and print its id.")
@mode_option
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    config: str | None,
    changes: tuple[str, ...],
    out: Path | None,
    listed: bool,
    dry_run: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Train several variants of a training, and compare them.

    CONFIG is a training config whose key `ablation` says what varies: `methods`, `variants` or
    `grid`, and `seeds`; or the name of an ablation that comes with wb. Each trial is an ordinary
    run. After a kill the same command continues and trains nothing twice.

    The comparison has figures with intervals over the seeds, differences to the first variant,
    trainable parameters, time, memory and bytes on disk, as a table, JSON, CSV, Markdown and plots.
    If all trials are trained, the command only computes the comparison again.

    \b
    Example:
      wb ablate caption_vitgpt2 --set model=MODEL --dry-run
      wb ablate easy_vqa --detach
      wb ablate demo_lora --set 'ablation.methods=[lora, full]' --set 'ablation.seeds=[0, 1, 2]'
    """
    from training.ablation_config import load_ablation
    from workbench.errors import UsageError

    if listed:
        _list(as_json)
        return
    if not config:
        raise UsageError("wb ablate wants a config", hint="wb ablate --list names some")
    ablation = load_ablation(config, changes)
    if detach:
        _detach(ablation, config, changes, out, as_json)
        return
    if dry_run:
        _show_trials(ablation, as_json)
        return
    from training.ablate import ablate, ablation_folder
    from training.ablation_figures import compare
    from training.ablation_report import to_json, write_report
    from workbench.progress import StderrLine
    from workbench.text import clean

    line = StderrLine()
    try:
        outcomes = ablate(ablation, on_progress=line)
    finally:
        line.end()
    found = compare(ablation, outcomes)
    folders = [ablation_folder(ablation)] + ([out] if out else [])
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        write_report(found, folder)
    if as_json:
        echo_json(to_json(found) | {"folder": str(folders[-1])})
    else:
        _show(found, folders[-1])
    for outcome in outcomes:
        if outcome.state == "failed":
            said = f"{outcome.trial.name} failed: {outcome.reason}"
            click.echo(f"error: {clean(said, newlines=False)}", err=True)
    states = {outcome.state for outcome in outcomes}
    if "cancelled" in states or "new" in states:
        click.echo("cancelled; the same command goes on", err=True)
    if states != {"done"}:
        ctx.exit(1)


def _list(as_json: bool) -> None:
    from commands.printing import echo_table
    from training.ablation_config import SHIPPED
    from training.config_file import header

    rows = [
        {"name": path.stem, "about": header(path).partition("\n")[0].removeprefix("# ")}
        for path in sorted(SHIPPED.glob("*.yaml"))
    ]
    if as_json:
        echo_json(rows)
    else:
        echo_table(["NAME", "ABOUT"], [list(row.values()) for row in rows])


def _show(found: Any, folder: Path) -> None:
    from commands.printing import echo_table
    from training.ablation_report import headers, notes, table_rows
    from workbench.text import clean

    echo_table(headers(found), table_rows(found))
    for note in notes(found):
        click.echo(f"note: {clean(note, newlines=False)}", err=True)
    click.echo(f"table and plots: {clean(str(folder))}", err=True)


def _show_trials(ablation: Ablation, as_json: bool) -> None:
    from commands.printing import echo_table
    from training.ablate import look

    rows = [
        {
            "variant": found.trial.variant,
            "seed": found.trial.seed,
            "state": found.state,
            "run": found.run.id if found.run else None,
        }
        for found in look(ablation)
    ]
    if as_json:
        echo_json({**ablation.to_json(), "trials": rows})
    else:
        echo_table(["VARIANT", "SEED", "STATE", "RUN"], [list(row.values()) for row in rows])


def _detach(
    ablation: Ablation, config: str, changes: tuple[str, ...], out: Path | None, as_json: bool
) -> None:
    from sessions.jobs import start
    from workbench.reports.job_title import job_title

    words = ["wb", "ablate", str(Path(config).absolute()) if Path(config).exists() else config]
    words += [word for change in changes for word in ("--set", change)]
    words += ["--out", str(out.absolute())] if out else []
    job = start(words, title=job_title(["wb", "ablate", ablation.name]))
    if as_json:
        echo_json({"job": job.id})
    else:
        click.echo(job.id)
        click.echo(f"follow it: wb jobs log -f {job.id}", err=True)
