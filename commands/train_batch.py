"""`wb train --show-batch`: show what the model sees, as text, JSON, a page and picture files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from training.seen import Seen, SeenRow

_COLOURS = {"padding": "bright_black", "image": "blue", "answer": "green"}


def show(
    settings: Any, count: int, *, page: Path | None, pictures: Path | None, as_json: bool
) -> None:
    """Look at the first `count` samples and show them; raises as `training.show_batch` does.

    Args:
        settings: The training's config.
        count: How many samples.
        page: A file for the HTML page; `None` for none.
        pictures: A folder for the pictures as PNG files; empty for none.
        as_json: One document on stdout instead of text.
    """
    from commands.printing import echo_json
    from sessions.atomic import atomic_write
    from training.seen_page import page as html_page
    from training.show_batch import show_batch

    seen = show_batch(settings, count)
    paths = _write_pictures(seen, pictures) if pictures else {}
    if page:
        atomic_write(page.absolute(), html_page(seen))
    if as_json:
        echo_json(seen.to_json(paths))
    else:
        _print(seen)
    if page:
        click.echo(f"wrote {page}", err=True)


def _write_pictures(seen: Seen, folder: Path) -> dict[tuple[int, int], str]:
    from training.seen_page import png

    folder.mkdir(parents=True, exist_ok=True)
    paths: dict[tuple[int, int], str] = {}
    for r, row in enumerate(seen.rows):
        drawn = [picture for image in row.images for picture in image.pictures]
        for p, picture in enumerate(drawn):
            path = folder / f"{r:03d}-{p:02d}.png"
            path.write_bytes(png(picture.drawn()))
            paths[r, p] = str(path)
    return paths


def _print(seen: Seen) -> None:
    from training.seen_page import head_of

    for line in head_of(seen):
        click.echo(line)
    for number, row in enumerate(seen.rows, 1):
        click.echo("")
        _print_row(number, row)
    click.echo("")
    click.echo("«…» is in the loss; the rest is read and not learned")


def _print_row(number: int, row: SeenRow) -> None:
    from training.seen_page import facts_of, runs, words_of
    from workbench.text import clean

    click.echo(f"{number}. {clean(row.uid)}  {clean(row.template)}")
    click.echo(facts_of(row))
    for i, image in enumerate(row.images, 1):
        made = "; ".join(picture.words() for picture in image.pictures) or "pixels not known"
        click.echo(f"image {i}: {image.size[0]}x{image.size[1]} as {made}: {image.tokens} tokens")
    out = []
    for kind, tokens in runs(row):
        if kind in ("padding", "image"):
            text = f"[{words_of(tokens[0])} ×{len(tokens)}]"
        else:
            text = "".join(words_of(token) for token in tokens)
        text = f"«{text}»" if kind == "answer" else text
        out.append(click.style(text, fg=_COLOURS[kind]) if kind in _COLOURS else text)
    click.echo("".join(out))
