"""No module of the room imports itself by way of others, not even inside a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[3]


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, and every name out of one; what only types need left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{name.name}" for name in node.names))
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        yield from imported(node)


def circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_the_modules_of_data_import_each_other_in_no_circle():
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in (ROOT / "workbench" / "data").rglob("*.py")
    }
    graph = {
        name: {found for found in imported(ast.parse(path.read_text("utf-8"))) if found in files}
        for name, path in files.items()
    }
    assert len(graph) > 50 and any(graph.values())
    assert circle(graph) == []


def test_a_circle_inside_functions_is_found():
    def graph(one: str, two: str) -> dict[str, set[str]]:
        return {"a": set(imported(ast.parse(one))), "b": set(imported(ast.parse(two)))}

    late = "def f():\n    import b"
    assert set(circle(graph(late, "from a import f"))) == {"a", "b"}
    assert circle(graph(f"if TYPE_CHECKING:\n    {late[9:].strip()}", "from a import f")) == []
