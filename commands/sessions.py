"""`wb sessions`: the record of what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.completing import complete_sessions
from commands.printing import ago, echo_json, echo_table, when

if TYPE_CHECKING:
    from sessions.records import Record

_session = click.argument("session", shell_complete=complete_sessions)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def command() -> None:
    """List and show the record of what was asked.

    SESSION is a name, the beginning or the end of one, a `.jsonl` file, or `last`. Scripts share
    the session of the day; WB_SESSION names another.

    \b
    Example:
      wb sessions list
      wb sessions show last
      wb sessions export last answers.csv
    """


@command.command("list")
@_json
def list_(as_json: bool) -> None:
    """List the sessions, the one last written first.

    \b
    Example:
      wb sessions list --json
    """
    from sessions.session_log import list_sessions

    infos = list_sessions()
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
@click.option("--uid", help="Only what was asked about this sample.")
@click.option("--kind", help="Only this kind: prompt, gradcam, note, bookmark.")
@click.option("--limit", default=0, help="Only the last so many.")
@_json
def show(session: str, uid: str | None, kind: str | None, limit: int, as_json: bool) -> None:
    """Show a session's records, oldest first.

    \b
    Example:
      wb sessions show 2026-03-01 --kind prompt --limit 5
    """
    from sessions.session_log import find_session

    records, damaged = find_session(session).read()
    wanted = [
        record
        for record in records
        if kind in {None, record.kind} and uid in {None, getattr(record, "uid", None)}
    ]
    wanted = wanted[-limit:] if limit else wanted
    if as_json:
        echo_json([record.to_json() for record in wanted])
    else:
        rows = [
            (when(r.ts), r.id[-6:], r.kind, getattr(r, "uid", None) or "-", _words(r))
            for r in wanted
        ]
        echo_table(("WHEN", "ID", "KIND", "UID", "WHAT"), rows, empty="no such records")
    if damaged:
        click.echo(f"{damaged} damaged lines are left out; see the .bad file beside it", err=True)


@command.command()
@click.argument("session", required=False, shell_complete=complete_sessions)
def path(session: str | None) -> None:
    """Print a session's file; without SESSION that of the one that scripts share now.

    \b
    Example:
      jq .text "$(wb sessions path)"
    """
    from sessions.session_log import current_session, find_session

    click.echo((find_session(session) if session else current_session()).path)


@command.command()
@click.argument("text")
@click.option("--uid", help="The sample that it is about.")
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


@command.command()
@_session
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "md"]),
    help="By the file's ending where not given.",
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


def _words(record: Record) -> str:
    """The gist of a record in one line."""
    from sessions.records import BookmarkRecord, GradcamRecord, NoteRecord, PromptRecord

    if isinstance(record, PromptRecord):
        return f"{record.model}: {_failed(record.error) or record.text}"[:200]
    if isinstance(record, GradcamRecord):
        return f"{record.method} at {record.layer} of {record.token_text!r}"
    if isinstance(record, NoteRecord):
        return record.text
    if isinstance(record, BookmarkRecord):
        return " ".join([record.action, *record.tags])
    return ""


def _failed(error: Mapping[str, Any] | None) -> str:
    return f"failed: {error.get('message', '')}" if error else ""
