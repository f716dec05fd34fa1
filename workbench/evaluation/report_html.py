"""A report as one HTML file that opens from disk without a network or a script.

Guarantee: whatever data and models said is escaped by `workbench.markup.esc`; pictures are
inside the file, small; the page forbids every request and every script by its content policy.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from sessions.estimate import NONE, Estimate
from workbench.errors import ImageError
from workbench.evaluation.comparison import p_words
from workbench.evaluation.report import MOST_UIDS, Case, ComparedRun, Report, RunReport
from workbench.grounding.drawing import marks_of, overlay_html
from workbench.images.decode import shown_size
from workbench.images.in_html import images_row
from workbench.markup import BAD, GOOD, bar, block, card, esc, facts, folded, muted, table
from workbench.sample import Sample

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff}h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.5rem}"
    "h3{font-size:1rem;margin:1.5rem 0 .3rem}code{white-space:pre-wrap;overflow-wrap:anywhere}"
    "@media (prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}}"
)


def to_html(report: Report) -> str:
    """The whole page."""
    title = "Evaluation of " + ", ".join(
        dict.fromkeys(dict(run.facts)["data"] for run in report.runs)
    )
    parts = [f"<h1>{esc(title, 300)}</h1>", muted(f"made {esc(report.made)} by wb runs report")]
    if report.compared or report.not_compared:
        parts.append(_compared(report))
    parts += [_run(run) for run in report.runs]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{esc(title, 300)}</title><style>{_STYLE}</style></head><body>"
        + "".join(parts)
        + "</body></html>\n"
    )


def _compared(report: Report) -> str:
    first = report.runs[0]
    rows = [row for one in report.compared for row in _changes(one)]
    said = "".join(
        block(f"<b>{esc(one.run[-6:])}</b> " + "<br>".join(map(esc, one.words)))
        for one in report.compared
    )
    refused = "".join(block(f"not compared: {esc(text)}") for text in report.not_compared)
    head = ("run", "figure", "first", "its", "change", "95%", "p", "p (Holm)", "n")
    note = muted(
        f"against the first run, {esc(first.id)}; p (Holm) is adjusted for "
        f"{len(report.compared)} comparisons, intervals are of each alone"
    )
    return f"<h2>Comparison</h2>{table(head, rows)}{note}{said}{refused}"


def _changes(one: ComparedRun) -> list[tuple[str, ...]]:
    out = []
    for place, change in enumerate(one.comparison.changes):
        p = change.difference.p_value
        holm = one.p_holm if place == 0 else None
        out.append(
            (
                esc(one.run[-6:]),
                esc(change.name),
                change.first.words(3),
                change.second.words(3),
                change.difference.words(3, "+"),
                change.difference.interval(3, "+"),
                esc(p_words(p)),
                esc(p_words(holm)),
                str(change.difference.n),
            )
        )
    return out


def _run(run: RunReport) -> str:
    known = dict(run.facts)
    parts = [
        f"<h2>{esc(known['model'], 300)} on {esc(known['data'], 300)}</h2>",
        facts([(name, esc(value)) for name, value in run.facts if value]),
        block(esc(", ".join(f"{value} {name}" for name, value in run.counts.items()))),
        "<h3>Figures</h3>",
        table(("figure", "value", "", "95%", "n", ""), map(_figure, run.figures.items())),
        _ledger(run),
        _confusion(run),
        _labels(run),
        _reliability(run),
        "<h3>The worst errors</h3>" + "".join(map(_case, run.worst)) if run.worst else "",
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
        figure.words(),
        bar(figure.value) if inside and figure.value is not None else "",
        figure.interval(),
        str(figure.n or ""),
        muted(esc(beside)),
    )


def _ledger(run: RunReport) -> str:
    told = run.ledger
    if told is None:
        return ""
    parts = ["<h3>What the score is made of</h3>"]
    if told.parts:
        rows = [
            (
                esc(part.name),
                str(part.count),
                part.share.words(3),
                bar(part.share.value or 0.0),
                part.share.interval(),
                NONE if part.luck is None else f"{part.luck:.3f}",
            )
            for part in told.parts
        ]
        parts.append(table(("right answers need", "n", "share", "", "95%", "by luck"), rows))
    rows = [("as it is", told.accuracy.words(3), told.accuracy.interval(), "", "")]
    rows += [
        (
            esc(control.name),
            control.accuracy.words(3),
            control.accuracy.interval(),
            control.difference.words(3, "+"),
            control.difference.interval(3, "+"),
        )
        for control in told.controls
    ]
    rows.append(("most frequent label", told.commonest.words(3), told.commonest.interval(), "", ""))
    parts.append(table(("asked", "accuracy", "95%", "change", "95%"), rows))
    return "".join(parts)


def _confusion(run: RunReport) -> str:
    labels, columns = run.confusion.get("labels") or (), run.confusion.get("columns") or ()
    if not labels:
        return ""
    rows = []
    for label, counts in zip(labels, run.confusion.get("rows") or (), strict=False):
        row = [esc(label)]
        for column, count in zip(columns, counts, strict=False):
            row.append(_cell(str(label), str(column), int(count), run.cells))
        rows.append(row)
    head = ("target ↓ answer →", *map(str, columns))
    return f"<h3>Confusion</h3>{table(head, rows)}{muted('a number opens its samples')}"


def _cell(label: str, column: str, count: int, cells: Mapping[tuple[str, str], object]) -> str:
    uids = cells.get((label, column))
    if not count or not isinstance(uids, list):
        return str(count)
    tint = GOOD if label == column else BAD
    listed = "<br>".join(esc(uid, 200) for uid in uids[:MOST_UIDS])
    more = f"<br>and {len(uids) - MOST_UIDS} more" if len(uids) > MOST_UIDS else ""
    return (
        f'<details><summary style="cursor:pointer;background:{tint};padding:0 .4em">{count}'
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
    return table(("label", "precision", "recall", "F1", "n"), rows)


def _share(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _reliability(run: RunReport) -> str:
    if not run.reliability:
        return ""
    from workbench.evaluation.reliability_plot import reliability_png

    png = base64.b64encode(reliability_png(run.reliability, "confidence and accuracy")).decode()
    picture = f'<img alt="reliability diagram" width="420" src="data:image/png;base64,{png}">'
    return f"<h3>Reliability</h3>{picture}"


def _overs(case: Case, sample: Sample) -> list[str]:
    """What is laid over each picture: the answer's boxes, and gold in dashes."""
    if case.places is None:
        return []
    sizes = []
    for image in sample.images:
        try:
            sizes.append(shown_size(image))
        except ImageError:
            sizes.append((1, 1))  # the picture's own place says why it is not there
    return [overlay_html(marks) for marks in marks_of(case.places, case.places.gold, sizes)]


def _case(case: Case) -> str:
    asked = [(role, esc(text)) for role, text in case.sample.texts.items()] if case.sample else []
    sure = "" if case.confidence is None else f"{case.confidence:.3f}"
    body = facts(
        [
            *asked,
            ("target", esc(case.target)),
            ("answer", esc(case.label)),
            ("confidence", sure),
            ("overlap", esc(case.places.overlap_words) if case.places is not None else ""),
            ("text" if case.what != "failed" else "error", esc(case.text)),
            ("not shown", esc(case.missing)),
        ]
    )
    pictures = ""
    if case.sample is not None:
        pictures = images_row(case.sample.images, width=220, overs=_overs(case, case.sample))
    head = f"<b>{esc(case.uid, 300)}</b> {muted(esc(case.what))}"
    return card(head + pictures + body, "margin:.6em 0")
