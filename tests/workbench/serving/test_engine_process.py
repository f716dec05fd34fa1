"""The engine as a process: found, started, alone, private, replaced when it dies."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests import warm
from tests.workbench.models.tiny import ask, picture
from workbench.errors import EngineError
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.serving import process
from workbench.serving.client import Engine

pytestmark = pytest.mark.slow

SHORT = Decoding(max_new_tokens=4)


def gone(pid: int, wait_s: float = 10) -> bool:
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]
            if state == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(autouse=True)
def _cold_engines(cold_start, monkeypatch) -> None:
    monkeypatch.setattr(process, "spawn", cold_start)


def test_without_an_engine_connecting_says_how_to_start_one():
    with pytest.raises(EngineError, match="no engine is running") as caught:
        Engine.connect(start=False)
    assert "wb engine start" in caught.value.hint


def test_life_of_an_engine(engine, tiny_folder, monkeypatch):
    """Private socket, one process, no second load, kill -9, a new one over the stale socket."""
    spec = ModelSpec(str(tiny_folder), device="cpu")
    path = process.socket_path()
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(process.log_path().stat().st_mode) == 0o600
    assert os.getsid(engine.pid) == engine.pid  # outlives the terminal

    again = Engine.connect()
    assert again.pid == engine.pid
    second = subprocess.run(
        [sys.executable, "-P", "-m", "workbench.serving.server"],
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 0
    assert b"another engine" in second.stdout
    assert Engine.connect(start=False).pid == engine.pid

    stages = []
    first = list(
        engine.chat(
            ask("one", picture()),
            spec,
            SHORT,
            on_progress=lambda stage, share: stages.append(stage),
        )
    )[-1]
    assert first.timing.load_s > 0
    assert stages[0] == "find" and stages[-1] == "ready"
    later = list(again.chat(ask("one", picture()), spec, SHORT))[-1]
    assert later.timing.load_s == 0
    assert later.text == first.text

    events = engine.chat(ask("one"), spec, Decoding(max_new_tokens=900, temperature=1.0))
    next(events)
    os.kill(engine.pid, signal.SIGKILL)
    started = time.monotonic()
    with pytest.raises(EngineError) as caught:
        list(events)
    assert caught.value.kind == "engine_died"
    assert time.monotonic() - started < 30  # an error, not a hang
    assert gone(engine.pid)
    assert path.exists()  # nobody was left to clean up
    with pytest.raises(EngineError) as caught:
        list(engine.chat(ask("one"), spec, SHORT))
    assert caught.value.kind == "engine_died"
    assert "wb engine start" in caught.value.hint
    monkeypatch.setattr(process, "spawn", warm.spawn_engine)  # what is new is the socket's place
    fresh = Engine.connect(idle_minutes=5)
    engine.pids.add(fresh.pid)
    assert fresh.pid != engine.pid
    assert list(fresh.chat(ask("one", picture()), spec, SHORT))[-1].text == first.text
    fresh.stop()
    assert gone(fresh.pid)
    assert not path.exists()


def test_two_who_start_at_once_share_one_engine():
    found: list[Engine] = []
    threads = [
        threading.Thread(target=lambda: found.append(Engine.connect(idle_minutes=5)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len({one.pid for one in found}) == 1 and len(found) == 3
    finally:
        found[0].stop()


def test_it_leaves_when_idle_and_takes_its_socket_along():
    engine = Engine.connect(idle_minutes=0.01)
    assert gone(engine.pid, wait_s=20)
    assert not process.socket_path().exists()
    assert "idle" in "\n".join(process.log_tail())


def test_a_file_in_the_place_of_a_dead_engines_socket_is_replaced():
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(process.socket_path()))
    stale.close()  # the file stays, as after a kill -9
    engine = Engine.connect(idle_minutes=5)
    try:
        assert engine.status()["pid"] == engine.pid
    finally:
        engine.stop()


def test_the_client_needs_no_torch_and_importing_it_no_httpx():
    code = (
        "import sys, json; import workbench.serving.client, workbench.playground.ask; "
        "print(json.dumps([m for m in ('torch','transformers','httpx','PIL','numpy') "
        "if m in sys.modules]))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(out.stdout) == []


def test_an_engine_that_hangs_is_told_in_the_time_that_the_message_names(engine):
    """Stopped in its tracks it holds lock and socket, and answers nothing."""
    os.kill(engine.pid, signal.SIGSTOP)
    try:
        for wait_s in (0.5, 2.0):
            started = time.monotonic()
            with pytest.raises(EngineError, match=f"within {wait_s:g} seconds") as caught:
                Engine.connect(start=False, wait_s=wait_s)
            took = time.monotonic() - started
            assert wait_s <= took < wait_s + 5  # it took 20 more
            assert "--force" in caught.value.hint
        started = time.monotonic()
        with pytest.raises(EngineError, match="did not stop within 1 seconds"):
            engine.stop(wait_s=1)
        assert time.monotonic() - started < 6
    finally:
        os.kill(engine.pid, signal.SIGCONT)
    assert gone(engine.pid, wait_s=30)  # what it was asked meanwhile it does
