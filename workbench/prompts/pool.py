"""The pool of prompt templates: those shipped and the user's own, read from TOML.

`get_template("statement/true-false")` is the newest version, `…@1` a given one. The user's own lie
in `$WB_HOME/templates/*.toml`, in the form of the shipped files; one with a shipped name and
version takes its place. A file that cannot be read, or has unknown keys, is an error that names
the file and every problem in it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from sessions.errors import WbError
from sessions.plain_files import load_toml, read_text
from workbench.errors import UnknownName, UsageError
from workbench.prompts.template import ANSWER_SLOTS, Template, free_prompt, slots_of
from workbench.prompts.wording import is_stranger, miscounts, names_labels
from workbench.sample import Sample, Task

__all__ = [
    "Template",
    "default_for",
    "default_template",
    "find_templates",
    "free_prompt",
    "get_template",
    "list_templates",
    "shipped_template",
    "user_folder",
]

_FIELDS = {"name": str, "version": int, "text": str, "system": str, "labels": dict} | {
    "answer": str,
    "example": str,
    "description": str,
    "task": str,
}
_KINDS = {str: "a text", int: "a whole number", dict: "a table of word = label"}
_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)*")
_REQUIRED = ("name", "version", "text")
TASKS: tuple[str, ...] = get_args(Task)


def user_folder() -> Path:
    """Where the user's own templates lie; need not exist."""
    from sessions.paths import home

    return home() / "templates"


def list_templates(task: str | None = None) -> list[Template]:
    """Every template, the newest version of each name last, shipped order first.

    Args:
        task: Only those of one task.

    Raises:
        UsageError: A user's template file is wrong.
        UnknownName: There is no such task.
    """
    if task is not None and task not in TASKS:
        raise UnknownName(f"no task is called {task!r}", hint=f"the tasks are {', '.join(TASKS)}")
    pool = {(t.name, t.version): t for t in _shipped()}
    for template in _users():
        pool[template.name, template.version] = template
    return [t for t in pool.values() if task is None or t.task == task]


def get_template(name: str) -> Template:
    """The newest template of that name, or the version given as `name@version`.

    Raises:
        UnknownName: There is none; the hint names the nearest.
    """
    wanted, _, version = name.partition("@")
    pool = list_templates()
    found = [t for t in pool if t.name == wanted and version in ("", str(t.version))]
    if found:
        return max(found, key=lambda t: t.version)
    from difflib import get_close_matches

    names = sorted({t.name for t in pool})
    near = get_close_matches(wanted, names, n=3, cutoff=0.4)
    meant = f"did you mean: {', '.join(near)}; " if near else ""
    raise UnknownName(
        f"no template is called {name!r}",
        hint=f"{meant}see: wb prompts list",
    )


def find_templates(pattern: str) -> list[Template]:
    """Every template that a name with `*` or `?` fits, the newest version of each.

    A name without them is that one template. Raises `UnknownName` where none fits.
    """
    from fnmatch import fnmatchcase

    if not set(pattern) & set("*?"):
        return [get_template(pattern)]
    newest: dict[str, Template] = {}
    for template in list_templates():
        if fnmatchcase(template.name, pattern):
            other = newest.setdefault(template.name, template)
            newest[template.name] = max(other, template, key=lambda t: t.version)
    if not newest:
        raise UnknownName(f"no template fits {pattern!r}", hint="see: wb prompts list")
    return list(newest.values())


def templates_about(
    pattern: str, sample: Sample | None, left: list[Template] | None = None
) -> list[Template]:
    """As `find_templates`, less those that are not of a sample (`is_stranger`).

    A name without stars is what was asked for, and where all are strangers all are.

    Args:
        pattern: A name, or one with `*` or `?`.
        sample: What is asked about; `None` leaves none out.
        left: Takes those that were left out.
    """
    found = find_templates(pattern)
    if sample is None or not set(pattern) & set("*?"):
        return found
    fit = [template for template in found if not is_stranger(template, sample)]
    if fit and left is not None:
        left += [t for t in found if t not in fit and t.task == sample.task]
    return fit or found


def default_template(task: str, sample: Sample | None = None) -> Template:
    """The shipped template of a task: of those that show the most of a sample's texts the first.

    One that is made for the sample's very labels goes before the others, one that names a closed
    set of labels before one that does not (`names_labels`), and none that speaks of another
    number of images than the sample has (`miscounts`). The first of each task is the wording that
    the demo model was trained on.
    """
    templates = [t for t in _shipped() if t.task == task]
    if not templates:
        raise UnknownName(f"no task is called {task!r}", hint=f"the tasks are {', '.join(TASKS)}")
    if sample is None:
        return templates[0]
    fitting = [t for t in templates if t.labels and t.fits(sample)] if sample.labels else []
    own = [t for t in (*fitting, *templates) if set(t.slots) <= set(sample.texts)]
    if task == "classification" and not sample.labels:  # nothing that could be listed
        own = [t for t in own if not t.labels and "labels" not in slots_of(t.system + t.text)]
    own = [t for t in own if not miscounts(t, sample)] or own
    shown = [len(set(t.shown_slots) & set(sample.texts)) for t in own]
    most = [t for t, count in zip(own, shown, strict=True) if count == max(shown)]
    return next((t for t in most if names_labels(t, sample.labels)), next(iter(most), templates[0]))


def shipped_template(name: str) -> Template:
    """The newest shipped template of that name. Raises `UnknownName`."""
    found = [t for t in _shipped() if t.name == name]
    if not found:
        raise UnknownName(f"no shipped template is called {name!r}", hint="see: wb prompts list")
    return max(found, key=lambda t: t.version)


