"""`wb train`: fine-tune a model from a config file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.completing import complete_runs
from commands.mode_option import mode_option
from commands.printing import echo_json


@click.command()
@click.argument("config", required=False, type=click.Path())
@click.option(
    "--resume",
    default="",
    metavar="RUN",
    help="Go on from a run's last checkpoint.",
    shell_complete=complete_runs,
)
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a key; repeat.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--detach", is_flag=True, help="As a background job; prints its id.")
@mode_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    config: str | None,
    resume: str,
    changes: tuple[str, ...],
    dry_run: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Fine-tune a model from a config file.

    LoRA over a frozen base, or the `method` of the config. The run's folder gets curves
    (TensorBoard, history.jsonl), checkpoints and the adapter, which `--adapter RUN` of the other
    commands takes at once. What trains, part by part, is told before the first step.
    SIGTERM saves a checkpoint first.

    \b
    Example:
      wb train examples/demo_lora.yaml --dry-run
      wb train examples/easy_vqa_lora.yaml --detach
      wb train examples/demo_lora.yaml --set lora.r=8 --set epochs=1
      wb train --resume 01k2
    """
    settings = _settings(config, resume, changes)
    if detach:
        _detach(settings, config, resume, changes, as_json)
        return
    from training.progress import StderrLine
    from training.train import dry_run as look
    from training.train import train
    from workbench.text import clean

    if dry_run:
        _show_plan(look(settings), as_json)
        return
    line = StderrLine()

    def warn(text: str) -> None:
        line.end()
        click.echo(f"warning: {clean(text)}", err=True)

    def ready(facts: dict[str, Any]) -> None:
        line.end()
        for row in _part_lines(facts):
            click.echo(row, err=True)

    try:
        run = train(settings, on_progress=line, resume=resume, warn=warn, on_ready=ready)
    finally:
        line.end()
    found = run.metrics()
    if as_json:
        echo_json(found)
    else:
        _show(found)
    if found.get("state") == "cancelled":
        click.echo(f"cancelled; go on with: wb train --resume {run.id}", err=True)
        ctx.exit(1)


def _settings(config: str | None, resume: str, changes: tuple[str, ...]) -> Any:
    from workbench.errors import UsageError

    if bool(config) == bool(resume) and not (resume and config):
        raise UsageError(
            "wb train wants a config file, or --resume RUN",
            hint="examples/ has configs; docs/training.md lists the keys",
        )
    if resume:
        from sessions.runs import Run
        from training.train import resumed_config

        # A job that is retried says both: the run knows its own config best.
        if changes:
            raise UsageError("--set with --resume: the run's config stays as it is")
        return resumed_config(Run.open(resume))
    from training.train_config import TrainConfig, load_values

    assert config is not None
    values = load_values(config)
    for change in changes:
        _change(values, change)
    return TrainConfig.from_json(values, config)


def _change(values: dict[str, Any], change: str) -> None:
    """Apply `KEY=VALUE`, the value read as YAML, the key dotted for what is nested."""
    import yaml

    from workbench.errors import UsageError

    key, equals, text = change.partition("=")
    if not equals or not key:
        raise UsageError(f"--set wants KEY=VALUE, got {change!r}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"--set {key}: {text!r} is not YAML") from error
    *parents, last = key.split(".")
    inner = values
    for parent in parents:
        inner = inner.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise UsageError(f"--set {key}: {parent} has no keys of its own")
    inner[last] = value


def _detach(
    settings: Any, config: str | None, resume: str, changes: tuple[str, ...], as_json: bool
) -> None:
    from sessions.jobs import start

    words = ["wb", "train", *([str(Path(config).absolute())] if config else [])]
    words += [word for change in changes for word in ("--set", change)]
    words += ["--resume", resume] if resume else []
    job = start(words, title=f"train {settings.name or settings.model}")
    if as_json:
        echo_json({"job": job.id})
    else:
        click.echo(job.id)
        click.echo(f"follow it: wb jobs log -f {job.id}", err=True)


def _show_plan(facts: dict[str, Any], as_json: bool) -> None:
    from workbench.text import clean

    if as_json:
        echo_json(facts)
        return
    skipped = ", ".join(f"{n} {clean(reason)}" for reason, n in facts["skipped"].items())
    click.echo(f"samples     {facts['samples']}" + (f"  (left out: {skipped})" if skipped else ""))
    click.echo(f"templates   {clean(', '.join(facts['templates']))}")
    click.echo(
        f"trainable   {facts['trainable_parameters']:,} of {facts['parameters']:,} parameters "
        f"({facts['trainable_share']:.2%})"
    )
    for row in _part_lines(facts):
        click.echo(row)
    click.echo(
        f"steps       {facts['steps']} ({facts['steps_per_epoch']} an epoch, "
        f"{facts['samples_per_step']} samples each)"
    )
    click.echo(f"evaluation  {facts['eval_samples']} samples an epoch")
    for line in facts["warnings"]:
        click.echo(f"warning: {clean(line)}", err=True)


def _part_lines(facts: dict[str, Any]) -> list[str]:
    """The table of the parts that train, and what they take with gradients and optimizer."""
    from workbench.models.memory import gigabytes

    cells = [("part", "parameters", "trainable", "%", "memory", "dtype")]
    for row in facts["parts"]:
        counts = (f"{row['parameters']:,}", f"{row['trainable']:,}", f"{row['share']:.2%}")
        cells.append((row["part"], *counts, gigabytes(row["bytes"]), row["dtype"]))
    wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join([c[0].ljust(wide[0]), *(c[i].rjust(wide[i]) for i in range(1, 5)), c[5]])
        for c in cells
    ]


def _show(found: dict[str, Any]) -> None:
    from commands.printing import echo_table
    from commands.run_facts import FIGURE_HEADERS, figure_rows
    from sessions.estimate import read_estimates
    from workbench.text import clean

    click.echo(f"run {found['run']}  {clean(found['dataset'])}  {found['state']}")
    click.echo(
        f"{found['steps_done']} of {found['steps']} steps, {found['epochs_done']} epochs, "
        f"{found['trainable_parameters']:,} trainable parameters, {found['seconds']:.0f} s"
    )
    echo_table(FIGURE_HEADERS, figure_rows(read_estimates(found)))
    click.echo(f"saved {clean(found['saved'])}")
    report = found.get("report")
    where = f" --dataset '{clean(report)}'" if report else " …"
    base = f"--model {clean(found['model'])} --adapter {found['run']}"
    use = f"wb run-eval {base if found['adapter'] else '--model ' + clean(found['saved'])}{where}"
    click.echo(f"{'report it' if report else 'use it'}: {use}")
