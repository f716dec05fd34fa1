"""`wb data cache`, `verify` and `mode`: datasets of the hub on this machine."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from commands.completing import complete_datasets
from commands.printing import echo_json

MODES = ["auto", "streamed", "cached"]
_LINE_EVERY_S = 10.0
_DRAW_EVERY_S = 0.1


@click.command()
@click.argument("dataset", shell_complete=complete_datasets)
@click.option("--to", type=click.Path(), help="The folder for its files; remembered.")
@click.option("--split", "splits", multiple=True, help="Only this split; repeat for several.")
@click.option("--limit", type=click.IntRange(1), help="Only the first N samples of a split.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def cache(
    dataset: str, to: str | None, splits: tuple[str, ...], limit: int | None, as_json: bool
) -> None:
    """Fetch a dataset of the hub to this machine, or its missing parts.

    Free space is checked first. After an interruption the same command continues.

    \b
    Example:
      wb data cache nlvr2
      wb data cache nlvr2 --to /scratch/nlvr2 --split dev
      wb data cache nlvr2 --split train --limit 1000
    """
    from workbench.data.hub.cache import cache_dataset
    from workbench.text import clean

    bar = Bar()
    try:
        done = cache_dataset(dataset, to=to, splits=splits, limit=limit, on_progress=bar)
    finally:
        bar.end()
    facts = {name: (split.cached, split.rows) for name, split in done.manifest.splits.items()}
    if as_json:
        body: dict[str, Any] = {"name": dataset, "folder": str(done.folder)}
        body |= {"repo": done.manifest.repo, "commit": done.manifest.commit}
        body |= {"fetched": done.fetched, "size": done.size}
        body["splits"] = {name: {"cached": c, "rows": r} for name, (c, r) in facts.items()}
        echo_json(body)
        return
    for name, (cached, rows) in facts.items():
        of = "" if cached == rows else f" of {rows:,}"
        click.echo(clean(f"{dataset}/{name}: {cached:,}{of} samples", newlines=False))
    fetched = f"{size(done.fetched)} fetched" if done.fetched else "nothing had to be fetched"
    click.echo(clean(f"{done.folder}: {fetched}", newlines=False))


@click.command()
@click.argument("dataset", shell_complete=complete_datasets)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def verify(ctx: click.Context, dataset: str, as_json: bool) -> None:
    """Check all cached files of a dataset, and name each file that differs.

    Exits with 1 if a file differs; `wb data cache` then fetches it again.

    \b
    Example:
      wb data verify nlvr2
    """
    from workbench.data.hub.cache import hub_mapping
    from workbench.data.hub.manifest import read_manifest, verify
    from workbench.data.hub.state import folder_of
    from workbench.text import clean

    hub_mapping(dataset)
    folder = folder_of(dataset)
    files = len(read_manifest(folder).files)
    bar = Bar()
    try:
        problems = verify(folder, lambda done, total: bar(done, total, "reading"))
    finally:
        bar.end()
    if as_json:
        found = [{"path": problem.path, "what": problem.what} for problem in problems]
        echo_json({"name": dataset, "folder": str(folder), "files": files, "problems": found})
    else:
        for problem in problems:
            click.echo(clean(f"{problem.path} {problem.what}", newlines=False))
        if not problems:
            click.echo(clean(f"{folder}: {files} files are as they were fetched", newlines=False))
    if problems:
        hint = f"hint: wb data cache {dataset} fetches what differs again"
        click.echo(hint, err=True)
        ctx.exit(1)


@click.command()
@click.argument("dataset", shell_complete=complete_datasets)
@click.argument("mode", type=click.Choice(MODES), required=False)
def mode(dataset: str, mode: str | None) -> None:
    """Show, or choose, how a dataset of the hub is read.

    `cached` reads the files that `wb data cache` fetched and never contacts the hub. `streamed`
    reads from the hub. `auto` reads a split that is cached whole, or any while offline, like
    `cached`, and streams the others.

    \b
    Example:
      wb data mode nlvr2
      wb data mode nlvr2 cached
    """
    from workbench.data.hub.cache import hub_mapping
    from workbench.data.hub.state import mode_of, remember

    hub_mapping(dataset)
    if mode is not None:
        remember(dataset, mode=mode)
    click.echo(mode or mode_of(dataset))


class Bar:
    """How far it is: a bar on a terminal, a line now and then elsewhere; to the job always."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._began = self._last = time.monotonic()
        self._start: int | None = None
        self._wrote = False

    def __call__(self, done: int, total: int, message: str) -> None:
        """Draw it, seldom enough."""
        from sessions.jobs import report_progress
        from workbench.terminal import redraw

        now = time.monotonic()
        last = done >= total > 0
        if total and self._start is None:
            self._start, self._began = done, now
        if now - self._last < (_DRAW_EVERY_S if self._terminal else _LINE_EVERY_S) and not last:
            return
        self._last = now
        rate = (done - (self._start or 0)) / max(now - self._began, 1e-3)
        report_progress(done, total or None, rate=round(rate), message=message)
        words = self.words(done, total, rate, message)
        if self._terminal:
            redraw(words)
            self._wrote = True
        elif now - self._began >= _LINE_EVERY_S:
            click.echo(words, err=True)

    @staticmethod
    def words(done: int, total: int, rate: float, message: str) -> str:
        """One line."""
        from workbench.text import clean
        from workbench.times import duration

        message = clean(message, newlines=False)[-40:]
        if not total:
            return message
        filled = int(24 * done / total)
        left = (total - done) / rate if rate > 0 else 0
        clock = f"  {duration(left)} left" if left >= 1 else ""
        speed = f"  {size(int(rate))}/s" if rate > 0 else ""
        bar = "#" * filled + "." * (24 - filled)
        return f"[{bar}] {size(done)} of {size(total)}{speed}{clock}  {message}"

    def end(self) -> None:
        """Leave the line and begin a new one."""
        if self._wrote:
            click.echo("", err=True)


def size(count: int) -> str:
    """Bytes in words: `1.2 GB`."""
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count} B"
