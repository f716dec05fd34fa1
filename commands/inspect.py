"""`wb inspect`: everything known about one sample."""

from __future__ import annotations

from pathlib import Path

import click

from commands.mode_option import mode_option
from commands.paths import WriteFolder
from commands.printing import echo_json, images_option


@click.command()
@click.argument("uid")
@click.option(
    "--export",
    "--out",
    "folder",
    type=WriteFolder(),
    metavar="DIR",
    help="Write the original images, and a JSON file beside them.",
)
@images_option("How to draw; auto draws on a terminal only, with its graphics if it has any.")
@click.option(
    "--draw-boxes", "boxes", is_flag=True, help="Draw boxes: a phrase's own, else of all objects."
)
@mode_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(uid: str, folder: Path | None, pictures: str, boxes: bool, as_json: bool) -> None:
    """Show everything known about one sample.

    \b
    Example:
      wb inspect demo/test/000012
      wb inspect nlvr1/dev/1572-0 --json
      wb inspect demo/test/000012 --draw-boxes
      wb inspect nlvr1/dev/1572-0 --export out/
    """
    from workbench.data.export import describe, export_sample
    from workbench.data.half_uids import whole_uid
    from workbench.data.source import open_source

    parsed = whole_uid(uid)
    source = open_source(parsed.dataset, parsed.split)
    sample = source.get(uid)
    written = export_sample(sample, folder) if folder else []
    body = describe(sample) | {"revision": source.revision}
    where = getattr(source, "row_of", None)
    if where is not None:
        file, row = where(sample.uid)
        body["row"] = {"file": file, "number": row}
    if as_json:
        echo_json(body | ({"files": [str(p) for p in written]} if written else {}))
        return
    from workbench.data.show import console_for, show_facts, show_sample

    console = console_for(pictures)
    show_sample(console, sample, pictures=pictures, boxes=boxes)
    show_facts(console, body)
    for path in written:
        click.echo(f"wrote {path}", err=True)
