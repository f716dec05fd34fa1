"""What `wb train` prints: the plan, the parts that train, the end."""

from __future__ import annotations

from typing import Any

import click

from commands.printing import echo_json
from workbench.times import duration


def show_plan(facts: dict[str, Any], as_json: bool) -> None:
    """What `--dry-run` found."""
    from workbench.text import clean

    if as_json:
        echo_json(facts)
        return
    skipped = ", ".join(f"{n} {clean(reason)}" for reason, n in facts["skipped"].items())
    click.echo(f"samples     {facts['samples']}" + (f"  (left out: {skipped})" if skipped else ""))
    if "texts" in facts:
        click.echo(f"texts       {facts['texts']}, {facts['negatives']} in a step")
    else:
        click.echo(f"templates   {clean(', '.join(facts['templates']))}")
    click.echo(
        f"trainable   {facts['trainable_parameters']:,} of {facts['parameters']:,} parameters "
        f"({facts['trainable_share']:.2%})"
    )
    for row in part_lines(facts):
        click.echo(row)
    click.echo(
        f"steps       {facts['steps']} ({facts['steps_per_epoch']} an epoch, "
        f"{facts['samples_per_step']} samples each)"
    )
    click.echo(f"evaluation  {facts['eval_samples']} samples an epoch")
    for line in _need_lines(facts):
        click.echo(line)
    for line in facts["warnings"]:
        click.echo(f"warning: {clean(line)}", err=True)


def _need_lines(facts: dict[str, Any]) -> list[str]:
    """What the training takes, in memory and time, as far as it was measured."""
    from workbench.models.memory import gigabytes

    if "memory" not in facts:
        return []
    memory, seconds = facts["memory"], facts["time"]["seconds"]
    if memory["total"] is None:
        return [
            "memory      out of memory in a step: take a smaller batch_size, "
            "activation_checkpointing or on_oom: halve"
        ]
    kinds = ("weights", "gradients", "optimizer", "activations")
    parts = ", ".join(f"{kind} {gigabytes(memory[kind])}" for kind in kinds)
    free = ""
    if memory["free"] is not None:
        short = "" if memory["fits"] else ": NOT ENOUGH"
        free = f" ({gigabytes(memory['free'])} free on {memory['device']}{short})"
    return [
        f"memory      {gigabytes(memory['total'])}: {parts}{free}",
        f"time        about {duration(seconds)}, {facts['time']['seconds_per_step']:.2g} s a step, "
        "without evaluation",
    ]


def part_lines(facts: dict[str, Any]) -> list[str]:
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


def show_end(found: dict[str, Any]) -> None:
    """What a training came to, and what to do next."""
    from commands.printing import echo_table
    from sessions.estimate import read_estimates
    from workbench.reports.run import FIGURE_HEADERS, figure_rows
    from workbench.text import clean

    click.echo(f"run {found['run']}  {clean(found['dataset'])}  {found['state']}")
    click.echo(
        f"{found['steps_done']} of {found['steps']} steps, {found['epochs_done']} epochs, "
        f"{found['trainable_parameters']:,} trainable parameters, {duration(found['seconds'])}"
    )
    echo_table(FIGURE_HEADERS, figure_rows(read_estimates(found)))
    click.echo(f"saved {clean(found['saved'])}")
    if found.get("task") == "contrastive":
        use = f"wb models compose --vision {found['run']} --language PHI --out FOLDER"
        click.echo(f"use it: {use}, or `encoder: {found['run']}` in a config")
        return
    report = found.get("report")
    where = f" --dataset '{clean(report)}'" if report else " …"
    base = f"--model {clean(found['model'])} --adapter {found['run']}"
    use = f"wb run-eval {base if found['adapter'] else '--model ' + clean(found['saved'])}{where}"
    click.echo(f"{'report it' if report else 'use it'}: {use}")
