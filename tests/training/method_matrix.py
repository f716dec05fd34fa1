"""Writes which methods train which families into docs/training.md, from a run of their tests.

    python -m tests.training.method_matrix

A cell is `yes` where every test of it passed, the number of the reason where the pair is refused,
and `FAILS` else; then the exit status is 1.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.training.method_cells import METHODS, PEFT_DIFFERS, UNMERGED
from tests.workbench.models.make_families import FAMILIES

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
START, END = "<!-- methods: begin -->", "<!-- methods: end -->"


class Results:
    """Of each method on each family: whether its tests passed, or why it is refused."""

    def __init__(self) -> None:
        self.passed: dict[tuple[str, str], bool] = {}
        self.refused: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep one report."""
        match = re.search(r"\[(\w+)-(\w+)\]$", report.nodeid)
        if match is None or (report.when != "call" and report.passed):
            return
        key = (match[2], match[1])
        if report.skipped and isinstance(report.longrepr, tuple):
            self.refused[key] = report.longrepr[2].rpartition(": ")[2]
        else:
            self.passed[key] = self.passed.get(key, True) and report.passed


def table(results: Results) -> str:
    """The matrix in Markdown, with the reasons of what is refused."""
    reasons = list(dict.fromkeys(results.refused.values()))
    rows = ["| " + " | ".join(["", *FAMILIES]) + " |", "|---" * (len(FAMILIES) + 1) + "|"]
    for method in METHODS:
        cells = []
        for family in FAMILIES:
            key = (method, family)
            if key in results.refused:
                cells.append(f"no ({reasons.index(results.refused[key]) + 1})")
            else:
                cells.append("yes" if results.passed.get(key) else "FAILS")
        rows.append("| " + " | ".join([method, *cells]) + " |")
    notes = [f"{place}. {why[:1].upper()}{why[1:]}." for place, why in enumerate(reasons, 1)]
    apart = [f"- {method}: not merged, {why}." for method, why in UNMERGED.items()]
    differs: dict[str, list[str]] = {}
    for method, family in sorted(PEFT_DIFFERS):
        differs.setdefault(method, []).append(family)
    apart += [
        f"- {method}: plain `peft` gives other logits, or none, for {', '.join(families)}."
        for method, families in differs.items()
    ]
    return "\n".join([*rows, "", *notes, "", *apart])


def main() -> int:
    """Run the tests and write the page."""
    results = Results()
    test = str(Path(__file__).with_name("test_method_families.py"))
    pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:warnings", test], plugins=[results])
    made = table(results)
    before, rest = PAGE.read_text(encoding="utf-8").split(START)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{START}\n{made}\n{END}{after}", encoding="utf-8")
    return int("FAILS" in made)


if __name__ == "__main__":
    sys.exit(main())
