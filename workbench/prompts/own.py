"""A wording that somebody wrote about one sample, made a template: of any sample, kept in a file.

Guarantee: the template says of that sample what was written, to the character, or is not made;
the file is written whole and read again before it counts, and keeps what stood in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sessions.atomic import atomic_write
from sessions.locks import HeldLock
from sessions.plain_files import load_toml, read_text
from workbench.errors import UsageError
from workbench.prompts.pool import list_templates, parse_file, user_folder
from workbench.prompts.template import Template, slots_of
from workbench.sample import Sample

_LETTER = "[A-Za-z0-9_]"  # other scripts write words without a blank between them
_SHORTEST = 3  # characters of a text that is looked for: `a` stands in every wording


def with_slots(text: str, sample: Sample) -> str:
    """A wording with a slot in the place of each text of a sample that stands in it."""
    return _replaced(text, sample, lambda role: f"{{{role}}}")


def moved(text: str, sample: Sample, to: Sample) -> str:
    """A wording about one sample with the texts of another in their places."""
    return _replaced(text, sample, lambda role: to.texts.get(role, sample.texts[role]))


def _replaced(text: str, sample: Sample, by: Callable[[str], str]) -> str:
    """In one pass, the longest first: what was put in is not looked at again."""
    texts = {said: role for role, said in reversed(list(sample.texts.items()))}
    found = sorted((x for x in texts if len(x.strip()) >= _SHORTEST), key=len, reverse=True)
    if not found:
        return text
    some = "|".join(_whole(said) for said in found)
    return re.sub(some, lambda match: by(texts[match[0]]), text)


def _whole(said: str) -> str:
    """A text that is no part of a longer word: `cat` is not in `category`."""
    before = f"(?<!{_LETTER})" if re.match(_LETTER, said) else ""
    after = f"(?!{_LETTER})" if re.match(_LETTER, said[-1]) else ""
    return before + re.escape(said) + after


def own_template(
    name: str, text: str, system: str, sample: Sample, like: Template | None = None
) -> Template:
    """A wording about a sample as a template of its task, not kept yet.

    Args:
        name: Of the template. A name of one's own takes the next version.
        text: The user's turn, about the sample.
        system: The system turn, empty for none.
        sample: Whose texts become slots.
        like: Whose answer words and gold answer it has; `None` for those of any template.

    Raises:
        UsageError: It cannot be a template, with the reason.
    """
    pool = [t for t in list_templates() if t.name == name]
    if any(t.source == "shipped" for t in pool):
        raise UsageError(
            f"{name} is a shipped template",
            hint=f"a version of your own would take its place everywhere: take {name}-mine",
        )
    table: dict[str, Any] = {
        "name": name,
        "version": 1 + max((t.version for t in pool), default=0),
        "task": sample.task,
        "text": with_slots(text, sample),
    }
    if system:
        table["system"] = with_slots(system, sample)
    if like is not None and like.task == sample.task:
        table |= {"answer": like.answer} | ({"labels": dict(like.labels)} if like.labels else {})
    [template] = parse_file(_toml(table), f"template {name}", str(file_of(name)))
    if _said(template, sample) != ([system] if system else []) + [text]:
        slots = ", ".join(f"{{{slot}}}" for slot in slots_of(text + system)) or "[[ ]]"
        raise UsageError(
            f"the text has {slots}, which a template reads as the place of another text",
            hint="write it without these brackets, or write the template by hand: docs/prompts.md",
        )
    return template


def _said(template: Template, sample: Sample) -> list[str] | None:
    """What it says of a sample, turn by turn; `None` where the sample lacks a text of it."""
    try:
        return [turn.text for turn in template.render(sample)]
    except UsageError:
        return None


def keep_template(template: Template) -> Path:
    """Write a template below those that its file holds already; returns the file.

    Raises:
        UsageError: The file holds what is no template.
        RecordError: It cannot be written.
    """
    path = file_of(template.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = HeldLock(path.parent / ".lock", wait=True)
    try:
        before = read_text(path).rstrip("\n") + "\n\n" if path.exists() else ""
        fields = ("name", "version", "task", "text", "system", "answer", "labels")
        kept = {name: getattr(template, name) for name in fields}
        after = before + _toml({name: value for name, value in kept.items() if value})
        parse_file(after, str(path), str(path))
        atomic_write(path, after)
    finally:
        lock.release()
    return path


def file_of(name: str) -> Path:
    """Where a template of one's own of that name is kept."""
    return user_folder() / f"{name.replace('/', '-')}.toml"


def _toml(table: Mapping[str, Any]) -> str:
    import tomlkit

    document = tomlkit.document()
    tables = tomlkit.aot()
    row = tomlkit.item({key: _toml_value(value) for key, value in table.items()})
    tables.append(row)
    document["template"] = tables
    return tomlkit.dumps(document)


def _toml_value(value: Any) -> Any:
    """A text of several lines on several lines, where TOML keeps it so to the character."""
    import tomlkit

    if isinstance(value, str) and "\n" in value:
        lines = tomlkit.string(value, multiline=True)
        if load_toml(f"x = {lines.as_string()}\n")["x"] == value:
            return lines
    return dict(value) if isinstance(value, Mapping) else value
