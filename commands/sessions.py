"""`wb sessions`: list, show, search and export the record of all questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from commands.completing import complete_sessions
from commands.groups import Group
from commands.limit_option import limit_option, tell_left_out
from commands.paths import WriteFile
from commands.printing import echo_json, echo_table, tell_absent, tell_damaged, when
from sessions.ids import short_id
from sessions.records import KINDS
from workbench.times import ago

if TYPE_CHECKING:
    from sessions.records import PromptRecord, Record

_session = click.argument("session", shell_complete=complete_sessions)
_kind = click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    help="Only this kind.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(cls=Group)
def command() -> None:
    """List, show and search the record of all questions.

    SESSION is a name, the beginning or the end of one, a `.jsonl` file, or `last`. Scripts share
    the session of the day; WB_SESSION names another.

    \b
    Example:
      wb sessions list
      wb sessions show last
      wb sessions export last answers.csv
    """


@command.command("list")
@limit_option
@_json
def list_(limit: int, as_json: bool) -> None:
    """List the sessions, the one last written first.

    \b
    Example:
      wb sessions list --json
      wb sessions list --limit 0
    """
    from sessions.session_log import list_sessions, session_ids

    infos = list_sessions(limit)
    tell_damaged("session", [(info.id, info.problem) for info in infos])
    left = len(session_ids()) - len(infos) if limit else 0
    tell_left_out("session", left, "wb sessions list")
    if as_json:
        echo_json([info.to_json() for info in infos])
        return
    rows = [
        (
            info.id,
            ago(info.updated),
            ", ".join(f"{count} {kind}" for kind, count in info.kinds.items()),
            info.damaged or "",
            ", ".join(info.models),
        )
        for info in infos
    ]
    echo_table(
        ("SESSION", "AGE", "RECORDS", "DAMAGED", "MODELS"),
        rows,
        empty="no sessions; wb prompt demo/test/0",
    )


@command.command()
@_session
@click.option("--uid", help="Only records about this sample.")
@_kind
@click.option(
    "--sweep",
    metavar="ID",
    help="Only the answers of this grid, as a table; last is the newest grid.",
)
@click.option("--limit", type=click.IntRange(min=0), default=0, help="Only the last N; 0 for all.")
@_json
def show(
    session: str, uid: str | None, kind: str | None, sweep: str | None, limit: int, as_json: bool
) -> None:
    """Show a session's records, oldest first.

    \b
    Example:
      wb sessions show 2026-03-01 --kind prompt --limit 5
      wb sessions show last --sweep last
    """
    from sessions.session_log import find_session

    records, damaged = find_session(session).read()
    wanted = [
        record
        for record in records
        if kind in {None, record.kind} and uid in {None, getattr(record, "uid", None)}
    ]
    if sweep is not None:
        wanted = _of_sweep(wanted, sweep)
    wanted = wanted[-limit:] if limit else wanted
    if as_json:
        echo_json([record.to_json() for record in wanted])
    elif sweep is not None:
        from commands.sweeping import axes_of_records, grid_table

        prompts = cast("list[PromptRecord]", wanted)
        grid_table(axes_of_records(prompts), prompts)
    else:
        rows = [
            (when(r.ts), short_id(r.id), r.kind, getattr(r, "uid", None) or "-", _words(r))
            for r in wanted
        ]
        echo_table(("WHEN", "ID", "KIND", "UID", "WHAT"), rows, empty="no such records")
    if damaged:
        click.echo(f"{damaged} damaged lines are left out; see the .bad file beside it", err=True)


@command.command()
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
@_kind
@click.option(
    "--limit", type=click.IntRange(min=0), default=0, help="Only the newest N; 0 for all."
)
@_json
def search(words: tuple[str, ...], kind: str | None, limit: int, as_json: bool) -> None:
    """Search all sessions for records that hold every WORD; case does not matter.

    The search covers prompts, answers, failures, notes, tags, samples, models and templates. Quote
    a phrase to find its words side by side.

    \b
    Example:
      wb sessions search "left image" teal --kind prompt
    """
    from itertools import islice

    from sessions.searching import folded
    from sessions.searching import search as find
    from sessions.session_log import session_ids
    from workbench.errors import UsageError
    from workbench.text import clean, counted

    if not folded(words):
        raise UsageError("there is no word to search for", hint='such as: "left image" teal')
    unread: list[tuple[str, str]] = []
    hits = find(words, kind=kind, on_unread=lambda name, why: unread.append((name, why.message)))
    found = list(islice(hits, limit or None))
    tell_damaged("session", unread)
    if as_json:
        echo_json([hit.to_json() for hit in found])
        return
    if not found:
        kinds = f" of the kind {kind}" if kind else ""
        where = counted(len(session_ids()), "session")
        asked = clean(" ".join(f'"{word}"' for word in words), newlines=False)
        click.echo(f"no record{kinds} has {asked}: {where} searched", err=True)
        return
    rows = [
        (
            hit.session,
            when(hit.record.ts),
            short_id(hit.record.id),
            hit.record.kind,
            getattr(hit.record, "uid", None) or "-",
            hit.excerpt,
        )
        for hit in found
    ]
    echo_table(("SESSION", "WHEN", "ID", "KIND", "UID", "WHERE"), rows)


@command.command()
@click.argument("session", required=False, shell_complete=complete_sessions)
def path(session: str | None) -> None:
    """Print a session's file; without SESSION, that of the session of the day.

    \b
    Example:
      jq .text "$(wb sessions path)"
    """
    from sessions.session_log import current_session, find_session

    click.echo((find_session(session) if session else current_session()).path)


@command.command()
@click.argument("text")
@click.option("--uid", help="The sample that the note is about.")
def note(text: str, uid: str | None) -> None:
    """Write a note into the session of the day.

    \b
    Example:
      wb sessions note "the adapter ignores the right image" --uid demo/test/17
    """
    from sessions.records import NoteRecord
    from sessions.session_log import current_session
    from sessions.uid import Uid

    record = NoteRecord(text=text, uid=str(Uid.parse(uid)) if uid else None)
    current_session().append(record)
    click.echo(record.id)
    tell_absent([record.uid] if record.uid else [])


@command.command()
@_session
@click.argument("file", type=WriteFile())
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "md"]),
    help="The format.  [by the file's ending]",
)
def export(session: str, file: Path, form: str | None) -> None:
    """Write a session to a file: JSON lines as recorded, a table, or a readable page.

    Cells of a CSV that a spreadsheet would run as a formula are quoted.

    \b
    Example:
      wb sessions export last answers.csv
    """
    from sessions.exporting import to_csv, to_jsonl, to_markdown
    from sessions.session_log import find_session
    from workbench.errors import UsageError
    from workbench.text import clean

    log = find_session(session)
    records, damaged = log.read()
    form = form or file.suffix.lstrip(".").lower()
    writers = {"jsonl": to_jsonl, "csv": to_csv, "md": lambda r: clean(to_markdown(log.id, r))}
    if form not in writers:
        raise UsageError(
            f"the file {file} does not say its format", hint="end it in .jsonl, .csv or .md"
        )
    from sessions.atomic import atomic_write

    atomic_write(file.absolute(), writers[form](records), mode=0o644)
    click.echo(f"{len(records)} records written, {damaged} damaged left out", err=True)


@command.command()
@click.option("--clean", is_flag=True, help="Delete the images that no session names any more.")
@_json
def images(clean: bool, as_json: bool) -> None:
    """Show the size of the images that sessions keep because no dataset holds them.

    When you ask about an image from a file or stdin, a copy is kept by its hash, so a replay can
    show it after the file is gone. The setting keep_images_mb bounds the size. Images kept within
    the last hour are never cleaned, since a prompt about them may be in progress.

    \b
    Example:
      wb sessions images --clean
    """
    from sessions import kept_images

    loose = kept_images.unreferenced()
    gone = kept_images.clean() if clean else []
    kept = kept_images.kept_images()
    body = {
        "path": str(kept_images.images_dir(create=False)),
        "images": len(kept),
        "bytes": sum(image.bytes for image in kept),
        "bound_bytes": kept_images.bound_bytes(),
        "unreferenced": len(loose) - len(gone),
        "unreferenced_bytes": sum(i.bytes for i in loose) - sum(i.bytes for i in gone),
        "deleted": len(gone),
        "deleted_bytes": sum(image.bytes for image in gone),
    }
    if as_json:
        echo_json(body)
        return
    from workbench.text import counted

    click.echo(f"{counted(len(kept), 'image')}, {_megabytes(body['bytes'])} of at most ", nl=False)
    click.echo(f"{_megabytes(body['bound_bytes'])}, in {body['path']}")
    if gone:
        click.echo(f"{counted(len(gone), 'image')} deleted, {_megabytes(body['deleted_bytes'])}")
    elif loose and not clean:
        size = _megabytes(body["unreferenced_bytes"])
        click.echo(f"{counted(len(loose), 'image')} that no session names, {size}: --clean")


@command.command()
@click.argument(
    "sessions", nargs=-1, required=True, metavar="SESSION...", shell_complete=complete_sessions
)
def rm(sessions: tuple[str, ...]) -> None:
    """Delete sessions with all their records; then `images --clean` deletes their images.

    \b
    Example:
      wb sessions rm 2026-03-01
    """
    from sessions.session_log import find_session

    for log in [find_session(name) for name in sessions]:
        log.remove()
        click.echo(log.id)


def _megabytes(count: Any) -> str:
    return f"{count / 1e6:,.1f} MB"


def _of_sweep(records: list[Record], wanted: str) -> list[Record]:
    """The answers of one grid, in its order; `last` is the newest, else an id or a part of one."""
    from sessions.errors import NoSuchRecord
    from sessions.records import PromptRecord

    prompts = [r for r in records if isinstance(r, PromptRecord) and r.sweep]
    ids = list(dict.fromkeys(str(r.sweep) for r in prompts))
    fits = [i for i in ids if i.startswith(wanted.lower()) or i.endswith(wanted.lower())]
    chosen = ids[-1:] if wanted == "last" else fits
    if len(chosen) != 1:
        some = ", ".join(ids[-5:]) or "none"
        raise NoSuchRecord(
            f"{wanted!r} names {len(chosen)} grids of this session", hint=f"the last are: {some}"
        )
    cells = [r for r in prompts if r.sweep == chosen[0]]
    places: dict[str, list[Any]] = {}
    for record in cells:
        for name, value in record.cell.items():
            seen = places.setdefault(name, [])
            if value not in seen:
                seen.append(value)
    for values in places.values():
        if all(isinstance(value, (int, float)) for value in values):
            values.sort()

    def place(record: PromptRecord) -> list[int]:
        return [places[name].index(value) for name, value in record.cell.items()]

    return list(sorted(cells, key=place))


def _words(record: Record) -> str:
    """The gist of a record in one line, of a prompt with whom it was asked of."""
    from sessions.records import PromptRecord
    from workbench.reports.session import gist

    if not isinstance(record, PromptRecord):
        return gist(record)
    cell = ", ".join(f"{name} {value}" for name, value in record.cell.items())
    who = f"{record.model} ({cell})" if cell else record.model
    return f"{who}: {gist(record)}"[:200]
