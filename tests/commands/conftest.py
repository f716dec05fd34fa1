"""A command as it is typed, without the price of a process."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass
class Done:
    """How a command ended: exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as the one JSON document that it must be."""
        return json.loads(self.out)


@pytest.fixture
def run_wb(monkeypatch, capsys):
    """`run_wb("runs", "list")` runs the entry point in this process; `stdin=` is what is piped."""

    def run(*args: str, stdin: str | bytes = "") -> Done:
        from commands.main import main

        monkeypatch.setattr(sys, "argv", ["wb", *args])
        piped = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped), "utf-8"))
        capsys.readouterr()
        try:
            main()
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Done(code, out, err)

    return run
