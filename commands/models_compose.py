"""`wb models compose`: make one model of the two-stage family from a ResNet and a Phi."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.paths import WriteFolder


@click.command()
@click.option(
    "--vision",
    required=True,
    help="A ResNet: a folder, a hub id, or the run of a contrastive training.",
)
@click.option("--language", required=True, help="A Phi: a folder or a hub id.")
@click.option("--out", required=True, type=WriteFolder(), help="The new folder.")
@click.option(
    "--image-tokens",
    type=click.Choice(["grid", "pooled"]),
    default="grid",
    show_default=True,
    help="One token for each place of the image, or its embedding in a few tokens.",
)
@click.option(
    "--pooled-tokens",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Tokens of an image with --image-tokens pooled.",
)
@click.option(
    "--image-fit",
    type=click.Choice(["stretch", "crop", "pad"]),
    default=None,
    help="How an oblong image becomes a square: all of it out of shape, its middle, or all of "
    "it with margins. Default: as the encoder was trained, else stretch.",
)
@click.option("--image-size", type=click.IntRange(1), help="Side in pixels; default the ResNet's.")
@click.option(
    "--dtype",
    type=click.Choice(["auto", "bf16", "fp16", "fp32"]),
    default="auto",
    show_default=True,
    help="The dtype of the language model.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The seed of the new weights.")
@click.option("--vision-revision", help="Branch, tag or commit of a hub id.")
@click.option("--language-revision", help="Branch, tag or commit of a hub id.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def compose(out: Path, as_json: bool, **knobs: Any) -> None:
    """Make a two-stage model of a ResNet and a Phi, as one folder.

    The layers that join the two are new and untrained: train them before you trust an answer.
    Memory and disk space are checked first. The folder appears whole or not at all.

    \b
    Example:
      wb models compose --vision microsoft/resnet-50 --language microsoft/phi-2 --out my-model
      wb models compose --vision ./resnet --language ./phi --out m --image-tokens pooled
      wb models compose --vision 01k2 --language microsoft/phi-2 --out my-model
    """
    from commands.printing import echo_json
    from workbench.models.two_stage.build import Composition, compose
    from workbench.text import clean

    def say(stage: str, share: float) -> None:
        click.echo(f"{stage} ({share:.0%})", err=True)

    knobs["image_fit"] = knobs["image_fit"] or ""
    made = compose(Composition(**knobs), out, None if as_json else say)
    if as_json:
        echo_json(made)
        return
    counts = [f"{k.replace('_', ' ')} {n / 1e6:,.1f} M" for k, n in made["parameters"].items()]
    click.echo(clean(f"{made['path']}: {made['tokens_per_image']} tokens for an image"))
    click.echo("parameters: " + ", ".join(counts))
    click.echo("memory: " + ", ".join(f"{k} {n / 1e9:.2f} GB" for k, n in made["memory"].items()))
    click.echo("the projector is not trained yet: answers do not follow from images", err=True)
