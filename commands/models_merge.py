"""`wb models merge`: write a base and an adapter as one plain checkpoint."""

from __future__ import annotations

from pathlib import Path

import click

from commands.paths import WriteFolder


@click.command()
@click.argument("base")
@click.argument("adapter")
@click.option("--out", required=True, type=WriteFolder(), help="The new folder.")
@click.option(
    "--dtype",
    type=click.Choice(["auto", "bf16", "fp16", "fp32"]),
    default="auto",
    show_default=True,
    help="The dtype to merge and store in; auto is the base's own.",
)
@click.option("--revision", help="Branch, tag or commit of a hub id.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def merge(
    base: str, adapter: str, out: Path, dtype: str, revision: str | None, as_json: bool
) -> None:
    """Write a base and an adapter as one model that needs no adapter.

    The merged model is loaded again. Its folder appears only if its logits are those of base and
    adapter, except for rounding. Its wb_merge.json names its parts. Both models are in memory in
    turn, on the CPU.

    \b
    Example:
      wb models merge demo runs/lora/adapter --out merged
      wb prompt demo/test/000012 --model merged
    """
    from commands.asking import tell_loading
    from commands.printing import echo_json
    from workbench.interrupt import interruptible
    from workbench.models.adapters.merging import merge_to_folder
    from workbench.text import clean

    tell = tell_loading()
    with interruptible() as pressed:
        note = merge_to_folder(
            base,
            adapter,
            out,
            dtype=dtype,
            revision=revision,
            on_progress=tell,
            cancelled=pressed,
        )
    tell("ready", 1.0)
    if as_json:
        echo_json({"path": str(out.absolute()), **note})
        return
    click.echo(clean(str(out)))
    click.echo(
        f"{note['dtype']}, {note['identity'][:12]}: logits part from the adapter's by "
        f"{note['difference']:.1g} of the largest",
        err=True,
    )
