"""No module imports itself through others, not even inside a function; one name means one class."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

PACKAGES = ("sessions", "workbench", "training", "commands")


def circle(imports: Mapping[str, set[str]]) -> list[str]:
    """Modules that import one another in a ring, the first one repeated at the end; [] for none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_a_ring_of_modules_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


def test_no_module_imports_itself_through_others() -> None:
    """What is imported for types alone does not count: it is not there when the code runs."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert len(imports) > 500
    assert circle(imports) == []


def test_no_two_classes_have_one_name() -> None:
    root = Path(__file__).parents[1]
    trees = (ast.parse(f.read_text("utf-8")) for p in PACKAGES for f in (root / p).rglob("*.py"))
    classes = [n.name for tree in trees for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]
    assert len(classes) > 500
    assert [name for name, count in Counter(classes).items() if count > 1] == []
