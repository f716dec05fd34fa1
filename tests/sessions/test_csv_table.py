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


def test_csv_is_written_in_one_place():
    """Whoever writes a table by another way quotes by another rule, or by none."""
    found = []
    for package in ("commands", "sessions", "training", "workbench"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                name = node.attr if isinstance(node, ast.Attribute) else ""
                name = node.name if isinstance(node, ast.alias) else name
                if name in ("writer", "DictWriter", "write_csv") and path.name != "csv_table.py":
                    found.append(f"{path.relative_to(ROOT)}: {name}")
    assert [f for f in found if not f.endswith(": write_csv")] == []
    # Ours goes through the table; pyarrow's and pandas' would not.
    assert {f for f in found if f.endswith(": write_csv")} <= {"commands/gallery.py: write_csv"}


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