def default_for(source: Any) -> Template:
    """The default template of a source, told by the first of its samples that can be read."""
    for ordinal in range(3 if source.length is None else min(3, source.length)):
        try:
            sample = source.at(ordinal)
        except WbError:
            continue
        if sample.error is None:
            return default_template(source.task, sample)
    return default_template(source.task)


@lru_cache(maxsize=1)
def _shipped() -> tuple[Template, ...]:
    folder = files("workbench.prompts") / "templates"
    out: list[Template] = []
    for task in TASKS:
        out += parse_file(
            (folder / f"{task}.toml").read_text("utf-8"), f"{task}.toml", "shipped", task
        )
    return tuple(out)


def _users() -> list[Template]:
    folder = user_folder()
    out: list[Template] = []
    where: dict[tuple[str, int], str] = {}
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        try:
            text = read_text(path)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"cannot read the templates in {path}: {error}", kind="bad_template"
            ) from error
        for template in parse_file(text, str(path), str(path)):
            key = (template.name, template.version)
            if key in where:
                raise UsageError(
                    f"template {template.name}@{template.version} is in {where[key]} and in {path}",
                    kind="bad_template",
                    hint="raise the version of the newer one, or give it another name",
                )
            where[key] = str(path)
            out.append(template)
    return out


def parse_file(text: str, where: str, source: str, task: str | None = None) -> list[Template]:
    """The templates of one TOML file, `[[template]]` tables.

    Args:
        text: The file's content.
        where: What to call the file in errors.
        source: Kept on each template.
        task: The task of those that name none; else it is the part of the name before the slash.

    Raises:
        UsageError: With every problem of the file in one message.
    """
    try:
        content = load_toml(text)
    except ValueError as error:
        raise UsageError(
            f"{where} is not TOML: {error}",
            kind="bad_template",
            hint='text of several lines needs """ and """',
        ) from error
    problems = _file_problems(content)
    out: list[Template] = []
    seen: set[tuple[str, int]] = set()
    for i, table in enumerate([] if problems else content["template"], 1):
        found = _problems(table, task)
        label = table.get("name", f"template {i}") if isinstance(table, dict) else f"template {i}"
        if not found:
            kind = task or table.get("task") or table["name"].partition("/")[0]
            out.append(Template(**{**table, "task": kind, "source": source}))
            key = (out[-1].name, out[-1].version)
            found = [f"version {key[1]} is here twice"] if key in seen else []
            seen.add(key)
        problems += [f"{label}: {text}" for text in found]
    if problems:
        raise UsageError(
            f"{where}: " + "; ".join(problems),
            kind="bad_template",
            hint="docs/prompts.md describes the form; wb prompts show NAME shows one",
        )
    return out


def _file_problems(content: dict[str, Any]) -> list[str]:
    tables = content.get("template")
    out = [f"unknown table or key '{key}'" for key in content if key != "template"]
    if isinstance(tables, dict):
        return [*out, "[template] wants two brackets: [[template]]"]
    if not isinstance(tables, list) or not tables:
        return [*out, "it has no [[template]] table"]
    return out


def _problems(table: Any, task: str | None) -> list[str]:
    if not isinstance(table, dict):
        return ["is not a table"]
    out = [f"'{key}' is missing" for key in _REQUIRED if key not in table]
    out += [f"unknown key '{key}'" for key in table if key not in _FIELDS]
    for key, kind in _FIELDS.items():
        if key in table and (not isinstance(table[key], kind) or isinstance(table[key], bool)):
            out.append(f"'{key}' wants {_KINDS[kind]}, got {table[key]!r}")
    kind = task or table.get("task") or str(table.get("name", "")).partition("/")[0]
    if kind not in TASKS:
        out.append(f"task {kind!r} is none of {', '.join(TASKS)} (name it so: statement/mine)")
    if out:
        return out
    if not _NAME.fullmatch(table["name"]):
        out.append("'name' wants letters, digits, dots, dashes and slashes, like statement/mine")
    if table["version"] < 1:
        out.append(f"'version' wants a whole number of at least 1, got {table['version']}")
    # Captioners begin by themselves, and any word would be the beginning of what they say.
    if not table["text"].strip() and (kind != "caption" or table["text"]):
        out.append("'text' is empty")
    return out + _label_problems(table.get("labels", {})) + _slot_problems(table)


def _label_problems(labels: dict[str, Any]) -> list[str]:
    out = [f"label word {w!r} wants a string" for w, v in labels.items() if not isinstance(v, str)]
    if not labels or out:
        return out
    if not all(re.search(r"\w", word) for word in labels):
        out.append("a label word wants a letter or a digit")
    if len({word.casefold() for word in labels}) < len(labels):
        out.append("two label words differ in their capitals alone, which an answer's do not tell")
    if len(set(labels.values())) < 2:
        out.append('\'labels\' wants words for at least two labels: yes = "true", no = "false"')
    return out


def _slot_problems(table: dict[str, Any]) -> list[str]:
    strangers = sorted(set(slots_of(table.get("answer", ""))) - ANSWER_SLOTS)
    known = ", ".join(f"{{{slot}}}" for slot in sorted(ANSWER_SLOTS))
    out = [f"'answer' has the slot {{{slot}}}, and knows {known}" for slot in strangers]
    wording = table["text"] + table.get("system", "")
    if "example" in slots_of(wording) and not table.get("example"):
        out.append("{example} stands in the wording, and 'example' is missing")
    if table.get("example") and "example" not in slots_of(wording):
        out.append("'example' is given, and {example} stands nowhere in the wording")
    return out
