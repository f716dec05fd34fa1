"""`wb replay`: ask a session's prompts again, with the same model or another, and compare."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from commands.asking import MODEL_FLAGS, check_exists, model_options, note_server
from commands.completing import complete_sessions
from workbench.interrupt import interruptible

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from sessions.session_log import SessionLog
    from workbench.models.spec import ModelSpec
    from workbench.playground.replay import Replayed


@click.command()
@click.argument("session", shell_complete=complete_sessions)
@click.option("--only", multiple=True, metavar="ID", help="Only this record; repeat for several.")
@model_options(plain=False)
@click.option("--out", metavar="SESSION", help="Keep the new answers in this session.")
@click.option("--check", is_flag=True, help="Exit with 1 if an answer changed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    session: str,
    only: tuple[str, ...],
    out: str | None,
    check: bool,
    as_json: bool,
    **flags: str | None,
) -> None:
    """Ask a session's prompts again and show what changed.

    Each prompt is asked with its own settings and seed. The model is the one that answered then,
    unless --model or --adapter names another (--adapter none takes the adapter off).

    If the text is the same, the prompt is "same". Otherwise you see the first token that differs,
    both answers with the differences between [-marks-] and {+marks+}, and what else changed:
    weights, versions, precision, device. The new answers are kept only if --out names a session.

    Exits with 1 if a prompt could not be asked again; with --check, also if an answer changed.

    \b
    Example:
      wb replay last
      wb replay 2025-06-01 --adapter runs/lora/adapter --json
      wb replay last --only 01k2q --out tried-again
    """
    from sessions.session_log import SessionLog, find_session
    from workbench.playground.replay import summary

    asked = find_session(session)
    records = _records(asked, only)
    log = SessionLog.open(out) if out else None
    done = _replay(records, flags, log, tell=not as_json)
    counts = summary(done) | {"not_asked": len(records) - len(done)}
    if as_json:
        from commands.printing import echo_json

        echo_json({"session": asked.id, **counts, "records": [r.to_json() for r in done]})
    else:
        _sum_up(counts, log.id if log is not None else "")
    if counts["not_asked"]:
        sys.exit(130)  # Ctrl-C: nothing else leaves any out
    if counts["failed"] or (check and counts["changed"]):
        sys.exit(1)


def _records(log: SessionLog, only: tuple[str, ...]) -> list[PromptRecord]:
    from sessions.records import PromptRecord
    from workbench.errors import UnknownName, UsageError

    if only:
        records = [log.get(name) for name in only]
        for record in records:
            if not isinstance(record, PromptRecord):
                raise UsageError(f"{record.id} is a {record.kind}, not a prompt")
    else:
        records = log.records()
    prompts = [r for r in records if isinstance(r, PromptRecord) and r.answered]
    if not prompts:
        raise UnknownName(
            f"session {log.id!r} holds no prompts", hint="see: wb sessions list", kind="no_prompts"
        )
    return prompts


def _replay(
    records: list[PromptRecord], flags: dict[str, Any], log: SessionLog | None, *, tell: bool
) -> list[Replayed]:
    from workbench.errors import EngineError
    from workbench.playground.replay import replay
    from workbench.serving.client import Engine

    done: list[Replayed] = []
    specs = [_settle(record, flags) for record in records]
    for spec in dict.fromkeys(specs) if flags["model"] or flags["adapter"] else ():
        check_exists(spec)
    with Engine.connect(start=True, specs=specs) as engine, interruptible() as pressed:
        for record, spec in zip(records, specs, strict=True):
            if pressed():
                break
            one = replay(engine, record, spec, log=log, cancelled=pressed)
            if isinstance(one.error, EngineError):
                raise one.error  # the engine is gone: the others would fail the same way
            if one.new is not None and one.new.finish_reason == "cancelled" and pressed():
                break
            done.append(one)
            if tell:
                _tell(one)
    return done


def _settle(record: PromptRecord, flags: dict[str, str | None]) -> ModelSpec:
    """The model that answered then, with what the flags say in its place."""
    from workbench.playground.replay import spec_again

    given = {name: value for name in MODEL_FLAGS if (value := flags[name]) is not None}
    spec = spec_again(record, given)
    if "model" in given:
        note_server(spec)
    return spec


def _tell(one: Replayed) -> None:
    from workbench.playground.answer_diff import marked, pieces_of_both
    from workbench.text import clean

    name = clean(one.old.uid or one.old.id, newlines=False)
    if one.error is not None:
        click.echo(f"!  {name}  failed: {clean(one.error.message)}")
        return
    if one.same:
        click.echo(f"=  {name}  same")
        return
    click.echo(f"≠  {name}  {_parting(one)}")
    if one.new is not None:
        was, now = marked(*pieces_of_both(one.old, one.new))
        click.echo(f"   was: {clean(was, newlines=False)}")
        click.echo(f"   now: {clean(now, newlines=False)}")
    if one.label_changed:
        was, now = one.old.label, one.new.label if one.new else None
        click.echo(f"   label: {clean(was or 'unparsed')} → {clean(now or 'unparsed')}")
    if one.environment:
        click.echo(f"   differs: {clean('; '.join(one.environment))}")


def _parting(one: Replayed) -> str:
    from workbench.text import clean

    if (where := one.difference) is None:
        return "differs"

    def quoted(text: str | None) -> str:
        return "the end" if text is None else repr(clean(text))

    return f"token {where.position}: {quoted(where.before)} → {quoted(where.after)}"


def _sum_up(counts: dict[str, int], kept_in: str) -> None:
    from workbench.text import counted

    words = f"{counts['asked']} asked again: {counts['same']} same, {counts['changed']} changed"
    if counts["labels_changed"]:
        words += (
            f", {counted(counts['labels_changed'], 'label')} changed "
            f"({counts['now_right']} now right, {counts['now_wrong']} now wrong)"
        )
    if counts["failed"]:
        words += f", {counts['failed']} failed"
    if counts["not_asked"]:
        words += f", {counts['not_asked']} not asked"
    if kept_in:
        words += f"; the new answers are in {kept_in}"
    click.echo(words, err=True)
