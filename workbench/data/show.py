"""A sample on a terminal, for the commands that print: its pictures, and its texts below.

Guarantee: all text from data is cleaned and shown without markup. Not for the bench, which has
widgets of its own over the same rows of cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.data.export import json_text
from workbench.errors import ImageError
from workbench.images.decode import thumbnail
from workbench.images.terminal.halfcell import HalfcellImage
from workbench.images.terminal.inline import PROTOCOLS, Printed, choose, picture_lines
from workbench.images.terminal.protocol import cell_pixels
from workbench.text import clean

if TYPE_CHECKING:
    from PIL import Image
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from workbench.grounding.drawing import RegionMark
    from workbench.sample import ImageRef, Sample

# `sixel` and `halfcell` are words of the setting, which is the bench's too: both print half cells.
PICTURES = ("auto", "kitty", "iterm2", "sixel", "halfcell", "truecolor", "256", "off")


def show_sample(
    console: Console,
    sample: Sample,
    *,
    pictures: str = "auto",
    height: int = 12,
    boxes: bool = False,
) -> None:
    """Print one sample.

    Args:
        console: Where to.
        sample: What.
        pictures: One of `PICTURES`; `auto` draws where the console is a terminal with colours,
            by its graphics where it has any, else in half cells as deep as it says it can.
        height: Rows of cells at most for a picture.
        boxes: Draw the objects' boxes and points over the pictures.

    Raises:
        UsageError: Graphics were asked for by name and cannot be drawn here.
    """
    console.print(_line(sample.uid, "bold"), soft_wrap=True)
    deep = {"truecolor": True, "256": False}.get(pictures)
    drawn = console.is_terminal and console.color_system is not None and pictures != "off"
    graphics = choose(pictures) if drawn and sample.images else None
    marks = _marks(sample) if boxes and drawn else []
    if graphics is not None:
        _write_pictures(console, sample, graphics, height, marks)
    elif drawn and sample.images:
        console.print(_row_of_pictures(console, sample, deep, height, marks))
    facts = [(name, value, "dim") for name, value in _facts(sample)]
    _print_facts(console, facts + ([("error", sample.error, "red")] if sample.error else []))
    console.print()


def show_picture(
    console: Console, image: Image.Image, pictures: str, width: int = 80, height: int = 16
) -> None:
    """Print one decoded picture; `pictures` as in `show_sample`. Raises `UsageError`."""
    graphics = choose(pictures)
    if graphics is None:
        deep = {"truecolor": True, "256": False}.get(pictures)
        console.print(HalfcellImage(image, width, height, deep))
        return
    lines, _ = picture_lines(image, graphics, width, height, cell_pixels())
    _write(console, lines)


def _write(console: Console, lines: list[str]) -> None:
    """Send lines past rich, which would count their commands as characters."""
    console.file.write("".join(f"{line}\n" for line in lines))
    console.file.flush()


def console_for(pictures: str) -> Console:
    """The console to print on: colours are forced where the depth of pictures is named."""
    from workbench.console import CleanConsole

    if pictures in ("truecolor", "256"):
        return CleanConsole(force_terminal=True, color_system=pictures, highlight=False)  # type: ignore[arg-type]
    if pictures in PROTOCOLS:  # asked for by name: also through a pipe, into a file that is shown
        return CleanConsole(force_terminal=True, highlight=False)
    return CleanConsole(highlight=False)


def _marks(sample: Sample) -> list[tuple[RegionMark, ...]]:
    """What is drawn on each image: nothing on one whose size cannot be read."""
    from workbench.grounding.drawing import marks_of, sizes_of
    from workbench.grounding.gold import places_of

    # Of a phrase its own boxes: those of the other objects would hide which are meant.
    found = places_of(sample, every=sample.task != "grounding")
    return marks_of(None, found, sizes_of(sample.images))


def _marked(image: Image.Image, marks: list[tuple[RegionMark, ...]], number: int) -> Image.Image:
    from workbench.grounding.drawing import draw_marks

    return draw_marks(image, marks[number]) if number < len(marks) else image


def _row_of_pictures(
    console: Console,
    sample: Sample,
    deep: bool | None,
    height: int,
    marks: list[tuple[RegionMark, ...]],
) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 1))
    count = min(len(sample.images), 6)  # more of them would be stamps
    width = max((console.width - count) // count, 4)
    pictures = (
        _picture(ref, width, height, deep, marks, number)
        for number, ref in enumerate(sample.images[:count])
    )
    table.add_row(*pictures)
    return table


def _write_pictures(
    console: Console,
    sample: Sample,
    graphics: Printed,
    height: int,
    marks: list[tuple[RegionMark, ...]],
) -> None:
    """Pictures by the terminal's graphics, side by side; what cannot be decoded says why below."""
    refs = sample.images[:6]
    cell, width = cell_pixels(), max((console.width - len(refs)) // len(refs), 4)
    drawn: list[tuple[list[str], int]] = []
    problems = []
    for number, ref in enumerate(refs):
        try:
            image = thumbnail(ref, (width * cell[0], height * cell[1]))
            image = _marked(image, marks, number)
        except ImageError as error:
            problems.append(error.message)
            continue
        drawn.append(picture_lines(image, graphics, width, height, cell))
    _write(
        console,
        [
            " ".join(
                lines[number] if number < len(lines) else " " * columns for lines, columns in drawn
            )
            for number in range(max((len(lines) for lines, _ in drawn), default=0))
        ],
    )
    for problem in problems:
        console.print(_line(problem, "red"))


def _picture(
    ref: ImageRef,
    width: int,
    height: int,
    deep: bool | None,
    marks: list[tuple[RegionMark, ...]],
    number: int,
) -> HalfcellImage | Text:
    try:
        image = _marked(thumbnail(ref, (width, height * 2)), marks, number)
    except ImageError as error:
        return _line(clean(error.message, newlines=False), "red")
    return HalfcellImage(image, width, height, deep)


def _facts(sample: Sample) -> list[tuple[str, str]]:
    found = [(role, text) for role, text in sample.texts.items() if text.strip()]
    if sample.label is not None:
        found.append(("label", sample.label))
    found += [("reference", text) for text in sample.references if text != sample.label]
    found += [("explanation", text) for text in sample.explanations]
    return [(clean(name, newlines=False), text) for name, text in found]


def _line(text: str, style: str, rest: str = "") -> Text:
    from rich.text import Text

    return Text.assemble((clean(text, newlines=False), style), rest)


def show_facts(console: Console, body: dict[str, Any]) -> None:
    """Print what `describe` knows beside what `show_sample` shows: images, row, metadata."""
    facts: list[tuple[str, str]] = []
    for image in body["images"]:
        size = f"{image['width']}x{image['height']} " if image["width"] else ""
        words = f"{size}{image.get('format', '')} {image.get('mode', '')} {image['source']}"
        facts.append(("image", image["error"] or words))
        if image["sha256"]:
            facts.append(("sha256", image["sha256"]))
    if "row" in body:
        facts.append(("row", f"{body['row']['number']} of {body['row']['file']}"))
    for name, value in body["metadata"].items():
        if value == "":
            continue  # a text, or a cell, that the row lacks; `--json` has it
        if name == "objects":
            items = [item for group in value for item in group]
            facts += [("object", f"{item.get('name')} {_place(item)}") for item in items]
        else:
            facts.append((name, value if isinstance(value, str) else json_text(value)))
    facts.append(("revision", body["revision"]))
    _print_facts(console, [(name, value, "dim") for name, value in facts])


def _place(item: dict[str, Any]) -> object:
    return next((item[key] for key in ("box", "point", "shares") if key in item), None)


def _print_facts(console: Console, facts: list[tuple[str, str, str]]) -> None:
    """Names and values in two columns; on a terminal a long value is wrapped beside its name."""
    from rich.table import Table

    if not console.is_terminal:
        for name, value, _ in facts:
            console.print(_line(f"  {name:<12} ", "", clean(value, newlines=False)), soft_wrap=True)
        return
    table = Table.grid(padding=(0, 1))
    table.add_column(min_width=14, no_wrap=True)
    table.add_column(overflow="fold")
    for name, value, style in facts:
        table.add_row(_line(f"  {name}", style), _line("", "", clean(value, newlines=False)))
    console.print(table)
