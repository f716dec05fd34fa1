"""`wb train`: fine-tune a model from a config file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.completing import complete_runs
from commands.mode_option import mode_option
from commands.paths import WriteFile, WriteFolder
from commands.printing import echo_json
from commands.train_shown import part_lines, show_end, show_plan


@click.command()
@click.argument("config", required=False, type=click.Path())
@click.option(
    "--resume",
    default="",
    metavar="RUN",
    help="Go on from a run's last checkpoint.",
    shell_complete=complete_runs,
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key of the config; repeat for several.",
)
@click.option("--dry-run", is_flag=True, help="Say what the training would do, and train nothing.")
@click.option("--list", "listed", is_flag=True, help="List the configs that come with wb.")
@click.option(
    "--init",
    default="",
    metavar="NAME",
    help="Write the config NAME to CONFIG (or NAME.yaml), with every key and its meaning.",
)
@click.option("--schema", is_flag=True, help="Print the JSON schema of a config.")
@click.option(
    "--show-batch",
    "shown",
    type=int,
    is_flag=False,
    flag_value=4,
    metavar="[N]",
    help="Show the first N samples as the model will see them, and train nothing.  [4]",
)
@click.option("--html", "page", type=WriteFile(), help="With --show-batch: write an HTML page.")
@click.option(
    "--pictures",
    type=WriteFolder(),
    metavar="DIR",
    help="With --show-batch: write the pictures as PNG.",
)
@click.option("--detach", is_flag=True, help="Run as a background job and print its id.")
@mode_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    config: str | None,
    resume: str,
    changes: tuple[str, ...],
    dry_run: bool,
    listed: bool,
    init: str,
    schema: bool,
    shown: int | None,
    page: Path | None,
    pictures: Path | None,
    detach: bool,
    as_json: bool,
) -> None:
    """Train a model from a config file.

    CONFIG is a file or the name of a config that comes with wb (--list).

    Trains LoRA over a frozen model, or the `method` of the config. Before the first step you see
    which parts train. The run's folder gets curves (TensorBoard, history.jsonl), checkpoints and
    the adapter, which `--adapter RUN` of the other commands takes. `task: contrastive` aligns an
    image encoder to a frozen text encoder instead, and leaves `encoder/`. SIGTERM saves a
    checkpoint, then ends the training.

    \b
    Example:
      wb train demo_lora --dry-run
      wb train demo_lora --show-batch --html batch.html
      wb train mine.yaml --detach
      wb train demo_lora --set lora.r=8 --set epochs=1
      wb train --init nlvr2_qwen2vl_lora mine.yaml
      wb train --resume 01k2
    """
    if listed or schema or init:
        from commands.train_files import show_list, show_schema, write_config

        _refuse_two({"--list": listed, "--schema": schema, "--init": init, "--resume": resume})
        if init:
            write_config(init, config, as_json)
        else:
            show_list(as_json) if listed else show_schema()
        return
    settings = settings_of(config, resume, changes)
    if shown is not None:
        from commands.train_batch import show

        show(settings, shown, page=page, pictures=pictures, as_json=as_json)
        return
    if page or pictures:
        from workbench.errors import UsageError

        raise UsageError("--html and --pictures go with --show-batch")
    if detach:
        _detach(settings, config, resume, changes, as_json)
        return
    from training.train import dry_run as look
    from training.train import train
    from workbench.progress import StderrLine
    from workbench.text import clean

    if dry_run:
        show_plan(look(settings), as_json)
        return
    line = StderrLine()

    def warn(text: str) -> None:
        line.end()
        click.echo(f"warning: {clean(text)}", err=True)

    def ready(facts: dict[str, Any]) -> None:
        line.end()
        for row in part_lines(facts):
            click.echo(row, err=True)

    try:
        run = train(
            settings,
            on_progress=line,
            resume=resume,
            warn=warn,
            on_ready=ready,
            asked={"config": config, "set": list(changes)},
        )
    finally:
        line.end()
    found = run.metrics()
    if as_json:
        echo_json(found)
    else:
        show_end(found)
    if found.get("state") == "cancelled":
        click.echo(f"cancelled; go on with: wb train --resume {run.id}", err=True)
        ctx.exit(1)


def settings_of(config: str | None, resume: str, changes: tuple[str, ...]) -> Any:
    """The config that is meant. Raises `UsageError` with all of its faults, `NoSuchRecord`."""
    from workbench.errors import UsageError

    if bool(config) == bool(resume) and not (resume and config):
        raise UsageError(
            "wb train wants a config, or --resume RUN",
            hint="wb train --list names those that come with wb; docs/training-keys.md: the keys",
        )
    if resume:
        from sessions.runs import Run
        from training.train import resumed_config

        # A job that is retried says both: the run knows its own config best.
        if changes:
            raise UsageError("--set with --resume: the run's config stays as it is")
        return resumed_config(Run.open(resume))
    from training.tasks import load_config

    assert config is not None
    return load_config(config, changes)


def _refuse_two(given: dict[str, Any]) -> None:
    from workbench.errors import UsageError

    names = [name for name, value in given.items() if value]
    if len(names) > 1:
        raise UsageError(f"{' and '.join(names)} cannot be combined")


def _detach(
    settings: Any, config: str | None, resume: str, changes: tuple[str, ...], as_json: bool
) -> None:
    from sessions.jobs import start
    from training.would_start import standings
    from workbench.evaluation.would_start import refuse
    from workbench.reports.job_title import job_title

    refuse(standings(settings))
    named = [str(Path(config).absolute()) if Path(config).exists() else config] if config else []
    words = ["wb", "train", *named]
    words += [word for change in changes for word in ("--set", change)]
    words += ["--resume", resume] if resume else []
    job = start(words, title=job_title(words))
    if as_json:
        echo_json({"job": job.id})
    else:
        click.echo(job.id)
        click.echo(f"follow it: wb jobs log -f {job.id}", err=True)
