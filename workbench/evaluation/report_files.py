"""The files of a report: one by its ending, or a folder with all forms of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from sessions.atomic import atomic_write
from sessions.json_line import finite
from workbench.errors import UsageError
from workbench.evaluation.figure_table import figures_csv
from workbench.evaluation.report import Report
from workbench.evaluation.report_html import to_html
from workbench.evaluation.report_json import to_json
from workbench.evaluation.report_markdown import to_markdown

Form = Callable[[Report], str]


def _json(report: Report) -> str:
    return json.dumps(finite(to_json(report)), ensure_ascii=False, indent=1) + "\n"


_BY_ENDING: dict[str, Form] = {".html": to_html, ".htm": to_html, ".md": to_markdown}
_OF_FOLDER: dict[str, Form] = {
    "report.html": to_html,
    "report.md": to_markdown,
    "figures.csv": lambda report: figures_csv(report.table),
    "report.json": _json,
}


def forms_of(out: Path) -> dict[Path, Form]:
    """Which files are written for an `--out`, and what makes each.

    Raises:
        UsageError: It is neither a folder nor a name with a known ending.
    """
    if out.is_dir() or not out.suffix:
        return {out / name: form for name, form in _OF_FOLDER.items()}
    form = _BY_ENDING.get(out.suffix.lower())
    if form is None or not out.absolute().parent.is_dir():
        known = f"--out {out}: there is no such folder" if form else ""
        wants = "--out wants a name that ends in .html or .md, or a folder's without an ending"
        raise UsageError(known or f"{wants}, got {out.name!r}")
    return {out: form}


def write(report: Report, out: Path) -> list[Path]:
    """Write them, each whole, and return their paths.

    Raises:
        UsageError: As `forms_of`, or a file cannot be written.
    """
    forms = forms_of(out)
    try:
        if out not in forms:
            out.mkdir(exist_ok=True)
        for path, form in forms.items():
            atomic_write(path, form(report))
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror or error}") from error
    return list(forms)
