"""The hub, for tests that read from it in this process: nothing remembered, no waiting."""

from __future__ import annotations

import pytest

from tests.hub_server import Hub


@pytest.fixture
def fast_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub, without pauses between tries, and with nothing known from other tests."""
    from workbench.data import hub_http, hub_repo, hub_send, hub_state
    from workbench.data.readers import parquet

    parquet._footers.forget()
    hub_http._forget()
    hub_repo._seen.clear()
    hub_state.wish_mode(None)
    monkeypatch.setattr(hub_http, "pause", lambda seconds: None)
    monkeypatch.setattr(hub_send, "TIMEOUT_S", 60.0)  # a test may stand still for long
    return hub
