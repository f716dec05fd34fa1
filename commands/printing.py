"""Print records: JSON for programs, aligned columns for people.

Guarantee: prints nothing that a terminal would act on. In JSON, control characters are escaped, so
the document still has the text of the record.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import click

# What `--images` takes where samples are drawn: as `workbench.data.show`, which is imported later.
PICTURES = ("auto", "kitty", "iterm2", "sixel", "halfcell", "truecolor", "256", "off")


def images_option(words: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--images`, how pictures are drawn; `words` say what is drawn and when."""
    return click.option(
        "--images", "pictures", type=click.Choice(PICTURES), default="auto", help=words
    )


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """`value` as JSON; readable Unicode stays, what a terminal would act on is escaped."""
    from sessions.json_line import finite
    from workbench.text import json_escaped

    return json_escaped(
        json.dumps(finite(value), ensure_ascii=False, indent=indent, allow_nan=False)
    )


def echo_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    click.echo(json_text(value))


def echo_table(
    headers: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "", widest: int = 60
) -> None:
    """Print aligned columns on stdout; the last one is not cut.

    Args:
        headers: One word per column.
        rows: Anything that has a `str`; cleaned here.
        empty: Said on stderr where there are no rows.
        widest: Columns but the last are cut to so many cells.
    """
    lines = [[_cell(value) for value in row] for row in rows]
    if not lines:
        if empty:
            click.echo(empty, err=True)
        return
    lines = [[*(_cut(cell, widest) for cell in line[:-1]), line[-1]] for line in lines]
    table = [list(headers), *lines]
    widths = [max(cells(line[column]) for line in table) for column in range(len(headers))]
    for line in table:
        padded = [
            cell + " " * (width - cells(cell)) for cell, width in zip(line, widths, strict=True)
        ]
        click.echo("  ".join(padded).rstrip())


def tell_absent(uids: Sequence[str]) -> None:
    """Warn on stderr of UIDs that name no sample here: a slip, or samples of another machine."""
    from workbench.data.absent import absent
    from workbench.text import clean

    for words in absent(uids):
        click.echo(f"warning: {clean(words, newlines=False)}; see: wb data list", err=True)


def tell_damaged(what: str, problems: Iterable[tuple[str, str]]) -> None:
    """Count and name on stderr what a list could not read whole.

    Args:
        what: `run`, `job` or `session`.
        problems: Of each the id and what is wrong; an empty word for one that is sound.
    """
    from workbench.text import clean, counted

    damaged = [(ident, problem) for ident, problem in problems if problem]
    if damaged:
        click.echo(f"{counted(len(damaged), f'damaged {what}')}:", err=True)
    for ident, problem in damaged:
        click.echo(f"  {clean(ident, newlines=False)}: {clean(problem, newlines=False)}", err=True)


def cells(text: str) -> int:
    """How many terminal cells a text takes: East Asian characters two, combining ones none."""
    if text.isascii():  # most are
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def when(ts: str) -> str:
    """A moment of the record in local time, to the minute; empty where it is none."""
    from workbench.times import seconds_of

    then = seconds_of(ts)
    if then is None:
        return ""
    return datetime.fromtimestamp(then).astimezone().strftime("%Y-%m-%d %H:%M")


def _cell(value: Any) -> str:
    from workbench.text import clean

    return clean("" if value is None else value, newlines=False).strip()


def _cut(text: str, widest: int) -> str:
    if cells(text) <= widest:
        return text
    text = text[:widest]
    while cells(text) > widest - 1:
        text = text[:-1]
    return text + "…"
