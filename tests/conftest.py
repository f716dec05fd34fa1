"""Every test has a home of its own, no network, one thread per process; engines are forked."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import warm

# Read once, when torch is imported, which a test module may do before any fixture runs.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

# Files that take more than ten seconds, by `--durations`: begun first, none of them is left to one
# worker at the end.
LONG = (
    *("test_look", "test_no_key_is_silent", "test_pictures_beside_answers"),
    *("test_explore_list", "test_explore_ask", "test_focus", "test_no_escape_is_drawn"),
    *("test_train_faults", "test_import_form", "test_playground", "test_shipped_configs"),
    *("test_dialog_box", "test_explore_prompt_text", "test_explore_sweep"),
    *("test_damaged_home", "test_train", "test_explore_engine", "test_train_control"),
    *("test_models_are_looked_at_first", "test_drawing_sparingly", "test_hub_models"),
    *("test_eval", "test_tutorial", "test_explore_looking", "test_hostile_inputs"),
    *("test_engine_process", "test_joint", "test_train_command", "test_explore_loading"),
    *("test_recorded", "test_several", "test_held_keys", "test_jump"),
    *("test_run_eval_command", "test_captioner", "test_explore_image"),
    *("test_explore_typing", "test_explore_elsewhere", "test_kept_sheets"),
    *("test_ablate_command", "test_contrastive_train"),
)


def pytest_configure(config: pytest.Config) -> None:
    """Start the parent of warm processes, where tests are run alone or handed to workers."""
    if warm.SOCKET not in os.environ:
        config.add_cleanup(warm.open_parent())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Search what is imported for garbage once, and later seldom: torch is a million objects."""
    gc.disable()
    yield
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # else triton complains of what is left
    gc.set_threshold(200_000, 50, 100)
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take long first; what is in a file stays in its order."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONG)))


@pytest.fixture(autouse=True, scope="session")
def cold_start() -> Iterator[Callable[..., object]]:
    """How an engine starts for a user; those of tests are forked instead, ready in a moment."""
    from workbench.serving import process

    cold = process.spawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "spawn", warm.spawn_engine)
        yield cold


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """A folder in a folder of the test's own: pictures are looked for beside it too."""
    inner = tmp_path / "t"
    inner.mkdir()
    return inner


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Set WB_HOME to a fresh folder and forbid the model hub."""
    monkeypatch.setenv("WB_HOME", str(tmp_path / "wb"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    _tell_hub_library(monkeypatch, offline=True)
    # An evaluation asks its model: tests of kept answers say so.
    monkeypatch.setenv("WB_KEEP_ANSWERS_MB", "0")
    for name in ("WB_SESSION", "WB_LOCAL_DIR", "WB_GPU", "WB_JOB_PROGRESS", "WB_JOB_DIR"):
        monkeypatch.delenv(name, raising=False)
    yield
    from sessions.paths import runtime_dir

    # It lies outside of tmp_path, since a socket's path must be short.
    monkeypatch.setenv("WB_HOME", str(tmp_path / "wb"))
    shutil.rmtree(runtime_dir(create=False), ignore_errors=True)


def _tell_hub_library(monkeypatch: pytest.MonkeyPatch, *, offline: bool) -> None:
    """It reads the environment when it is imported; told too late, it retries for 20 seconds."""
    if (constants := sys.modules.get("huggingface_hub.constants")) is not None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A Hugging Face hub on loopback that every tool is pointed to; see `tests/hub_server.py`."""
    from tests.hub_server import Hub

    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    _tell_hub_library(monkeypatch, offline=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub
