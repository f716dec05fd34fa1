"""`wb prompt`: ask a model about a sample or about images, and record the answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from commands.asking import knob_options, model_options, tell_loading
from commands.completing import complete_templates
from commands.mode_option import mode_option
from commands.prompt_question import read_wanted
from commands.shots import shot_options
from commands.sweeping import ask_grid, axes_of, grid_table, take_several
from workbench.interrupt import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable

    from commands.prompt_question import PromptArguments
    from sessions.errors import WbError
    from sessions.records import PromptRecord
    from sessions.session_log import SessionLog
    from workbench.models.spec import ModelSpec
    from workbench.playground.question import Question
    from workbench.sample import Answer
    from workbench.serving.client import Engine


@click.command()
@click.argument("what", nargs=-1, metavar="[UID | IMAGE…] [TEXT]")
@click.option(
    "--template",
    help="The prompt template. Without TEXT the default is the one of the sample's task.",
    shell_complete=complete_templates,
)
@shot_options
@click.option("--system", help="A system prompt before TEXT.")
@click.option(
    "--turn",
    "turns",
    multiple=True,
    metavar="TEXT",
    help="Ask this after the answer; repeat for more turns.",
)
@click.option("--messages", metavar="FILE", help="A whole conversation as JSON; - is stdin.")
@model_options()
@knob_options()
@click.option("--label-scores", is_flag=True, help="Also score each label by its log-likelihood.")
@click.option("--label", "labels", multiple=True, metavar="WORD", help="Score this word; repeat.")
@click.option("--max-cells", default=64, show_default=True, help="The most combinations of values.")
@click.option(
    "--stream/--no-stream", default=None, help="Print token by token (the default on a terminal)."
)
@click.option("--no-record", is_flag=True, help="Leave no line in the session.")
@mode_option
@click.option("--json", "as_json", is_flag=True, help="Print the session's line.")
def command(what: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Ask a model about a sample or about images.

    A UID alone is asked with the template of its task. `-` is stdin: as the last argument a text,
    before that an image. The answer is added to the session of the day ($WB_SESSION names
    another); `wb replay` asks it again. The score of a word is the sum of the log probabilities
    of its tokens, without the end of the turn.

    Decoding settings, --template, --shots, --model, --adapter and --quantization take several
    values with commas. All combinations are asked and shown as a table; the session has them
    under one sweep id.

    \b
    Example:
      wb prompt demo/test/000012
      wb prompt demo/test/000012 "How many circles are there?" --temperature 0.7 --seed 3
      wb prompt left.png right.png "What differs?" --json
      wb prompt demo/test/000012 "What is there?" --turn "And on the right?"
      wb prompt demo/test/000012 --temperature 0,0.7,1 --template "statement/*"
      wb prompt demo/test/000012 --adapter none,runs/lora/adapter --label-scores
    """
    from workbench.playground.record import pin_images

    flags["adapter"] = None if flags["adapter"] == "none" else flags["adapter"]
    wanted = read_wanted(what, flags)
    log = None if flags["no_record"] else _session()
    if axes := axes_of(flags, lambda: wanted.sample if wanted.uid else None):
        _grid(wanted, axes, flags, log, as_json)
        return
    question = pin_images(wanted.question(flags), keep=False)
    stream = flags["stream"] if flags["stream"] is not None else sys.stdout.isatty()
    said: list[PromptRecord] = []
    lost: WbError | None = None
    with _connect([question.spec]) as engine, interruptible() as pressed:
        for turn in (None, *flags["turns"]):
            question = question if turn is None else _next(question, said[-1], turn)
            answer, record, lost = _ask(
                engine, question, log, pressed, stream=stream and not as_json
            )
            said.append(record)
            if not as_json:
                _show(answer, record, streamed=stream and question.decoding.num_beams == 1)
            if answer.finish_reason == "cancelled" or lost is not None:
                break
    if as_json:
        from commands.printing import echo_json

        lines = [record.to_json() for record in said]
        echo_json({"turns": lines} if flags["turns"] else lines[0])
    if lost is not None:
        # The answer is on stdout by now; there is one document, also under --json.
        _tell(lost)
        sys.exit(1)
    if said[-1].finish_reason == "cancelled":
        click.echo("cancelled; the answer so far is recorded", err=True)
        sys.exit(130)


def _session() -> SessionLog:
    from sessions.session_log import current_session

    return current_session()


def _connect(specs: list[ModelSpec]) -> Engine:
    from workbench.serving.client import Engine

    return Engine.connect(start=True, specs=specs)


def _next(question: Question, record: PromptRecord, turn: str) -> Question:
    """The next turn, after what was answered."""
    from workbench.errors import UsageError
    from workbench.playground.question import follow_up

    if not turn.strip():
        raise UsageError("--turn is empty", hint="say what to ask next")
    return follow_up(question, record.text, record.id, turn)


def _ask(
    engine: Engine,
    question: Question,
    log: SessionLog | None,
    pressed: Callable[[], bool],
    *,
    stream: bool,
) -> tuple[Answer, PromptRecord, WbError | None]:
    """The answer, its record, and why it is not on record where it is not."""
    from sessions.errors import WbError
    from sessions.records import PromptRecord
    from workbench.playground.ask import ask
    from workbench.sample import Answer, Token
    from workbench.text import clean

    answer, record = Answer(""), PromptRecord()
    try:
        for event in ask(
            engine,
            question,
            log=log,
            cancelled=pressed,
            on_progress=tell_loading(),
            on_problem=_tell,
        ):
            if isinstance(event, Answer):
                answer = event
            elif isinstance(event, PromptRecord):
                record = event
            elif isinstance(event, Token) and stream:
                click.echo(clean(event.text), nl=False)
    except WbError as error:
        if error.kind == "not_recorded":
            return answer, record, error
        _tell_part(record, log, streamed=stream)
        raise
    return answer, record, None


