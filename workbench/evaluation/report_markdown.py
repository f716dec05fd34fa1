"""A report as Markdown: the same tables without pictures, for a repository or an issue.

Guarantee: what data and models said stands as text: cells are cleaned, on one line, and the
characters that Markdown or HTML would act on are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sessions.estimate import NONE
from sessions.ids import short_id
from workbench.evaluation.comparison import p_words
from workbench.evaluation.counted import counted_words
from workbench.evaluation.figure_table import HEAD as FIGURE_HEAD
from workbench.evaluation.ledger_table import (
    ASKED_HEAD,
    NEED_HEAD,
    asked_rows,
    need_rows,
    over_words,
)
from workbench.evaluation.report import Report, RunReport
from workbench.text import clean

_ACTS = re.compile(r"([\\`*_\[\]{}()#+!|<>~$&])")
MOST = 300


def text_of(value: object) -> str:
    """A text as Markdown shows it: nothing in it acts."""
    words = clean(value, newlines=False)
    return _ACTS.sub(r"\\\1", words if len(words) <= MOST else f"{words[:MOST]}…")


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    out += ["| " + " | ".join(map(text_of, row)) + " |" for row in rows]
    return "\n".join(out)


def to_markdown(report: Report) -> str:
    """The whole document."""
    made = report.made[:16].replace("T", " ")
    parts = ["# Evaluation", f"Made {made} UTC by `wb runs report`."]
    if len(report.runs) > 1:
        table = report.table
        parts += ["## All runs", _table((*FIGURE_HEAD, *table.names), table.cells())]
    if report.compared or report.not_compared:
        parts.append("## Comparison")
        rows = [
            (
                short_id(one.run),
                change.name,
                change.first.words(3),
                change.second.words(3),
                change.difference.words(3, "+"),
                change.difference.interval(3, "+"),
                p_words(change.difference.p_value),
                "" if place else p_words(one.p_holm),
                change.difference.n,
            )
            for one in report.compared
            for place, change in enumerate(one.comparison.changes)
        ]
        head = ("run", "figure", "first", "its", "change", "95%", "p", "p (Holm)", "n")
        parts.append(_table(head, rows))
        parts += [f"- {text_of(words)}" for one in report.compared for words in one.words]
        for one in report.compared:
            rows = [
                (f.uid, "fixed" if f.fixed else "broken", f.target, f.first[0], f.second[0])
                for f in one.flips
            ]
            if rows:
                parts.append(f"### Flipped by {short_id(one.run)}")
                parts.append(_table(("sample", "", "target", "first", "its"), rows))
        parts += [f"- not compared: {text_of(words)}" for words in report.not_compared]
    rows = {each.run: each for each in report.table.rows}
    for run in report.runs:
        parts += _run(run, rows[run.id].title)
    return "\n\n".join(parts) + "\n"


def _run(run: RunReport, title: str) -> list[str]:
    parts = [f"## {text_of(title)}"]
    parts += [_table(("", ""), run.facts), text_of(counted_words(run.counts))]
    figures = [
        (name, one.words(), one.interval(), one.n or "", one.note)
        for name, one in run.figures.items()
    ]
    parts += ["### Figures", _table(("figure", "value", "95%", "n", ""), figures)]
    if told := run.ledger:
        parts.append("### What the score is made of")
        if told.parts:
            parts.append(_table(NEED_HEAD, need_rows(told)))
        parts += [_table(ASKED_HEAD, asked_rows(told)), *map(text_of, over_words(told))]
    if run.confusion:
        columns = [text_of(column) for column in run.confusion["columns"]]
        rows = [
            (label, *counts)
            for label, counts in zip(run.confusion["labels"], run.confusion["rows"], strict=False)
        ]
        parts += ["### Confusion", _table(("target ↓ answer →", *columns), rows)]
    if run.reliability:
        rows = [
            (
                f"{b['low']:.2f} – {b['high']:.2f}",
                b["n"],
                _number(b["confidence"]),
                _number(b["accuracy"]),
            )
            for b in run.reliability
            if b["n"]
        ]
        parts.append("### Reliability")
        parts.append(_table(("confidence", "n", "mean confidence", "accuracy"), rows))
    for title, cases in (("The worst errors", run.worst), ("Failed: not asked", run.failed)):
        rows = [(c.uid, c.what, c.target, c.label, _number(c.confidence), c.text) for c in cases]
        if rows:
            parts.append(f"### {title}")
            parts.append(_table(("sample", "", "target", "answer", "confidence", "text"), rows))
    if run.skipped:
        parts.append("### Skipped and to know")
        parts.append("\n".join(f"- {text_of(words)}" for words in run.skipped))
    parts += ["### To make it again", "\n".join(f"    {x}" for x in clean(run.command).split("\n"))]
    parts.append(_table(("setting", ""), run.settings))
    parts.append(_table(("version", ""), run.versions.items()))
    return parts


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"
