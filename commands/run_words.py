"""A run on a line of a command: how far it is, and facts by name.

Guarantee: works for a run of any kind and age; missing facts are empty. What a run means is
`workbench.reports.run`; the figures come from the run's own files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.times import duration

if TYPE_CHECKING:
    from sessions.runs import Run


def progress(run: Run) -> str:
    """How many are done, of how many."""
    done, total = run.progress()
    words = f"{done}/{total}" if total else str(done)
    return words if run.state != "running" else f"{words} in {duration(run.seconds)}"


def say(name: str, value: Any) -> None:
    """One fact on a line, cleaned."""
    import click

    from workbench.text import clean

    click.echo(f"{name:<9} {clean(value, newlines=False)}")
