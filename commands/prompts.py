"""`wb prompts`: list prompt templates, and show one filled from a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from commands.asking import check_exists
from commands.completing import complete_templates
from commands.groups import Group
from commands.printing import echo_json, echo_table
from commands.shots import shot_options, shot_wish

if TYPE_CHECKING:
    from workbench.models.spec import ModelSpec
    from workbench.prompts.template import Template, WritePlaces
    from workbench.sample import Message, Sample

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(cls=Group)
def command() -> None:
    """List, show and try prompt templates.

    \b
    Example:
      wb prompts list --task statement
      wb prompts try demo/test/000012 --template "statement/*"
    """


@command.command("list")
@click.option("--task", help="statement, entailment, question, caption, grounding, …")
@click.option("--all", "every", is_flag=True, help="Older versions too.")
@_json
def list_(task: str | None, every: bool, as_json: bool) -> None:
    """List the shipped templates and your own; the first of a task is its default.

    \b
    Example:
      wb prompts list
      wb prompts list --task classification --json
    """
    from workbench.prompts.pool import list_templates

    pool = list_templates(task)
    newest: dict[str, int] = {}
    for template in pool:
        newest[template.name] = max(template.version, newest.get(template.name, 0))
    found = [t for t in pool if every or t.version == newest[t.name]]
    if as_json:
        echo_json([template.to_json() for template in found])
        return
    rows = [(_full_name(t), _words(t.words()), _where(t), t.description) for t in found]
    echo_table(("NAME", "WORDS", "FROM", "WHAT IT IS"), rows, empty="no templates of this task")


@command.command()
@click.argument("name", shell_complete=complete_templates)
@_json
def show(name: str, as_json: bool) -> None:
    """Show one template, the newest version or NAME@VERSION.

    \b
    Example:
      wb prompts show entailment/labels-first
      wb prompts show statement/true-false@1 --json
    """
    from workbench.prompts.pool import get_template

    template = get_template(name)
    if as_json:
        echo_json(template.to_json())
        return
    facts = [
        ("name", _full_name(template)),
        ("task", template.task),
        ("from", template.source),
        ("about", template.description),
        ("wants", ", ".join(template.slots)),
        ("optional", ", ".join(template.optional_slots)),
        ("words", _words(template.labels) or "the sample's own labels, or an open answer"),
        ("system", template.system),
        ("text", template.text),
        ("answer", template.answer),
        ("example", template.example),
        ("digest", template.digest),
    ]
    for key, value in facts:
        if value:
            _say(key, value)


@command.command("try")
@click.argument("uid")
@click.option(
    "--template",
    "names",
    multiple=True,
    help="A template, or all that a name with * matches; repeat.  [the sample's default]",
    shell_complete=complete_templates,
)
@shot_options
@click.option("--seed", default=0, show_default=True, help="The seed by which examples are drawn.")
@click.option("--answer", help="Read this text as a model's answer would be read.")
@click.option("--model", help="Whose default template and coordinates (of boxes) are taken.")
@_json
def try_(
    uid: str,
    names: tuple[str, ...],
    answer: str | None,
    model: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Fill templates from a sample and show what a model would get; no model is asked.

    \b
    Example:
      wb prompts try demo/test/000012
      wb prompts try demo/test/000012 --template "statement/*"
      wb prompts try demo/test/000012 --shots 1 --answer "Not true, I think."
      wb prompts try demo_boxes/test/000001 --shots 2 --model demo
    """
    from workbench.data.half_uids import whole_uid
    from workbench.data.source import open_source
    from workbench.errors import DataError, UsageError
    from workbench.models.box_writer import box_writer
    from workbench.models.spec import ModelSpec, chosen_spec
    from workbench.prompts.shots import choose_shots

    spec = chosen_spec({"model": model}, ModelSpec()) if model else None
    if spec is not None:
        check_exists(spec)
    parsed = whole_uid(uid)
    source = open_source(parsed.dataset, parsed.split)
    sample = source.get(uid)
    if sample.error:
        raise DataError(f"{uid} cannot be read: {sample.error}", hint="choose another sample")
    shots = choose_shots(shot_wish(flags), source, sample.uid).shots
    write = box_writer(spec)
    found = [_tried(t, sample, shots, answer, write) for t in _chosen(names, sample, spec)]
    if not any(messages for _, messages in found):
        hint = "see: wb prompts list --task " + sample.task
        if shots and spec is None and sample.task == "grounding":
            hint = "say in whose coordinates the examples' boxes are to be: --model NAME"
        raise UsageError(found[0][0]["error"], hint=hint)
    if as_json:
        bodies = [body for body, _ in found]
        echo_json({"uid": sample.uid, "shots": [s.uid for s in shots], "prompts": bodies})
        return
    for body, messages in found:
        _show(body, messages, answer)


