"""`wb data export`: a split as files that other programs load."""

from __future__ import annotations

from pathlib import Path

import click

from commands.completing import complete_splits
from commands.paths import WritePath
from commands.printing import echo_json


@click.command("export")
@click.argument("split", metavar="DATASET/SPLIT", shell_complete=complete_splits)
@click.argument("out", type=WritePath())
@click.option(
    "--to",
    "kind",
    type=click.Choice(["hf", "parquet", "jsonl", "csv", "imagefolder"]),
    default="parquet",
    show_default=True,
    help="hf: for datasets.load_from_disk. jsonl, csv: OUT and a folder of images beside it.",
)
@click.option(
    "--limit", type=click.IntRange(min=0), default=0, help="Only the first N samples; 0 for all."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def export(split: str, out: Path, kind: str, limit: int, as_json: bool) -> None:
    """Write a split as files that other programs load.

    The rows hold UIDs, texts, labels (a ClassLabel if they are a closed set) and the original
    bytes of the images; other columns are JSON in `metadata`. A sample that cannot be read keeps
    its row, with its error.

    \b
    Example:
      wb data export demo/test demo.parquet --limit 100
      wb data export mine/train mine-train --to hf
      wb data export mine/train folder --to imagefolder
    """
    from commands.progress_line import Line
    from workbench.data.export_split import export_split
    from workbench.data.source import open_source
    from workbench.data.split_rows import beside
    from workbench.text import clean

    line, source = Line(), open_source(split)
    others = beside(source, limit)
    try:
        count = export_split(
            source,
            out,
            kind,
            limit=limit,
            on_progress=lambda done: line(done, None, "rows"),
        )
    finally:
        line.clear()
    if as_json:
        echo_json({"path": str(out), "rows": count, "format": kind, "metadata": others})
        return
    click.echo(f"{count} rows in {out}")
    if others:
        words = f"{len(others)} further columns are JSON in 'metadata': {', '.join(others)}"
        click.echo(clean(words, newlines=False), err=True)
