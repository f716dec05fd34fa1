"""Writes which methods train which families into docs/training.md, from a run of their tests.

    python -m tests.training.method_matrix

A cell is `yes` where every test of it passed, and `FAILS` else; then the exit status is 1.
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
    """Of each method on each family: whether its tests passed."""

    def __init__(self) -> None:
        self.passed: dict[tuple[str, str], bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep one report."""
        match = re.search(r"\[(\w+)-(\w+)\]$", report.nodeid)
        if match is None or (report.when != "call" and report.passed):
            return
        key = (match[2], match[1])
        self.passed[key] = self.passed.get(key, True) and report.passed


def table(results: Results) -> str:
    """The matrix in Markdown."""
    rows = ["| " + " | ".join(["", *FAMILIES]) + " |", "|---" * (len(FAMILIES) + 1) + "|"]
    for method in METHODS:
        cells = ["yes" if results.passed.get((method, f)) else "FAILS" for f in FAMILIES]
        rows.append("| " + " | ".join([method, *cells]) + " |")
    apart = [f"- {method}: not merged, {why}." for method, why in UNMERGED.items()]
    differs: dict[str, list[str]] = {}
    for method, family in sorted(PEFT_DIFFERS):
        differs.setdefault(method, []).append(family)
    apart += [
        f"- {method}: plain `peft` gives other logits, or none, for {', '.join(families)}."
        for method, families in differs.items()
    ]
    return "\n".join([*rows, "", *apart])


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
