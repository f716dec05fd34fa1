"""`wb prompt`: ask a model about a sample or about images; the answer goes on record."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.asking import (
    decoding_from,
    interruptible,
    knob_options,
    model_options,
    spec_from,
    tell_loading,
)
from commands.completing import complete_templates
from commands.mode_option import mode_option
from commands.shots import shot_options, shot_wish

if TYPE_CHECKING:
    from sessions.errors import WbError
    from sessions.records import PromptRecord
    from workbench.engine.ask import Question
    from workbench.sample import Answer

_PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif"}


@click.command()
@click.argument("what", nargs=-1, metavar="[UID | IMAGE…] [TEXT]")
@click.option(
    "--template",
    help="A prompt of the pool; without TEXT that of the sample's task.",
    shell_complete=complete_templates,
)
@shot_options
@click.option("--system", help="A system turn before TEXT.")
@model_options()
@knob_options()
@click.option("--label-scores", is_flag=True, help="Log-likelihood of each of the labels too.")
@click.option("--label", "labels", multiple=True, metavar="WORD", help="Score this word; repeat.")
@click.option("--stream/--no-stream", default=None, help="Token by token; on a terminal it is.")
@click.option("--no-record", is_flag=True, help="Leave no line in the session.")
@mode_option
@click.option("--json", "as_json", is_flag=True, help="Print the session's line.")
def command(what: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Ask a model about a sample or about images.

    A UID alone is asked by the template of its task. The answer is appended to the session of
    the day ($WB_SESSION names another); `wb replay` asks it again. A score is the sum of the log
    probabilities of a word's tokens, the end of the turn not counted.

    \b
    Example:
      wb prompt demo/test/000012
      wb prompt demo/test/000012 "How many circles are there?" --temperature 0.7 --seed 3
      wb prompt left.png right.png "What differs?" --json
      wb prompt demo/test/000012 --shots 2 --shots-right-in last
      wb prompt demo/test/000012 --label-scores --adapter runs/lora/adapter
    """
    question = _question(what, flags)
    stream = flags["stream"] if flags["stream"] is not None else sys.stdout.isatty()
    answer, record = _ask(question, flags, stream=stream and not as_json)
    if as_json:
        from commands.printing import echo_json

        echo_json(record.to_json())
    else:
        _show(answer, record, streamed=stream and question.decoding.num_beams == 1)
    if answer.finish_reason == "cancelled":
        click.echo("cancelled; what was said is on record", err=True)
        sys.exit(130)


def _question(what: tuple[str, ...], flags: dict[str, Any]) -> Question:
    from workbench.errors import UsageError

    uid, images, text = _sort_out(what)
    if text == "-":
        text = sys.stdin.read().strip()
    if text and flags["template"]:
        raise UsageError("TEXT and --template are both a prompt", hint="leave one of them out")
    if flags["system"] and not text:
        raise UsageError("--system goes with TEXT", hint="a template says its own system turn")
    if uid is not None:
        return _about_sample(uid, text, flags)
    wish = shot_wish(flags)
    if flags["template"] or wish:
        name = "--template" if flags["template"] else wish.flag
        raise UsageError(f"{name} wants a sample", hint="give a UID, such as demo/test/000012")
    return _about_images(images, text, flags)


def _sort_out(what: tuple[str, ...]) -> tuple[str | None, list[Path], str | None]:
    """A UID or image files, then at most one text.

    Raises:
        UsageError: An argument in front of the text is neither; nothing is asked.
    """
    from workbench.errors import ImageError, UsageError

    if not what:
        raise UsageError("nothing to ask", hint="a UID, or images and a text; see --help")
    uid, images, rest = None, [], list(what)
    while rest and _is_file(rest[0]):
        images.append(Path(rest.pop(0)).resolve())
    if rest and not images and _looks_like_uid(rest[0]):
        uid = rest.pop(0)
    if rest and Path(rest[0]).suffix.lower() in _PICTURES and " " not in rest[0]:
        raise ImageError(f"there is no image {rest[0]!r}", hint="check the path")
    if len(rest) > 1:
        raise UsageError(
            f"{rest[0]!r} is neither a UID nor an image file",
            hint="quote a text of several words; a UID is dataset/split/native-id",
        )
    return uid, images, rest[0] if rest else None


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except (OSError, ValueError):  # a whole question can be too long for a name
        return False


def _looks_like_uid(word: str) -> bool:
    from sessions.errors import BadUid
    from sessions.uid import Uid

    try:
        parsed = Uid.parse(word)
    except BadUid:
        return False
    # "is it red/green/blue?" has slashes too; names of datasets and splits have no spaces.
    return " " not in parsed.dataset + parsed.split and not word.startswith((".", "~"))


