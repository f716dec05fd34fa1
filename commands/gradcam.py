"""`wb gradcam`: where in the images the tokens of an answer come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.asking import MODEL_FLAGS, check_exists, model_options, model_values, note_base
from commands.mode_option import mode_option
from commands.paths import WriteFile
from commands.printing import images_option

if TYPE_CHECKING:
    from PIL import Image

    from sessions.session_log import SessionLog
    from workbench.playground.explain import Explained
    from workbench.playground.question import Question
    from workbench.sample import Answer

_KNOBS = (
    *("method", "layer", "target", "contrast", "head"),
    *("steps", "baseline", "smooth", "window", "stride"),
)


@click.command()
@click.argument("uid")
@click.argument("text", required=False)
@click.option(
    "--template",
    help="The prompt template. Without TEXT the default is the one of the sample's task.",
)
@click.option(
    "--answer", help="Explain this answer. Without it, the model answers first (greedily)."
)
@click.option(
    "--head", metavar="LABEL", help="Explain this class of the model's head instead of a token."
)
@click.option("--token", type=int, default=0, help="Which token of the answer, from 0.")
@click.option("--all-tokens", is_flag=True, help="Every token of the answer.")
@click.option("--method", help="elementwise, hirescam, gradcam, integrated, occlusion, ...")
@click.option("--layer", help="patch.last, patch.embed, merged.last, token.layer0, a*b, a+b, ...")
@click.option(
    "--target",
    type=click.Choice(["logit", "logprob", "logodds", "margin"]),
    help="What is explained.  [margin]",
)
@click.option("--contrast", help="The other answer (or class) of a margin.  [the runner-up]")
@click.option("--steps", type=int, help="Points on the path of --method integrated.")
@click.option(
    "--baseline",
    type=click.Choice(["border", "mean", "blur", "grey", "local"]),
    help="The blank image; local is for occlusion.  [blur]",
)
@click.option("--smooth", type=int, help="Average this many noisy passes.")
@click.option("--window", type=int, help="The window of --method occlusion, in pixels.")
@click.option("--stride", type=int, help="How far the window moves, in pixels.")
@click.option("--out", type=WriteFile(), help="Write the overlays as one picture.")
@click.option(
    "--opacity",
    type=float,
    default=0.5,
    show_default=True,
    help="0 shows the image only, 1 the heat map only.",
)
@click.option(
    "--colormap",
    type=click.Choice(["turbo", "viridis", "inferno", "jet", "grey"]),
    default="turbo",
    show_default=True,
    help="The colours of the map.",
)
@click.option(
    "--max-new-tokens",
    default=64,
    show_default=True,
    help="The most tokens, if the model answers first.",
)
@model_options()
@click.option("--local", is_flag=True, help="Load the model here, without the engine.")
@click.option("--no-record", is_flag=True, help="Leave no line in the session.")
@images_option("How to draw the overlays; auto draws on a terminal only.")
@mode_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(uid: str, text: str | None, as_json: bool, **flags: Any) -> None:
    """Draw where in the image an answer comes from.

    The heat map shows the places that speak for one token. All images of the prompt share one
    scale; the peak is the hottest pixel in the original image. Instead of a UID you can give the
    id of a heat map in a session: it is drawn again with the same settings.

    \b
    Example:
      wb gradcam demo/test/000012 --out heat.png
      wb gradcam demo_vqa/test/000003 "Is there a red circle?" --answer yes --contrast no
      wb gradcam demo/test/000012 --all-tokens --json
      wb gradcam demo/test/000012 --method occlusion --baseline border --window 16
      wb gradcam demo/test/000012 --adapter RUN --head true
      wb gradcam 01k2q --out again.png
    """
    from workbench.errors import UsageError
    from workbench.explain.methods import get_method

    if flags["out"]:
        _check_out(flags["out"])
    if not 0 <= flags["opacity"] <= 1:
        raise UsageError(f"--opacity wants a number from 0 to 1, got {flags['opacity']}")
    if flags["head"] is not None and (flags["answer"] or flags["token"] or flags["all_tokens"]):
        raise UsageError(
            "--head explains a class, read off the prompt alone: no token of an answer",
            hint="leave out --answer, --token and --all-tokens",
        )
    if flags["method"] not in (None, "occlusion"):
        get_method(flags["method"])  # raises before an engine is started
    wanted = _wanted(uid, text, flags)
    wanted, reply = _explain(wanted, flags)
    question, replies = wanted.question, reply.get("tokens") or [reply]
    for one in replies:
        one |= _pointing(question, one)
    if flags["out"]:
        _write(flags["out"], _sheet(question, replies, flags))
    if as_json:
        from commands.printing import echo_json

        echo_json(
            {"uid": question.uid, **reply, **({"file": str(flags["out"])} if flags["out"] else {})}
        )
        return
    _show(question, wanted.text, replies, flags)


def _pointing(question: Question, reply: dict[str, Any]) -> dict[str, Any]:
    """`{"pointing": {"hit", "chance"}}` where the data says what the text is about."""
    from workbench.explain.pointing import pointing
    from workbench.explain.result import Explanation
    from workbench.grounding.gold import places_of

    about = next((s for s in question.samples if s.uid == question.uid), None)
    told = about is not None and isinstance(about.metadata.get("targets"), list)
    if about is None or not (told or about.task == "grounding"):
        return {}
    found = pointing(Explanation.from_json(reply), places_of(about), len(about.images))
    return {"pointing": {"hit": found[0], "chance": round(found[1], 4)}} if found else {}


def _check_out(path: Path) -> None:
    """Refuse a file that cannot be written as a picture before any work is done."""
    from PIL import Image

    from workbench.errors import UsageError

    Image.init()
    if path.suffix.lower() not in Image.EXTENSION:
        raise UsageError(f"--out {str(path)!r} has no ending of a picture", hint="such as heat.png")


def _wanted(uid: str, text: str | None, flags: dict[str, Any]) -> Explained:
    """What the arguments mean: a question about a sample, or what a record explained."""
    from workbench.data.half_uids import refuse_half_a_uid
    from workbench.playground.explain import Explained
    from workbench.sample import Answer

    refuse_half_a_uid(uid)
    if "/" not in uid:
        return _recorded(uid, text, flags)
    answer = Answer(flags["answer"]) if flags["answer"] else None
    if flags["head"] is not None:
        answer = Answer("")  # none is asked for: the head reads the prompt
    return Explained(
        _question(uid, text, flags),
        answer,
        token="all" if flags["all_tokens"] else flags["token"],
        knobs={name: flags[name] for name in _KNOBS},
    )


def _recorded(name: str, text: str | None, flags: dict[str, Any]) -> Explained:
    """What an explanation on record explained, by its own model and knobs."""
    from click.core import ParameterSource

    from sessions.records import GradcamRecord
    from sessions.session_log import find_record
    from workbench.errors import UsageError
    from workbench.playground.explain import explained_by

    context = click.get_current_context()
    fixed = ("template", "answer", "token", "all_tokens", "max_new_tokens", *_KNOBS, *MODEL_FLAGS)
    typed = ["TEXT"] if text is not None else []
    typed += [
        option.opts[0]
        for option in context.command.params
        if option.name in fixed
        and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    ]
    if typed:
        raise UsageError(
            f"{typed[0]} goes with a UID: the record {name} says what is explained, and how",
            hint="leave it out, or explain a sample: wb gradcam dataset/split/native-id",
        )
    record = find_record(name)
    if not isinstance(record, GradcamRecord):
        raise UsageError(
            f"{record.id} is a {record.kind}, not a heat map",
            hint="explain its sample: wb gradcam dataset/split/native-id",
        )
    return explained_by(record)


def _question(uid: str, text: str | None, flags: dict[str, Any]) -> Question:
    from workbench.inference.decoding import Decoding
    from workbench.models.remote_model import refuse_weights
    from workbench.models.spec import ModelSpec, chosen_spec
    from workbench.playground.question import question_about, source_of

    spec = chosen_spec(model_values(flags), ModelSpec())
    check_exists(spec)
    note_base(spec)
    refuse_weights(spec, "Grad-CAM")
    source = source_of(uid)
    return question_about(
        source.get(uid),
        source=source,
        spec=spec,
        decoding=Decoding(max_new_tokens=flags["max_new_tokens"]),
        template=flags["template"],
        text=text,
    )


def _explain(wanted: Explained, flags: dict[str, Any]) -> tuple[Explained, dict[str, Any]]:
    """What was explained, answered where it was not, and the maps; by the engine or in process."""
    from dataclasses import replace

    from sessions.session_log import current_session
    from workbench.playground.explain import explain, keep
    from workbench.serving.client import Engine

    log = None if flags["no_record"] else current_session()
    answered = wanted.answer is not None
    if flags["local"]:
        wanted, reply = _explain_here(wanted)
        keep(log, wanted, reply)
        return wanted, reply
    with Engine.connect(start=True) as engine:
        if not answered:
            answer, prompt_id = _ask(engine, wanted.question, log)
            wanted = replace(wanted, answer=answer, prompt_id=prompt_id)
        return wanted, explain(engine, wanted, log=log, on_progress=_progress)


def _explain_here(wanted: Explained) -> tuple[Explained, dict[str, Any]]:
    from dataclasses import replace

    from workbench.explain.request import explain_request
    from workbench.inference.generate import generate
    from workbench.models.base import load_model

    question = wanted.question
    loaded = load_model(question.spec, _progress)
    if wanted.answer is None:
        answers = generate(loaded, [question.messages], question.decoding)
        wanted = replace(wanted, answer=answers[0])
    return wanted, explain_request(loaded, wanted.request())


def _ask(engine: Any, question: Question, log: SessionLog | None) -> tuple[Answer, str | None]:
    from sessions.records import PromptRecord
    from workbench.playground.ask import ask
    from workbench.sample import Answer

    answer, prompt_id = Answer(""), None
    for event in ask(engine, question, log=log, on_progress=_progress):
        if isinstance(event, Answer):
            answer = event
        elif isinstance(event, PromptRecord):
            prompt_id = event.id
    return answer, prompt_id if log is not None else None


def _progress(stage: str, share: float) -> None:
    if stage == "weights":
        click.echo("loading the model", err=True)


def _sheet(
    question: Question, replies: list[dict[str, Any]], flags: dict[str, Any], most: int = 0
) -> Image.Image:
    """The overlays: a row for each token, the prompt's images from left to right.

    Args:
        question: Whose images they lie on.
        replies: One for each row.
        flags: Opacity and colour map.
        most: Scale images down to this many pixels a side; 0 leaves them as they are.
    """
    from workbench.explain.overlay import overlay, sheet
    from workbench.explain.result import Explanation

    images = [ref.load() for message in question.messages for ref in message.images]
    for image in images if most else ():
        image.thumbnail((most, most))
    look = {"opacity": flags["opacity"], "colormap": flags["colormap"]}
    rows = [
        [overlay(image, heat, **look) for image, heat in zip(images, one.images, strict=True)]
        for one in map(Explanation.from_json, replies)
    ]
    return sheet(rows)


def _write(path: Path, picture: Image.Image) -> None:
    """Put the picture there whole, or leave what was there."""
    import io

    from PIL import Image

    from sessions.atomic import atomic_write

    buffer = io.BytesIO()
    picture.save(buffer, Image.EXTENSION[path.suffix.lower()])
    atomic_write(path.absolute(), buffer.getvalue())
    click.echo(f"wrote {path}", err=True)


def _show(
    question: Question, said: str, replies: list[dict[str, Any]], flags: dict[str, Any]
) -> None:
    from commands.printing import echo_table
    from workbench.data.show import console_for, show_picture

    console = console_for(flags["pictures"])
    if flags["pictures"] != "off" and console.is_terminal and console.color_system:
        for reply in replies:
            picture = _sheet(question, [reply], flags, most=256)
            show_picture(console, picture, flags["pictures"])
    echo_table(
        ("token", "text", "image", "peak", "heat", "of"),
        [
            (
                reply["token"],
                reply["token_text"],
                number,
                "{},{}".format(*image["peak"]),
                f"{max(map(max, image['heat'])):.2f}",
                "x".join(map(str, image["size"])),
            )
            for reply in replies
            for number, image in enumerate(reply["images"])
        ],
    )
    told = [reply["pointing"] for reply in replies if "pointing" in reply]
    if told:
        hits, chance = sum(one["hit"] for one in told), told[0]["chance"]
        click.echo(
            f"hottest point on what the text is about: {hits} of {len(told)} "
            f"(a random point: {chance:.0%} at most)",
            err=True,
        )
    for note in dict.fromkeys(note for reply in replies for note in reply["notes"]):
        click.echo(note, err=True)
    click.echo(_in_words(replies, said), err=True)


def _in_words(replies: list[dict[str, Any]], said: str) -> str:
    """One sentence: what the maps explain, against what, by which method and at which layer."""
    from workbench.text import clean

    first = replies[0]
    if "head" in first:
        what = f"class {first['head']!r} of the model's head"
    elif len(replies) > 1:
        what = f"each token of the answer {said!r}"
    else:
        what = f"the token {first['token_text']!r} of the answer {said!r}"
    if first["contrast"] and len(replies) == 1:
        what += f" and against {first['contrast']!r}"
    where = f" at the layer {first['layer']}" if first["layer"] else ""
    words = f"shown: what speaks for {what} ({first['target']}), by {first['method']}{where}"
    return clean(words, newlines=False)
