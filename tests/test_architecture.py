"""No module imports itself through others, whether at its top or inside a function."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

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
