"""`wb gallery`: samples drawn in the terminal, or saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.completing import complete_splits
from commands.mode_option import mode_option
from commands.paths import WriteFolder
from commands.printing import echo_json, images_option

if TYPE_CHECKING:
    from workbench.sample import Sample


@click.command()
@click.argument("dataset", required=False, shell_complete=complete_splits)
@click.option("--split", help="The split, if DATASET does not name it.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=8,
    show_default=True,
    help="At most this many, in order.",
)
@click.option(
    "--start", type=click.IntRange(min=0), default=0, help="Begin at this sample, counted from 0."
)
@click.option(
    "--random", "count", type=click.IntRange(min=0), help="Draw this many by --seed instead."
)
@click.option("--seed", default=0, show_default=True, help="The seed of the draw.")
@click.option("--uid", "uids", multiple=True, help="Show this sample; repeat for several.")
@click.option(
    "--out",
    "--export",
    "out",
    type=WriteFolder(),
    metavar="DIR",
    help="Write the images, a JSON file for each sample and a table into this folder.",
)
@images_option("How to draw; auto draws on a terminal only, with its graphics if it has any.")
@click.option("--height", default=12, show_default=True, help="The most rows of a picture.")
@click.option(
    "--draw-boxes", "boxes", is_flag=True, help="Draw boxes: a phrase's own, else of all objects."
)
@mode_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def command(
    dataset: str | None,
    split: str | None,
    limit: int,
    start: int,
    count: int | None,
    seed: int,
    uids: tuple[str, ...],
    out: Path | None,
    pictures: str,
    height: int,
    boxes: bool,
    as_json: bool,
) -> None:
    """Show samples in the terminal, or save them.

    The same seed draws the same samples in the same order everywhere: `--random 3` shows the first
    three of the bench's random walk (r) by that seed. If saved, a sample's original images are
    `UID.0.png` and so on, with `UID.json` beside them.

    \b
    Example:
      wb gallery demo/test --limit 4 --draw-boxes
      wb gallery nlvr1/dev --random 6 --seed 7 --out picked/
      wb gallery --uid nlvr1/dev/1572-0
    """
    if uids and count is not None:
        raise click.UsageError("--uid and --random exclude each other")
    if dataset is None and not uids:
        raise click.UsageError("name a dataset, such as demo/test, or a sample with --uid")
    found = _by_uid(uids) if uids else _of(str(dataset), split, start, limit, count, seed)
    if as_json or out:
        _save(found, out, as_json)
        return
    from workbench.data.show import console_for, show_sample

    console = console_for(pictures)
    for sample in found:
        show_sample(console, sample, pictures=pictures, height=height, boxes=boxes)


def _by_uid(uids: tuple[str, ...]) -> Iterator[Sample]:
    from workbench.data.source import get_sample

    # All are found before the first is shown or written.
    return iter([get_sample(uid) for uid in uids])


def _of(
    dataset: str, split: str | None, start: int, limit: int, count: int | None, seed: int
) -> Iterator[Sample]:
    from itertools import islice

    from workbench.data.permutation import draw
    from workbench.data.source import open_source

    source = open_source(dataset, split)
    if count is not None:
        return (source.at(ordinal) for ordinal in draw(source.length, count, seed))
    return islice(source.iter(start), limit)


def _save(samples: Iterator[Sample], out: Path | None, as_json: bool) -> None:
    """Write the samples where asked to, and print what there is."""
    from workbench.data.export import describe, export_sample, flat, write_csv

    bodies, rows = [], []
    for sample in samples:
        body = describe(sample)
        if out is not None:
            paths = export_sample(sample, out)
            body["files"] = [str(path) for path in paths]
            rows.append(flat(sample, paths[1:]))
        bodies.append(body)
    if out is not None:
        write_csv(out / "samples.csv", rows)
    if as_json:
        echo_json(bodies)
        return
    for body in bodies:
        for path in body["files"]:
            click.echo(path)
    click.echo(f"{len(bodies)} samples written to {out}", err=True)
    if missing := sum(bool(image["error"]) for body in bodies for image in body["images"]):
        click.echo(f"{missing} images could not be had: each JSON says why", err=True)