def _tell_part(record: PromptRecord, log: SessionLog | None, *, streamed: bool) -> None:
    """Where an answer failed in the middle: that it did, and where its start is."""
    from workbench.text import counted

    if not record.text:
        return
    if streamed:
        click.echo("")
    count = f"the answer broke off after {counted(len(record.tokens), 'token')}"
    click.echo(f"{count}; they are on record" if log is not None else count, err=True)


def _tell(problem: WbError) -> None:
    from workbench.text import clean

    click.echo(f"{clean(problem.message)} ({clean(problem.hint)})", err=True)


def _once(tell: Callable[[WbError], None]) -> Callable[[WbError], None]:
    """Tells a problem that all cells of a grid have only once."""
    told: set[str] = set()

    def tell_new(problem: WbError) -> None:
        if problem.message not in told:
            told.add(problem.message)
            tell(problem)

    return tell_new


def _show(answer: Answer, record: PromptRecord, *, streamed: bool) -> None:
    """The answer on stdout, what else is known of it on stderr."""
    from sessions.verdict import answer_verdict
    from workbench.grounding.answered import recorded_regions
    from workbench.reports.silence import answered_nothing
    from workbench.text import clean, counted

    click.echo("" if streamed else clean(answer.text))
    if not answer.text.strip():
        click.echo(answered_nothing(len(answer.tokens), answer.finish_reason), err=True)
    facts = [
        counted(len(answer.tokens), "token"),
        f"{answer.timing.total_s:.2f} s",
        answer.finish_reason,
    ]
    if answer.tokens_per_s:
        facts.insert(1, f"{answer.tokens_per_s:.0f} tokens/s")
    if answer.timing.load_s:
        facts.append(f"loaded in {answer.timing.load_s:.1f} s")
    if record.label is not None or answer_verdict(record) == "unparsed":
        said = clean(record.label or "unparsed", newlines=False)
        facts.append(
            f"read as {said}" + (f", label {clean(record.target)}" if record.target else "")
        )
    places = recorded_regions(record.grounding)
    if places is not None and places.overlap_words:
        facts.append(places.overlap_words)
    click.echo(" · ".join(facts), err=True)
    for line in places.lines if places is not None else ():
        click.echo(f"place  {clean(line, newlines=False)}", err=True)
    for line in places.problems if places is not None else ():
        click.echo(f"places: {clean(line, newlines=False)}", err=True)
    if answer.head:
        from workbench.models.head_config import head_words

        click.echo(f"head: {clean(head_words(answer.head), newlines=False)}", err=True)
    best = sorted((answer.label_scores or {}).items(), key=lambda item: -item[1])
    for word, score in best:
        click.echo(f"{score:9.3f}  {clean(word, newlines=False)}", err=True)


# -- many at once --------------------------------------------------------------------------------


def _grid(
    wanted: PromptArguments,
    axes: dict[str, tuple[Any, ...]],
    flags: dict[str, Any],
    log: SessionLog | None,
    as_json: bool,
) -> None:
    """Ask all combinations; what was answered is printed also where it was cut short."""
    from workbench.errors import EngineError, UsageError
    from workbench.playground.sweep import plan

    for name in ("turns", "stream"):
        if flags[name]:
            raise UsageError(
                f"--{name.rstrip('s')} goes with one answer, and a grid was asked for",
                hint="give each option one value",
            )
    sweep = plan(axes, lambda values: wanted.question(flags | values), flags["max_cells"])
    found: dict[int, PromptRecord] = {}

    def connect() -> Engine:
        return _connect([cell.question.spec for cell in sweep.cells if cell.question])

    gone: EngineError | None = None
    with interruptible() as pressed:
        try:
            for cell, record in ask_grid(
                sweep, connect, log=log, cancelled=pressed, on_problem=_once(_tell)
            ):
                found[cell.number] = record
        except EngineError as error:
            gone = error  # what was answered before is printed all the same
        cut = pressed()
    if gone is not None and not found:
        raise gone
    records = [found[number] for number in sorted(found)]
    failed = sum(record.error is not None for record in records)
    if as_json:
        from commands.printing import echo_json

        counts = {"cells": len(sweep.cells), "asked": len(records), "failed": failed}
        body = {"sweep": sweep.id, "session": log.id if log else None, "axes": sweep.axes}
        why = gone.to_json() if gone else {}
        echo_json({**body, **why, "counts": counts, "cells": [r.to_json() for r in records]})
    else:
        grid_table(list(axes), records)
    words = f"{len(records)} of {len(sweep.cells)} asked, {failed} failed, "
    words += f"{len({r.text for r in records if not r.error})} different answers"
    where = f" · wb sessions show {log.id} --sweep {sweep.id}" if log else ""
    click.echo(f"{words}{where}", err=True)
    if gone is not None:
        _tell(gone)
    if cut:
        click.echo("cancelled; the answer so far is recorded" if log else "cancelled", err=True)
        sys.exit(130)
    if failed or gone:
        sys.exit(1)


take_several(command)
