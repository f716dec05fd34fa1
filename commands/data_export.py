"""`wb data export`: a split as files that other programs load."""

from __future__ import annotations

from pathlib import Path

import click

from commands.completing import complete_splits
from commands.printing import echo_json


@click.command("export")
@click.argument("split", metavar="DATASET/SPLIT", shell_complete=complete_splits)
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "kind",
    type=click.Choice(["hf", "parquet", "jsonl", "csv", "imagefolder"]),
    default="parquet",
    show_default=True,
    help="hf: for datasets.load_from_disk. jsonl, csv: OUT and a folder of images beside it.",
)
@click.option("--limit", default=0, help="Only the first N samples; 0 for all.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def export(split: str, out: Path, kind: str, limit: int, as_json: bool) -> None:
    """Write a split as files that other programs load.

    The rows hold UIDs, texts, labels (a ClassLabel if they are a closed set) and the original
    bytes of the images. A sample that cannot be read keeps its row, with its error.

    \b
    Example:
      wb data export demo/test demo.parquet --limit 100
      wb data export mine/train mine-train --to hf
      wb data export mine/train folder --to imagefolder
    """
    from commands.progress_line import Line
    from workbench.data.export_split import export_split
    from workbench.data.source import open_source

    line = Line()
    try:
        count = export_split(
            open_source(split),
            out,
            kind,
            limit=limit,
            on_progress=lambda done: line(done, None, "rows"),
        )
    finally:
        line.clear()
    if as_json:
        echo_json({"path": str(out), "rows": count, "format": kind})
    else:
        click.echo(f"{count} rows in {out}")
