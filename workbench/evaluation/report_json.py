"""A report as one JSON document, for programs: what the page shows, less its pictures."""

from __future__ import annotations

from typing import Any

from workbench.evaluation.report import Report, RunReport
from workbench.evaluation.report_cases import Case

VERSION = 1


def to_json(report: Report) -> dict[str, Any]:
    """`v`, `made`, `table`, `runs`, `compared` with every flip by its UID, `not_compared`."""
    return {
        "v": VERSION,
        "made": report.made,
        "table": report.table.to_json(),
        "runs": [_run(run) for run in report.runs],
        "compared": [
            {
                "first": report.runs[0].id,
                "run": one.run,
                "p_holm": one.p_holm,
                "words": list(one.words),
                **one.comparison.to_json(),
            }
            for one in report.compared
        ],
        "not_compared": list(report.not_compared),
    }


def _run(run: RunReport) -> dict[str, Any]:
    return {
        **dict(run.facts),
        "settings": dict(run.settings),
        "counts": dict(run.counts),
        "figures": {name: one.to_json() for name, one in run.figures.items()},
        "per_label": {label: dict(row) for label, row in run.per_label.items()},
        "confusion": dict(run.confusion),
        "confusion_samples": [
            {"target": target, "answer": answer, "uids": list(uids)}
            for (target, answer), uids in run.cells.items()
        ],
        "reliability": [dict(row) for row in run.reliability],
        "ledger": run.ledger.to_json() if run.ledger else None,
        "worst": [_case(case) for case in run.worst],
        "failed": [_case(case) for case in run.failed],
        "skipped": list(run.skipped),
        "command": run.command,
        "versions": dict(run.versions),
    }


def _case(case: Case) -> dict[str, Any]:
    names = ("uid", "what", "target", "label", "text", "confidence", "missing")
    texts = dict(case.sample.texts) if case.sample else {}
    return {name: getattr(case, name) for name in names} | {"texts": texts}
