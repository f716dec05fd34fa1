"""One home with one engine for the tests of a module: starting an engine takes seconds."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def engine_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose engine, if one was started, is ended with the module."""
    home = tmp_path_factory.mktemp("engine") / "wb"
    yield home
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WB_HOME", str(home))
        from workbench.serving import process

        if pid := process.lock_owner():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(FileNotFoundError):
            process.socket_path().unlink()


@pytest.fixture
def home(
    engine_home: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Path:
    """That home, with a session of the test's own."""
    monkeypatch.setenv("WB_HOME", str(engine_home))
    monkeypatch.setenv("WB_SESSION", request.node.name.partition("[")[0][:90])
    return engine_home