def _chosen(names: tuple[str, ...], sample: Sample, spec: ModelSpec | None) -> list[Template]:
    from workbench.models.default_prompt import template_for
    from workbench.prompts.pool import default_template, find_templates

    if not names and spec is not None:
        return [template_for(spec, sample)]
    if not names:
        return [default_template(sample.task, sample)]
    found = [template for name in names for template in find_templates(name)]
    return list({(t.name, t.version): t for t in found}.values())


def _tried(
    template: Template,
    sample: Sample,
    shots: tuple[Sample, ...],
    answer: str | None,
    write: WritePlaces,
) -> tuple[dict[str, Any], tuple[Message, ...]]:
    """What a template makes of a sample; one that does not fit it says why and stops no other."""
    from workbench.errors import UsageError
    from workbench.playground.record import message_json
    from workbench.prompts.parse import parse_answer

    words = template.read_words(sample)
    body: dict[str, Any] = {"name": template.name, "version": template.version}
    body |= {"digest": template.digest, "words": words, "gold": None, "messages": []}
    body |= {"read": None, "error": None}
    messages: tuple[Message, ...] = ()
    try:
        messages = template.render(sample, shots, write)
    except UsageError as error:
        body["error"] = error.message
    else:
        body["messages"] = [message_json(message) for message in messages]
        if sample.label is not None and template.task == sample.task:
            body["gold"] = _gold(template, sample, write)
    if answer is not None and "grounding" in (sample.task, template.task):
        from workbench.grounding.answered import typed_regions

        found = typed_regions(answer, sample, template.name)
        why = "; ".join(word for word in (found.overlap_words, *found.problems) if word)
        body["read"] = {"label": found.label, "explanation": why, "grounding": found.to_json()}
    elif answer is not None:
        parsed = parse_answer(answer, words)
        body["read"] = {"label": parsed.label, "explanation": parsed.explanation}
    return body, messages


def _gold(template: Template, sample: Sample, write: WritePlaces) -> str | None:
    """What a right answer says; of places whose coordinates nobody knows the data's own."""
    from workbench.errors import UsageError

    try:
        return template.gold_answer(sample, write=write)
    except UsageError:
        if sample.task != "grounding":
            raise
        return sample.label


def _show(body: dict[str, Any], messages: tuple[Message, ...], answer: str | None) -> None:
    _say("template", f"{body['name']}@{body['version']}")
    if body["error"]:
        _say("error", body["error"])
    for message in messages:
        pictures = " ".join(f"[{_short(ref.name)}]" for ref in message.images)
        _say(message.role, "\n".join([pictures, message.text] if pictures else [message.text]))
    if body["words"]:
        _say("words", _words(body["words"]))
    if body["gold"] is not None:
        _say("gold", body["gold"])
    if answer is not None and body["read"]:
        read = body["read"]
        _say("read as", read["label"] if read["label"] is not None else "unparsed")
        if read["explanation"] and "grounding" in read:
            _say("places", read["explanation"])
        elif read["label"] is not None and read["explanation"]:
            _say("because", read["explanation"])
    click.echo()


def _say(name: str, value: str) -> None:
    """A name and a text beside it, its lines below each other; cleaned."""
    from workbench.text import clean

    first, *rest = clean(value).split("\n")
    click.echo(f"{name:<10}{first}")
    for line in rest:
        click.echo(f"{'':<10}{line}")


def _short(name: str) -> str:
    """An image's name as a word: the end of its path or URL."""
    last = name.rstrip("/").rpartition("/")[2] or "image"
    return last if len(last) <= 40 else last[:39] + "…"


def _full_name(template: Template) -> str:
    return f"{template.name}@{template.version}"


def _words(words: Any) -> str:
    """`yes → true, no → false`; a word that is its own label alone."""
    return ", ".join(w if w == label else f"{w} → {label}" for w, label in words.items())


def _where(template: Template) -> str:
    from pathlib import Path

    return template.source if template.source == "shipped" else Path(template.source).name