def _about_sample(uid: str, text: str | None, flags: dict[str, Any]) -> Question:
    from dataclasses import replace

    from sessions.uid import Uid
    from workbench.data.source import open_source
    from workbench.engine.ask import draw_shots, question_of
    from workbench.errors import DataError, UsageError
    from workbench.prompts.pool import default_template, get_template

    spec, decoding = spec_from(flags), decoding_from(flags)
    wish = shot_wish(flags)
    parsed = Uid.parse(uid)
    source = open_source(parsed.dataset, parsed.split)
    sample = source.get(uid)
    if sample.error:
        raise DataError(f"{uid} cannot be read: {sample.error}", hint="choose another sample")
    template = None
    if not text:
        name = flags["template"]
        template = get_template(name) if name else default_template(sample.task, sample)
    elif wish:
        raise UsageError(f"{wish.flag} goes with a template", hint=f"leave out TEXT or {wish.flag}")
    question = question_of(
        sample,
        spec=spec,
        decoding=decoding,
        template=template,
        text=text,
        system=flags["system"],
        shots=draw_shots(source, wish.count, wish.seed, sample, wish),
        revision=source.revision,
        score=flags["labels"],
    )
    if flags["label_scores"] and not question.score:
        if not question.words:
            raise UsageError(
                f"{uid} has no closed set of labels to score",
                hint="name them: --label yes --label no",
            )
        question = replace(question, score=tuple(question.words))
    return question


def _about_images(images: list[Path], text: str | None, flags: dict[str, Any]) -> Question:
    from workbench.engine.ask import Question
    from workbench.errors import UsageError
    from workbench.prompts.template import free_prompt
    from workbench.sample import ImageRef

    if not text:
        raise UsageError("no text to ask about the images", hint='wb prompt a.png "What is it?"')
    if flags["label_scores"] and not flags["labels"]:
        raise UsageError("--label-scores wants words here", hint="--label yes --label no")
    refs = [ImageRef(path=path, name=path.name) for path in images]
    for ref in refs:
        ref.load()  # a damaged picture is told now, by its name, not after loading a model
    return Question(
        messages=free_prompt(refs, text, flags["system"]),
        spec=spec_from(flags),
        decoding=decoding_from(flags),
        score=tuple(flags["labels"]),
    )


def _ask(question: Question, flags: dict[str, Any], *, stream: bool) -> tuple[Answer, PromptRecord]:
    from sessions.records import PromptRecord
    from sessions.session_log import current_session
    from workbench.engine.ask import ask
    from workbench.engine.client import Engine
    from workbench.sample import Answer, Token
    from workbench.text import clean

    log = None if flags["no_record"] else current_session()
    answer, record = Answer(""), PromptRecord()
    with Engine.connect(start=True) as engine, interruptible() as pressed:
        tell = tell_loading()
        for event in ask(
            engine, question, log=log, cancelled=pressed, on_progress=tell, on_problem=_tell
        ):
            if isinstance(event, Answer):
                answer = event
            elif isinstance(event, PromptRecord):
                record = event
            elif isinstance(event, Token) and stream:
                click.echo(clean(event.text), nl=False)
    return answer, record


def _tell(problem: WbError) -> None:
    from workbench.text import clean

    click.echo(f"{clean(problem.message)} ({clean(problem.hint)})", err=True)


def _show(answer: Answer, record: PromptRecord, *, streamed: bool) -> None:
    """The answer on stdout, what else is known of it on stderr."""
    from workbench.text import clean

    click.echo("" if streamed else clean(answer.text))
    facts = [
        f"{len(answer.tokens)} tokens",
        f"{answer.timing.total_s:.2f} s",
        answer.finish_reason,
    ]
    if answer.tokens_per_s:
        facts.insert(1, f"{answer.tokens_per_s:.0f} tokens/s")
    if answer.timing.load_s:
        facts.append(f"loaded in {answer.timing.load_s:.1f} s")
    if record.label is not None or record.target is not None:
        said = clean(record.label or "unparsed", newlines=False)
        facts.append(
            f"read as {said}" + (f", label {clean(record.target)}" if record.target else "")
        )
    click.echo(" · ".join(facts), err=True)
    best = sorted((answer.label_scores or {}).items(), key=lambda item: -item[1])
    for word, score in best:
        click.echo(f"{score:9.3f}  {clean(word, newlines=False)}", err=True)
