"""Every test has a home of its own, no network and one thread per process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Set WB_HOME to a fresh folder, forbid the model hub and bound the threads."""
    monkeypatch.setenv("WB_HOME", str(tmp_path / "wb"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    for name in ("WB_SESSION", "WB_LOCAL_DIR", "WB_GPU", "WB_JOB_PROGRESS", "WB_JOB_DIR"):
        monkeypatch.delenv(name, raising=False)
    yield
    from sessions.paths import runtime_dir

    # It lies outside of tmp_path, since a socket's path must be short.
    monkeypatch.setenv("WB_HOME", str(tmp_path / "wb"))
    shutil.rmtree(runtime_dir(create=False), ignore_errors=True)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A Hugging Face hub on loopback that every tool is pointed to; see `tests/hub_server.py`."""
    from tests.hub_server import Hub

    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub
