"""The record stands on the standard library alone, and is quick to import."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import importlib, pkgutil, sys
before = set(sys.modules)
import sessions
for module in pkgutil.iter_modules(sessions.__path__):
    importlib.import_module(f"sessions.{module.name}")
own = sys.stdlib_module_names | {"sessions"}
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before} - own))
"""


def test_importing_all_of_the_record_imports_nothing_from_outside():
    done = subprocess.run([sys.executable, "-P", "-c", CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
