"""No class of the bench grows into a tower again, and each has a name of its own.

A class is counted with those of its bases that are ours: what a mixin adds, its reader must know.
"""

import ast
from collections import Counter
from pathlib import Path

import workbench.app

CHAIN = 3  # classes of ours, one over the other
LINES = 400


def classes(source: str) -> list[ast.ClassDef]:
    """All classes of a source, those inside of others too."""
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]


def named(base: ast.expr) -> str:
    """The name of a base: `Screen[None]` is `Screen`, `events.Key` is `Key`."""
    base = base.value if isinstance(base, ast.Subscript) else base
    return base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")


def towers(found: list[ast.ClassDef]) -> dict[str, tuple[int, int]]:
    """(how many of ours stand one over the other, lines of them all) by name."""
    known = {node.name: node for node in found}

    def ours(name: str) -> set[str]:
        above = [named(base) for base in known[name].bases]
        return {name}.union(*(ours(base) for base in above if base in known))

    def height(name: str) -> int:
        above = [named(base) for base in known[name].bases]
        return 1 + max((height(base) for base in above if base in known), default=0)

    def lines(name: str) -> int:
        return known[name].end_lineno - known[name].lineno + 1

    return {name: (height(name), sum(map(lines, ours(name)))) for name in known}


def of_the_bench() -> list[ast.ClassDef]:
    folder = Path(workbench.app.__file__).parent
    return [node for file in folder.rglob("*.py") for node in classes(file.read_text())]


def test_a_tower_of_classes_is_seen():
    tower = towers(classes("class A(X): ...\nclass B(A):\n    x = 1\nclass C(B, Y[int]): ..."))
    assert tower == {"A": (1, 1), "B": (2, 3), "C": (3, 4)}


def test_no_class_of_the_bench_is_a_tower():
    high = {name: n for name, (n, _) in towers(of_the_bench()).items() if n > CHAIN}
    assert not high, f"more than {CHAIN} classes one over the other: {high}"


def test_no_class_of_the_bench_is_long_with_its_bases():
    long = {name: n for name, (_, n) in towers(of_the_bench()).items() if n > LINES}
    assert not long, f"more than {LINES} lines: {long}"


def test_no_two_classes_of_the_bench_have_one_name():
    count = Counter(node.name for node in of_the_bench())
    twice = [name for name, n in count.items() if n > 1]
    assert not twice


def test_work_beside_the_event_loop_is_done_in_the_lanes_of_the_bench_alone():
    folder = Path(workbench.app.__file__).parent
    others = ("@work(", "run_worker(", "call_from_thread(", "threading.Thread(")
    found = {
        f"{file.name}: {other}"
        for file in folder.rglob("*.py")
        for other in others
        if other in file.read_text()
    }
    assert found == {"tasks.py: threading.Thread("}
