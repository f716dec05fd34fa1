"""A report as one HTML file that opens from disk without a network or a script.

Guarantee: whatever data and models said is escaped by `workbench.markup.esc`; pictures are
inside the file, small; the page forbids every request and every script by its content policy.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from sessions.estimate import NONE, Estimate
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
from workbench.evaluation.report import MOST_UIDS, ComparedRun, Report, RunReport
from workbench.evaluation.report_cards import anchor, cases_html, flips_html
from workbench.markup import BAD, GOOD, bar, block, esc, facts, folded, muted, table
from workbench.text import counted

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff;overflow-wrap:break-word}"
    "h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.5rem}"
    "h3{font-size:1rem;margin:1.5rem 0 .3rem}code{white-space:pre-wrap;overflow-wrap:anywhere}"
    # A wide table scrolls by itself, with a shadow at the side where more of it is; its numbers
    # stay on one line.
    ":root{--page:#fff;--edge:rgba(0,0,0,.22)}"
    ".wide{overflow-x:auto;background:"
    "linear-gradient(to right,var(--page) 40%,transparent) left/2.5rem 100% no-repeat local,"
    "linear-gradient(to left,var(--page) 40%,transparent) right/2.5rem 100% no-repeat local,"
    "linear-gradient(to right,var(--edge),transparent) left/.8rem 100% no-repeat scroll,"
    "linear-gradient(to left,var(--edge),transparent) right/.8rem 100% no-repeat scroll}"
    ".wide td{overflow-wrap:break-word!important}.n{white-space:nowrap}"
    ".cards{display:grid;gap:.8em;grid-template-columns:repeat(auto-fill,minmax(min(100%,32rem),"
    "1fr))}.cards>div{min-width:0}.cards>div:target{outline:2px solid currentColor}"
    ".cards img{max-width:100%!important;height:auto}a{color:inherit}"
    ".note{display:inline-block;min-width:16rem}"
    "img.figure{max-width:100%;height:auto}"
    ".cards div[style*='position:relative']{max-width:100%}"
    # On a telephone the two pictures of a pair still stand side by side; one alone has the width.
    "@media (max-width:32rem){.wide td,.wide th{padding:.25em .4em!important;font-size:.9em}"
    ".cards div[style*='position:relative']{width:fit-content!important;height:auto!important}"
    ".cards div[style*='position:relative']:not(:only-child)>img{width:8.4rem!important}}"
    "@media (prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}"
    ":root{--page:#161616;--edge:rgba(255,255,255,.28)}"
    "img.figure{filter:invert(.88) hue-rotate(180deg)}}"
)


def to_html(report: Report) -> str:
    """The whole page."""
    title = "Evaluation of " + ", ".join(
        dict.fromkeys(dict(run.facts)["data"] for run in report.runs)
    )
    made = report.made[:16].replace("T", " ")
    parts = [f"<h1>{esc(title, 300)}</h1>", muted(f"made {esc(made)} UTC by wb runs report")]
    if len(report.runs) > 1:
        parts.append(_figures_of_all(report))
    if report.compared or report.not_compared:
        parts.append(_compared(report))
    rows = {each.run: each for each in report.table.rows}
    parts += [_run(run, rows[run.id].title) for run in report.runs]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{esc(title, 300)}</title><style>{_STYLE}</style></head><body>"
        + "".join(parts)
        + "</body></html>\n"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return f'<div class="wide">{table(head, rows)}</div>'


def _n(words: object) -> str:
    """A number or an interval, on one line."""
    return f'<span class="n">{esc(words)}</span>' if words != "" else ""


def _figures_of_all(report: Report) -> str:
    rows = []
    for each in report.table.rows:
        cells = [each.cell(name) for name in report.table.names]
        values = (f"{_n(one.words(3))} {muted(_n(one.interval()))}" for one in cells)
        link = f'<a href="#run-{esc(each.run)}">{esc(short_id(each.run))}</a>'
        beside = (esc(each.place), esc(each.who, 300), _n(each.shown), _n(each.n or ""))
        rows.append((link, *beside, *values))
    head = (*FIGURE_HEAD, *report.table.names)
    return f"<h2>All runs</h2>{_table(head, rows)}"


def _compared(report: Report) -> str:
    first = report.runs[0]
    rows = [row for one in report.compared for row in _changes(one)]
    said = "".join(
        block(f"<b>{esc(short_id(one.run))}</b> " + "<br>".join(map(esc, one.words)))
        + flips_html(one)
        for one in report.compared
    )
    refused = "".join(block(f"not compared: {esc(text)}") for text in report.not_compared)
    head = ("run", "figure", "first", "its", "change", "95%", "p", "p (Holm)", "n")
    note = muted(
        f"against the first run, {esc(first.id)}; p (Holm) is adjusted for "
        f"{counted(len(report.compared), 'comparison')}, intervals are of each alone"
    )
    return f"<h2>Comparison</h2>{_table(head, rows)}{note}{refused}{said}"


def _changes(one: ComparedRun) -> list[tuple[str, ...]]:
    out = []
    for place, change in enumerate(one.comparison.changes):
        p = change.difference.p_value
        holm = one.p_holm if place == 0 else None
        out.append(
            (
                f'<a href="#run-{esc(one.run)}">{esc(short_id(one.run))}</a>',
                esc(change.name),
                _n(change.first.words(3)),
                _n(change.second.words(3)),
                _n(change.difference.words(3, "+")),
                _n(change.difference.interval(3, "+")),
                _n(p_words(p)),
                _n(p_words(holm)),
                _n(change.difference.n),
            )
        )
    return out


def _run(run: RunReport, title: str) -> str:
    parts = [
        f'<h2 id="run-{esc(run.id)}">{esc(title, 300)}</h2>',
        facts([(name, esc(value)) for name, value in run.facts if value]),
        block(esc(counted_words(run.counts))),
        "<h3>Figures</h3>",
        _table(("figure", "value", "", "95%", "n", "note"), map(_figure, run.figures.items())),
        _ledger(run),
        _confusion(run),
        _labels(run),
        _reliability(run),
        cases_html("The worst errors", run.id, run.worst),
        cases_html("Failed: not asked", run.id, run.failed),
    ]
    if run.skipped:
        listed = "".join(f"<li>{esc(text)}</li>" for text in run.skipped)
        parts.append(f"<h3>Skipped and to know</h3><ul>{listed}</ul>")
    parts.append("<h3>To make it again</h3>")
    parts.append(block(f"<code>{esc(run.command)}</code>"))
    parts.append(folded("settings", facts([(name, esc(value)) for name, value in run.settings])))
    parts.append(folded("versions", facts([(n, esc(v)) for n, v in run.versions.items()])))
    return "".join(parts)


def _figure(item: tuple[str, Estimate]) -> tuple[str, ...]:
    name, figure = item
    inside = figure.value is not None and figure.high is not None and 0 <= figure.value <= 1
    beside = ", ".join(word for word in (figure.note, figure.definition) if word)
    return (
        esc(name),
        _n(figure.words()),
        bar(figure.value) if inside and figure.value is not None else "",
        _n(figure.interval()),
        _n(figure.n or ""),
        f'<span class="note">{muted(esc(beside))}</span>' if beside else "",
    )


def _ledger(run: RunReport) -> str:
    told = run.ledger
    if told is None:
        return ""
    parts = ["<h3>What the score is made of</h3>"]
    if told.parts:
        rows = [
            (*map(_n, row[:5]), bar(part.share.value or 0.0), *map(_n, row[5:]))
            for part, row in zip(told.parts, need_rows(told), strict=True)
        ]
        parts.append(_table((*NEED_HEAD[:5], "", *NEED_HEAD[5:]), rows))
    parts.append(_table(ASKED_HEAD, [tuple(map(_n, row)) for row in asked_rows(told)]))
    parts += [block(muted(esc(words))) for words in over_words(told)]
    return "".join(parts)


def _confusion(run: RunReport) -> str:
    labels, columns = run.confusion.get("labels") or (), run.confusion.get("columns") or ()
    if not labels:
        return ""
    rows = []
    for label, counts in zip(labels, run.confusion.get("rows") or (), strict=False):
        row = [esc(label)]
        for column, count in zip(columns, counts, strict=False):
            row.append(_cell(run, str(label), str(column), int(count)))
        rows.append(row)
    head = ("target ↓ answer →", *map(str, columns))
    return f"<h3>Confusion</h3>{_table(head, rows)}{muted('a number opens its samples')}"


def _cell(run: RunReport, label: str, column: str, count: int) -> str:
    uids = run.cells.get((label, column))
    if not count or not isinstance(uids, list):
        return str(count)
    tint = GOOD if label == column else BAD
    shown = {case.uid for case in (*run.worst, *run.failed)}
    listed = "<br>".join(
        f'<a href="#{anchor(run.id, uid)}">{esc(uid, 200)}</a>' if uid in shown else esc(uid, 200)
        for uid in uids[:MOST_UIDS]
    )
    more = f"<br>and {len(uids) - MOST_UIDS} more" if len(uids) > MOST_UIDS else ""
    style = f"cursor:pointer;white-space:nowrap;background:{tint};padding:0 .4em"
    return (
        f'<details><summary style="{style}">{count}'
        f'</summary><div style="font-size:.85em">{listed}{more}</div></details>'
    )


def _labels(run: RunReport) -> str:
    if not run.per_label:
        return ""
    rows = [
        (
            esc(label),
            *(_share(row.get(name)) for name in ("precision", "recall", "f1")),
            str(row.get("n") or 0),
        )
        for label, row in run.per_label.items()
    ]
    return "<h3>By label</h3>" + _table(("label", "precision", "recall", "F1", "n"), rows)


def _share(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _reliability(run: RunReport) -> str:
    if not run.reliability:
        return ""
    from workbench.evaluation.reliability_plot import reliability_png

    png = base64.b64encode(reliability_png(run.reliability, "confidence and accuracy")).decode()
    picture = '<img class="figure" alt="reliability diagram" width="420" '
    picture += f'src="data:image/png;base64,{png}">'
    return f"<h3>Reliability</h3>{picture}"
