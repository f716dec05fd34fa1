"""The samples of a run as `wb runs show` lists them: as a table, as UIDs, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from commands.printing import echo_json, echo_table

if TYPE_CHECKING:
    from workbench.reports.listed import ListedSamples


def show_samples(listed: ListedSamples, uids: bool, limit: int, as_json: bool) -> None:
    """Print samples of a run.

    Args:
        listed: In their order; a table shows what they are sorted by, JSON as `sorted_by`.
        uids: Print UIDs alone, for a pipe.
        limit: At most so many; 0 for all.
        as_json: Print one JSON list.
    """
    from workbench.reports.prediction import read_prediction
    from workbench.text import clean

    limit, column = limit or len(listed.lines), listed.column
    some, values = listed.lines[:limit], listed.values[:limit]
    read = [read_prediction(line) for line in some]
    if as_json:
        sorted_by = [{"sorted_by": value} for value in values] or [{}] * len(read)
        echo_json(
            [
                {"uid": one.uid, "what": one.verdict, **by, **line}
                for one, by, line in zip(read, sorted_by, some, strict=True)
            ]
        )
    elif uids:
        for one in read:
            click.echo(one.uid)
    else:
        columns = [
            ("UID", [one.uid for one in read]),
            ("WHAT", [one.verdict for one in read]),
            ("TARGET", [one.target for one in read]),
            ("ANSWER", [one.label for one in read]),
        ]
        if any(one.places is not None for one in read):
            columns.append(("OVERLAP", [one.overlap for one in read]))
        if column and column not in ("verdict", "label", "answer"):  # those stand there already
            columns.append(
                (clean(column.upper(), newlines=False), [_cell(value) for value in values])
            )
        columns.append(("TEXT", [one.said[:200] for one in read]))
        rows = list(zip(*(cells for _, cells in columns), strict=True))
        echo_table([name for name, _ in columns], rows, empty="no such samples")


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
