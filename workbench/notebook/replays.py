"""Sessions and their replays: what was asked, asked again, answer beside answer.

Guarantee: what is asked and how it is compared is `workbench.playground.replay`, as for `wb replay`
and the bench; a prompt that fails is part of the result, an engine that dies ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from sessions.verdict import answer_right
from workbench import markup
from workbench.errors import EngineError, UnknownName, UsageError
from workbench.notebook.arguments import named
from workbench.notebook.display import Live, Shown, interruptible
from workbench.playground.answer_diff import aligned, pieces_of_both
from workbench.playground.replay import Replayed, replay, spec_again, summary
from workbench.reports.session import gist
from workbench.text import clean, counted

if TYPE_CHECKING:
    from sessions.records import PromptRecord, Record
    from sessions.session_log import SessionLog

_MOST_ROWS = 200


class Session(Shown, Sequence["Record"]):
    """A session: its records, oldest first, as they are on disk now.

    Attributes:
        log: What it stands on.
    """

    def __init__(self, log: SessionLog) -> None:
        self.log = log

    @property
    def id(self) -> str:  # noqa: A003
        """Its name, as `wb sessions` and `wb replay` take it."""
        return self.log.id

    @property
    def prompts(self) -> list[PromptRecord]:
        """The prompts among its records, those that failed included."""
        from sessions.records import PromptRecord

        return [record for record in self.log.records() if isinstance(record, PromptRecord)]

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return self.log.records()[index]

    def __len__(self) -> int:
        return len(self.log.records())

    def _html(self) -> str:
        records = self.log.records()
        rows = [
            (
                markup.muted(markup.name(record.ts[:19].replace("T", " "))),
                markup.badge(record.kind),
                markup.name(getattr(record, "uid", None) or ""),
                markup.prose(_said(record)),
            )
            for record in records[-_MOST_ROWS:]
        ]
        head = markup.heading(f"session {self.id}", counted(len(records), "record"))
        return head + (markup.table(("when", "what", "sample", ""), rows) if rows else "")

    def _plain(self) -> str:
        return clean(f"session {self.id} · {counted(len(self), 'record')}", newlines=False)


def _said(record: Record) -> str:
    """What a line of a list says of a record."""
    return gist(record)[:300]


class Replays(Shown, Sequence[Replayed]):
    """Prompts asked again, each beside what was said then.

    Attributes:
        session: Whose prompts.
        counts: As `wb replay --json` counts them: asked, same, changed, labels_changed, ...
    """

    def __init__(self, session: str, done: Sequence[Replayed]) -> None:
        self.session = session
        self._done = tuple(done)
        self.counts = summary(done)

    @property
    def same(self) -> bool:
        """Whether every answer is what it was."""
        return self.counts["same"] == len(self)

    @overload
    def __getitem__(self, index: int) -> Replayed: ...
    @overload
    def __getitem__(self, index: slice) -> Replays: ...
    def __getitem__(self, index: int | slice) -> Replayed | Replays:
        found = self._done[index]
        return Replays(self.session, found) if isinstance(found, tuple) else found

    def __len__(self) -> int:
        return len(self._done)

    def _html(self) -> str:
        rows = [_row(one) for one in self._done[:_MOST_ROWS]]
        more = len(self) - _MOST_ROWS
        return (
            markup.heading(f"replay of {self.session}", markup.esc(self._counted()))
            + markup.table(("", "sample", "then", "now", "label", "differs"), rows)
            + (markup.block(markup.muted(f"and {more:,} more")) if more > 0 else "")
        )

    def _counted(self) -> str:
        counts = self.counts
        words = f"{counts['asked']} asked again: {counts['same']} same, {counts['changed']} changed"
        if counts["labels_changed"]:
            words += (
                f", {counted(counts['labels_changed'], 'label')} changed "
                f"({counts['now_right']} now right, {counts['now_wrong']} now wrong)"
            )
        return words + (f", {counts['failed']} failed" if counts["failed"] else "")

    def _plain(self) -> str:
        lines = [f"replay of {self.session}: {self._counted()}"]
        for one in self._done[:_MOST_ROWS]:
            if not one.same:
                now = one.new.text if one.new else one.error.message if one.error else "failed"
                lines.append(f"{one.old.uid or one.old.id}: {one.old.text!r} -> {now!r}")
        return "\n".join(clean(line, newlines=False) for line in lines)


def _row(one: Replayed) -> tuple[str, ...]:
    """The cells of one pair: what differs is marked in both answers."""
    name = markup.name(one.old.uid or one.old.id)
    if one.new is None:
        why = one.error.message if one.error else "failed"
        failed = markup.badge("failed", markup.BAD)
        return failed, name, markup.prose(one.old.text), markup.esc(why, 400), "", ""
    mark = (
        markup.badge("= same", markup.GOOD) if one.same else markup.badge("≠ changed", markup.BAD)
    )
    then, now = differing(one)
    labels = _label(one.old)
    if one.label_changed:
        labels += f" → {_label(one.new)}"
    place = f"token {one.difference.position}; " if one.difference else ""
    return mark, name, then, now, labels, markup.esc(place + "; ".join(one.environment), 400)


def _label(record: PromptRecord) -> str:
    right = answer_right(record)
    if record.label is None:
        return markup.badge("unparsed") if right is not None else ""
    tint = {} if right is None else {"tint": markup.GOOD if right else markup.BAD}
    return markup.badge(record.label, **tint)


def differing(one: Replayed) -> tuple[str, str]:
    """The old and the new answer as HTML, what differs tinted in each."""
    assert one.new is not None
    then, now = "", ""
    for same, before, after in aligned(*pieces_of_both(one.old, one.new)):
        then += markup.prose(before) if same else _tinted(before, markup.BAD)
        now += markup.prose(after) if same else _tinted(after, markup.GOOD)
    return then, now


def _tinted(text: str, tint: str) -> str:
    return (
        f'<mark style="background:{tint};color:inherit">{markup.prose(text)}</mark>' if text else ""
    )


def replay_session(
    log: SessionLog, only: Sequence[str], words: Mapping[str, Any], out: SessionLog | None
) -> Replays:
    """Ask a session's prompts again, one after the other, counting under the cell.

    Args:
        log: Whose prompts.
        only: Ids of records; empty for all that did not fail.
        words: Model and adapter in place of the recorded ones, by the names of the flags.
        out: Where the new answers go; `None` keeps none.

    Raises:
        UnknownName: There are no prompts to ask.
        EngineError: The engine is gone.
        KeyboardInterrupt: The cell was interrupted; what was asked again so far stays drawn.
    """
    from workbench.serving.client import Engine

    records = _chosen(log, only)
    live, done = Live(), []
    said = {name: value for name, value in words.items() if value is not None}
    specs = [spec_again(record, said) for record in records]
    if "model" in said:
        named(specs[0])
    with Engine.connect(start=True, specs=specs) as engine, interruptible() as pressed:
        try:
            for record, spec in zip(records, specs, strict=True):
                at = len(done)
                live.draw(lambda at=at: markup.muted(f"{at} of {len(records)} asked again"))
                one = replay(engine, record, spec, log=out, cancelled=pressed)
                if isinstance(one.error, EngineError):
                    raise one.error  # the others would fail in the same way
                if pressed():
                    break
                done.append(one)
        except BaseException:
            live.clear()
            raise
        found = Replays(log.id, done)
        if pressed():
            live.draw(found._html, now=True)
        else:
            live.clear()
    return found


def _chosen(log: SessionLog, only: Sequence[str]) -> list[PromptRecord]:
    from sessions.records import PromptRecord

    records = [log.get(name) for name in only] if only else log.records()
    prompts = [r for r in records if isinstance(r, PromptRecord)]
    if only and len(prompts) < len(records):
        wrong = next(r for r in records if not isinstance(r, PromptRecord))
        raise UsageError(f"{wrong.id} is a {wrong.kind}, not a prompt")
    prompts = [record for record in prompts if record.answered]
    if not prompts:
        raise UnknownName(
            f"session {log.id!r} holds no prompts", hint="see: wb sessions list", kind="no_prompts"
        )
    return prompts
