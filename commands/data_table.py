"""The table of splits, texts, labels and images that `wb data add` and `wb data info` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from commands.printing import echo_table

if TYPE_CHECKING:
    from workbench.data.understood import SplitTable, Understood

SHOWN = 12  # columns of the metadata that are named
_HEADERS = ("SPLIT", "ROWS", "WITH ID", "TEXT", "LABEL", "IMAGE")


def echo_understood(understood: Understood) -> None:
    """Print the table and one prompt per split on stdout, the warnings on stderr."""
    from workbench.text import clean

    has_boxes = any(table.boxes is not None for table in understood.splits)
    headers = (*_HEADERS, "BOXES") if has_boxes else _HEADERS
    echo_table(headers, [_row(table, has_boxes) for table in understood.splits])
    left = list(dict.fromkeys(name for table in understood.splits for name in table.left))
    if left:
        names = ", ".join(left[:SHOWN]) + (f", {len(left) - SHOWN} more" * (len(left) > SHOWN))
        click.echo(clean(f"in the metadata: {names}", newlines=False))
    for table in understood.splits:
        if prompt := table.prompt:
            click.echo(clean(f"prompt of {prompt['uid']} ({prompt['template']}):", newlines=False))
            words = prompt["text"] or f"none: {prompt['error']}"
            click.echo("\n".join(f"  {line}" for line in clean(words).split("\n")))
    for warning in understood.warnings:
        click.echo(clean(f"warning: {warning}", newlines=False), err=True)


def _row(table: SplitTable, has_boxes: bool) -> tuple[str, ...]:
    texts = ", ".join(f"{role} {count:,}" for role, count in table.texts.items()) or "–"
    return (
        table.split,
        f"{table.rows:,}",
        f"{table.ids:,}",
        texts,
        _labels(table),
        _images(table),
        *((table.boxes.words if table.boxes else "",) if has_boxes else ()),
    )


def _labels(table: SplitTable) -> str:
    from workbench.text import counted

    if not table.labels:
        return "0"
    words = ", ".join(f"{word} {count:,}" for word, count in table.commonest)
    left = table.different - len(table.commonest)
    words += f" and {counted(left, 'other label')}" if left else ""
    more = (
        f"; {counted(table.references, 'reference')} in all"
        if table.references > table.labels
        else ""
    )
    return f"{table.labels:,}: {words}{more}"


def _images(table: SplitTable) -> str:
    from workbench.text import counted

    if not table.images:
        return "0"
    words = f"{table.found:,} found, {table.missing:,} missing"
    words += f", {table.at_urls:,} at URLs" if table.at_urls else ""
    return words + (
        f", {counted(table.without_image, 'row')} without" if table.without_image else ""
    )
