"""`wb bookmark`: bookmarks with tags and notes, and the cursor that steps through them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.completing import complete_bookmarks
from commands.groups import Group
from commands.paths import ReadFile, WriteFile
from commands.printing import echo_json, echo_table, tell_absent
from workbench.times import ago

if TYPE_CHECKING:
    from sessions.uid_cache import UidCache

_tag = click.option("--tag", help="Only those with this tag.")
_dataset = click.option("--dataset", help="Only those of this dataset, or dataset/split.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(cls=Group)
def command() -> None:
    """Bookmark samples with tags and notes, and step through them.

    \b
    Example:
      wb bookmark add demo/test/17 --tag misread --note "counts the small one twice"
      wb runs show last --errors --uids | wb bookmark add - --tag errors
      wb bookmark next --tag errors
    """


@command.command()
@click.argument("uids", nargs=-1, required=True, metavar="UID...")
@click.option("--tag", "tags", multiple=True, help="A tag; repeat for several.")
@click.option("--note", default="", help="A note; it replaces an earlier note.")
def add(uids: tuple[str, ...], tags: tuple[str, ...], note: str) -> None:
    """Bookmark UIDs; `-` reads them from standard input, one per line.

    \b
    Example:
      wb bookmark add demo/test/17 demo/test/21 --tag hard
    """
    from sessions.records import BookmarkRecord
    from sessions.session_log import current_session
    from sessions.uid_cache import check_tags
    from workbench.data.half_uids import whole_uid

    # All are checked before the first is kept.
    found = [str(whole_uid(uid)) for uid in _spelled_out(uids)]
    words = check_tags(tags)
    with _cache() as cache:
        cache.add_many(found, words, note)
    current_session().append_many(
        BookmarkRecord(uid=uid, action="add", tags=words, note=note) for uid in found
    )
    click.echo(_sum(len(found), "bookmark", "kept"), err=True)
    tell_absent(found)


@command.command()
@click.argument(
    "uids", nargs=-1, required=True, metavar="UID...", shell_complete=complete_bookmarks
)
@click.option(
    "--tag", help="Remove only this tag; a bookmark left without tags and note is removed."
)
def rm(uids: tuple[str, ...], tag: str | None) -> None:
    """Remove bookmarks, or a tag from them; `-` reads UIDs from standard input.

    \b
    Example:
      wb bookmark rm demo/test/17
    """
    from sessions.errors import NoSuchRecord
    from sessions.records import BookmarkRecord
    from sessions.session_log import current_session

    what = f"with the tag {tag!r}" if tag else "bookmarked"
    with _cache() as cache:
        gone = {uid: cache.remove(uid, tag) for uid in _spelled_out(uids)}
    current_session().append_many(
        BookmarkRecord(uid=uid, action="remove", tags=(tag,) if tag else ())
        for uid, was in gone.items()
        if was
    )
    missing = [uid for uid, was in gone.items() if not was]
    click.echo(_sum(len(gone) - len(missing), "bookmark", "changed"), err=True)
    if missing:
        some = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        raise NoSuchRecord(f"not {what}: {some}", hint="see: wb bookmark list")


@command.command("list")
@_tag
@_dataset
@_json
def list_(tag: str | None, dataset: str | None, as_json: bool) -> None:
    """List the bookmarks, the oldest first.

    \b
    Example:
      wb bookmark list --tag errors --json
    """
    with _cache() as cache:
        found = cache.list(tag, dataset)
    if as_json:
        echo_json([mark.to_json() for mark in found])
        return
    rows = [(m.uid, ", ".join(m.tags), ago(m.added), m.note) for m in found]
    empty = "no such bookmarks; see: wb bookmark tags"
    empty = empty if tag or dataset else "no bookmarks; wb bookmark add UID"
    echo_table(("UID", "TAGS", "AGE", "NOTE"), rows, empty=empty)


@command.command()
@_json
def tags(as_json: bool) -> None:
    """Count the bookmarks of each tag.

    \b
    Example:
      wb bookmark tags
    """
    with _cache() as cache:
        counts = cache.tag_counts()
    if as_json:
        echo_json([{"name": tag, "count": count} for tag, count in counts.items()])
    else:
        echo_table(("TAG", "UIDS"), counts.items(), empty="no tags")


@command.command("next")
@_tag
@_dataset
@_json
def next_(tag: str | None, dataset: str | None, as_json: bool) -> None:
    """Print the next bookmark; after the last comes the first.

    The cursor is kept per filter and shared: scripts that run at the same time get different UIDs.

    \b
    Example:
      wb inspect "$(wb bookmark next --tag errors)"
    """
    _move("next", tag, dataset, as_json)


@command.command()
@_tag
@_dataset
@_json
def prev(tag: str | None, dataset: str | None, as_json: bool) -> None:
    """Print the previous bookmark; before the first comes the last.

    \b
    Example:
      wb bookmark prev --tag errors
    """
    _move("prev", tag, dataset, as_json)


@command.command()
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many."
)
@_json
def history(limit: int, as_json: bool) -> None:
    """List the samples looked at last, the newest first.

    \b
    Example:
      wb bookmark history --limit 5
    """
    with _cache() as cache:
        visits = cache.history(limit)
    if as_json:
        echo_json([{"uid": visit.uid, "ts": visit.ts} for visit in visits])
    else:
        echo_table(("UID", "SEEN"), [(v.uid, ago(v.ts)) for v in visits], empty="nothing yet")


@command.command()
@click.argument("file", type=WriteFile())
@_tag
@_dataset
def export(file: Path, tag: str | None, dataset: str | None) -> None:
    """Write the bookmarks to a file of JSON lines that `import` reads.

    \b
    Example:
      wb bookmark export mine.jsonl --tag errors
    """
    with _cache() as cache:
        count = cache.export(file, tag=tag, dataset=dataset)
    click.echo(_sum(count, "bookmark", "written"), err=True)


@command.command("import")
@click.argument("file", type=ReadFile())
@click.option("--tag", "tags", multiple=True, help="Also add this tag; repeat for several.")
def import_(file: Path, tags: tuple[str, ...]) -> None:
    """Merge bookmarks from an export, or from a file with one UID per line.

    \b
    Example:
      wb bookmark import theirs.jsonl --tag review
    """
    with _cache() as cache:
        merged, wrong = cache.import_(file, tags=tags)
    count = len(merged)
    click.echo(_sum(count, "bookmark", "merged"), err=True)
    tell_absent(merged)
    if wrong:
        from sessions.errors import RecordError

        raise RecordError(
            f"{len(wrong)} lines of {file} are no bookmarks: {'; '.join(wrong[:3])}",
            hint="the others were merged",
        )


@contextmanager
def _cache() -> Iterator[UidCache]:
    """The cache, with its one warning about a network file system on stderr."""
    from sessions.uid_cache import UidCache

    with UidCache.open() as cache:
        warning = cache.warning()
        if warning:
            click.echo(f"warning: {warning}", err=True)
        yield cache


def _move(how: str, tag: str | None, dataset: str | None, as_json: bool) -> None:
    from sessions.errors import NoSuchRecord

    with _cache() as cache:
        uid: str | None = getattr(cache, how)(tag, dataset)
        mark: dict[str, Any] = cache.get(uid).to_json() if uid and as_json else {}
    if uid is None:
        raise NoSuchRecord(
            "no bookmark fits", hint="see: wb bookmark list, or add one: wb bookmark add UID"
        )
    if as_json:
        echo_json(mark)
    else:
        click.echo(uid)


def _spelled_out(uids: tuple[str, ...]) -> list[str]:
    """The UIDs, those on standard input in the place of `-`, each once."""
    out: list[str] = []
    for uid in uids:
        out += [line for line in sys.stdin.read().splitlines() if line] if uid == "-" else [uid]
    return list(dict.fromkeys(out))


def _sum(count: int, noun: str, done: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'} {done}"
