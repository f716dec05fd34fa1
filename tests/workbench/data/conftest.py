"""The hub, for tests that read from it in this process: nothing remembered, no waiting.

And a folder of pictures for tables.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hub_server import Hub
from tests.workbench.data.tables import write_pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the thirty pictures that `tables.CSV` names."""
    write_pictures(tmp_path, [f"img/{i}.png" for i in range(30)])
    return tmp_path


@pytest.fixture
def fast_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub, without pauses between tries, and with nothing known from other tests."""
    from workbench.data.hub import http_requests, repository, send, state
    from workbench.data.readers import parquet

    parquet._footers.forget()
    http_requests._forget()
    repository._seen.clear()
    state.wish_mode(None)
    monkeypatch.setattr(http_requests, "pause", lambda seconds: None)
    monkeypatch.setattr(send, "TIMEOUT_S", 60.0)  # a test may stand still for long
    return hub
