"""An engine process of the test's own, ended by its own pid."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def engine(_own_home) -> Iterator:
    """A connected engine; whatever becomes of it, no process is left."""
    from workbench.serving.client import Engine

    connected = Engine.connect(wait_s=60, idle_minutes=5)
    pids = {connected.pid}
    connected.pids = pids  # type: ignore[attr-defined]  # tests add those that they start
    yield connected
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the shared engine."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def shared_engine(shared_home: Path) -> Iterator:
    """One engine for all tests that leave it as it was; starting one takes seconds."""
    from workbench.serving.client import Engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WB_HOME", str(shared_home))
        patch.setenv("OMP_NUM_THREADS", "1")
        connected = Engine.connect(wait_s=60, idle_minutes=30)
        connected._client()  # opened while WB_HOME points to its home; kept from then on
        connected.status()
    yield connected
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Exception):
        patch.setenv("WB_HOME", str(shared_home))
        connected.stop()
    with contextlib.suppress(ProcessLookupError):
        os.kill(connected.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def url(shared_engine, shared_home: Path) -> Iterator[str]:
    """The base URL of a front before the shared engine; its token is `front_server.TOKEN`."""
    from tests.workbench.serving.front_server import fronted

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WB_HOME", str(shared_home))
        opened = fronted()
        found = opened.__enter__()
    with contextlib.ExitStack() as stack:
        stack.push(opened.__exit__)
        yield found


@pytest.fixture
def client(url: str) -> Iterator:
    """OpenAI's client of that front; what went wrong is not hidden by a second try."""
    import openai

    from tests.workbench.serving.front_server import TOKEN

    with openai.OpenAI(base_url=url, api_key=TOKEN, max_retries=0, timeout=120) as client:
        yield client
