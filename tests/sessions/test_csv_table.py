"""CSV: one rule for every cell of every table that is written."""

from __future__ import annotations

import ast
import csv
import io
from pathlib import Path

import pytest

from sessions.csv_table import csv_cell, csv_text

ROOT = Path(__file__).parents[2]
FORMULAS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=1", " =1", "\x00=1", "\ufeff=1"),
    *("\u00a0@x", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x"),
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(text: str):
    assert csv_cell(text) == "'" + text


@pytest.mark.parametrize("value", [-1, -0.5, None, "x=1", "a-b", "", "1"])
def test_other_cells_stay_as_they_are(value):
    assert csv_cell(value) == ("" if value is None else str(value))


def test_names_of_columns_are_cells_too():
    table = csv_text(["=a", "b"], [["x,y", 'say "z"']])
    assert list(csv.reader(io.StringIO(table))) == [["'=a", "b"], ["x,y", 'say "z"']]


@pytest.mark.slow
def test_csv_is_written_in_one_place():
    """Whoever writes a table by another way quotes by another rule, or by none."""
    found = []
    for package in ("commands", "sessions", "training", "workbench"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if _writes_csv(node):
                    found.append(path.relative_to(ROOT).as_posix())
    assert set(found) == {"sessions/csv_table.py"}


def _writes_csv(node: ast.AST) -> bool:
    """Whether it names the writers of `csv`, or those of pandas, datasets and pyarrow."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "csv" and any("riter" in alias.name for alias in node.names)
    if not isinstance(node, ast.Attribute):
        return False
    of_csv = isinstance(node.value, ast.Name) and node.value.id == "csv"
    return node.attr in ("to_csv", "write_csv") or (of_csv and "riter" in node.attr)


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_session_and_a_gallery_quote_alike(formula, tmp_path):
    from sessions.exporting import to_csv
    from sessions.records import PromptRecord
    from workbench.data.export import write_csv

    session = list(csv.DictReader(io.StringIO(to_csv([PromptRecord(text=formula)]), newline="")))
    write_csv(tmp_path / "a.csv", [{"text": formula}])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        (gallery,) = csv.DictReader(file)
    assert session[0]["text"] == gallery["text"] == "'" + formula
