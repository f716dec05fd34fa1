"""The pool of prompt templates: those shipped and the user's own, read from TOML.

`get_template("statement/true-false")` is the newest version, `…@1` a given one. The user's own lie
in `$WB_HOME/templates/*.toml`, in the form of the shipped files; one with a shipped name and
version takes its place. A file that cannot be read, or has unknown keys, is an error that names
the file and every problem in it.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from workbench.errors import UnknownName, UsageError
from workbench.prompts.template import Template, free_prompt
from workbench.sample import Task

__all__ = [
    "Template",
    "default_template",
    "free_prompt",
    "get_template",
    "list_templates",
    "user_folder",
]

_FIELDS = {"name": str, "version": int, "text": str, "system": str, "labels": dict} | {
    "answer": str,
    "description": str,
    "task": str,
}
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
    near = get_close_matches(wanted, names, n=3, cutoff=0.4) or names
    raise UnknownName(
        f"no template is called {name!r}",
        hint=f"did you mean: {', '.join(near)}; see wb prompt --help",
    )


def default_template(task: str) -> Template:
    """The first shipped template of a task: the wording that the demo model was trained on."""
    templates = [t for t in _shipped() if t.task == task]
    if not templates:
        raise UnknownName(f"no task is called {task!r}", hint=f"the tasks are {', '.join(TASKS)}")
    return templates[0]


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
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the templates in {path}: {error}") from error
        out += parse_file(text, str(path), str(path))
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
        tables = tomllib.loads(text).get("template", [])
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is not TOML: {error}", kind="bad_template") from error
    problems: list[str] = []
    out: list[Template] = []
    for i, table in enumerate(tables if isinstance(tables, list) else [], 1):
        found = _problems(table, task)
        label = table.get("name", f"template {i}") if isinstance(table, dict) else f"template {i}"
        problems += [f"{label}: {text}" for text in found]
        if not found:
            kind = task or table.get("task") or table["name"].partition("/")[0]
            out.append(Template(**{**table, "task": kind, "source": source}))
    if not out and not problems:
        problems = ["it has no [[template]] table"]
    if problems:
        raise UsageError(
            f"{where}: " + "; ".join(problems),
            kind="bad_template",
            hint="docs/prompts.md describes the form",
        )
    return out


def _problems(table: Any, task: str | None) -> list[str]:
    if not isinstance(table, dict):
        return ["is not a table"]
    out = [f"'{key}' is missing" for key in _REQUIRED if key not in table]
    out += [f"unknown key '{key}'" for key in table if key not in _FIELDS]
    for key, kind in _FIELDS.items():
        if key in table and (not isinstance(table[key], kind) or isinstance(table[key], bool)):
            out.append(f"'{key}' wants {kind.__name__}, got {table[key]!r}")
    if isinstance(table.get("labels"), dict):
        out += [
            f"label word {w!r} wants a string"
            for w, v in table["labels"].items()
            if not isinstance(v, str)
        ]
    kind = task or table.get("task") or str(table.get("name", "")).partition("/")[0]
    if kind not in TASKS:
        out.append(f"task {kind!r} is none of {', '.join(TASKS)} (name it so: statement/mine)")
    return out
