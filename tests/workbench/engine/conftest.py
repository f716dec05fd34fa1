"""An engine process of the test's own, ended by its own pid."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest


@pytest.fixture
def engine(_own_home) -> Iterator:
    """A connected engine; whatever becomes of it, no process is left."""
    from workbench.engine.client import Engine

    connected = Engine.connect(wait_s=60, idle_minutes=5)
    pids = {connected.pid}
    connected.pids = pids  # type: ignore[attr-defined]  # tests add those that they start
    yield connected
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory: pytest.TempPathFactory, tiny_folder) -> Iterator:
    """One engine for all tests of a module that leave it as it was; starting one takes seconds."""
    from workbench.engine.client import Engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WB_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("OMP_NUM_THREADS", "1")
        connected = Engine.connect(wait_s=60, idle_minutes=5)
        connected._client()  # opened while WB_HOME points to its home; kept for the module
        connected.status()
        yield connected
        with contextlib.suppress(Exception):
            connected.stop()
        with contextlib.suppress(ProcessLookupError):
            os.kill(connected.pid, signal.SIGKILL)
