"""Faults in the engine's own thread, and work without end: everyone who waits is told."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.workbench.models.make_adapters import build_adapter
from tests.workbench.models.test_activity import LOOP
from tests.workbench.models.tiny import ask
from workbench.errors import EngineError, ModelError
from workbench.inference.decoding import Decoding
from workbench.models.adapters import load
from workbench.models.spec import ModelSpec
from workbench.sample import Answer
from workbench.serving import process
from workbench.serving.client import Engine
from workbench.serving.engine_request import EngineRequest, Event
from workbench.serving.request_handler import Stall
from workbench.serving.scheduler import Scheduler
from workbench.serving.worker import Worker

pytestmark = pytest.mark.slow

SHORT = Decoding(max_new_tokens=3)


@pytest.fixture
def died() -> threading.Event:
    return threading.Event()


@pytest.fixture
def worker(died) -> Iterator[Worker]:
    thread = Worker(died.set)
    thread.start()
    yield thread
    thread.stop()
    thread.join(30)


class Asked:
    """A chat in the worker's queue, and what became of it."""

    def __init__(self, worker: Worker, spec: ModelSpec, kind: str = "chat") -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        ticket = EngineRequest(
            str(id(self)),
            kind,
            lambda event, visible: self.events.put(event),
            spec=spec,
            messages=ask("one"),
            decoding=SHORT,
        )
        worker.submit(ticket)

    def last(self) -> Event:
        while True:
            event = self.events.get(timeout=60)
            if isinstance(event, (Answer, Exception)):
                return event


@pytest.fixture
def spec(tiny_folder) -> ModelSpec:
    return ModelSpec(str(tiny_folder), device="cpu")


def once(error: BaseException, real):
    """`real`, but the first call raises."""
    left = [error]

    def call(*args, **kwargs):
        if left:
            raise left.pop()
        return real(*args, **kwargs)

    return call


@pytest.mark.parametrize("error", [MemoryError(), SystemExit("why"), KeyboardInterrupt()])
def test_whatever_ends_the_work_is_told_and_the_next_request_is_served(
    worker, spec, monkeypatch, error
):
    monkeypatch.setattr(Scheduler, "run", once(error, Scheduler.run))
    first, second = Asked(worker, spec), Asked(worker, spec)
    failure = first.last()
    assert isinstance(failure, (EngineError, ModelError))
    assert type(error).__name__ in failure.message and failure.hint
    assert isinstance(second.last(), Answer)
    assert worker.is_alive()


def test_a_module_that_cannot_be_imported_is_told_and_nobody_waits_for_ever(
    worker, spec, monkeypatch
):
    assert isinstance(Asked(worker, spec).last(), Answer)
    deadline = time.monotonic() + 30
    while worker.at() is not None and time.monotonic() < deadline:
        time.sleep(0.001)  # what came now would still join the batch
    monkeypatch.setitem(sys.modules, "workbench.serving.scheduler", None)
    failure = Asked(worker, spec).last()
    assert isinstance(failure, EngineError) and failure.kind == "engine_broke"
    assert "ModuleNotFoundError" in failure.message
    monkeypatch.undo()
    assert isinstance(Asked(worker, spec).last(), Answer)


def test_a_thread_that_cannot_go_on_tells_those_who_wait_and_whoever_runs_it(
    worker, died, spec, monkeypatch
):
    waiting = threading.Event()

    def run(*_):
        waiting.wait(30)
        raise SystemExit

    monkeypatch.setattr(Scheduler, "run", run)
    monkeypatch.setattr(Worker, "_start_over", once(MemoryError(), Worker._start_over))
    asked = [Asked(worker, spec) for _ in range(3)]
    waiting.set()
    failures = [one.last() for one in asked]
    assert all(isinstance(f, EngineError) and "MemoryError" in f.message for f in failures)
    assert died.wait(30)
    assert isinstance(Asked(worker, spec).last(), EngineError)


def test_an_engine_whose_thread_dies_leaves_and_its_client_is_told(spec):
    fault = (
        "from workbench.serving import server, worker\n"
        "def broken(*_): raise MemoryError\n"
        "worker.Worker._serve = worker.Worker._start_over = broken\n"
        "server.main(['--idle-minutes', '5'])\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", fault],
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not process.socket_path().exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        with pytest.raises(EngineError) as caught:
            list(Engine.connect(start=False, wait_s=60).chat(ask("one"), spec, SHORT))
        assert caught.value.kind == "engine_broke" and "MemoryError" in caught.value.message
        assert child.wait(30) == 0
    finally:
        child.kill()
        child.wait()


def test_a_model_poisoned_by_an_adapter_is_loaded_anew_before_it_answers(
    worker, spec, tiny, tmp_path, monkeypatch
):
    from peft import LoraConfig

    start = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights="olora")
    folder = build_adapter(tiny.base, start, tmp_path / "a")
    clean = Asked(worker, spec).last()
    monkeypatch.setattr(load, "rewrites", lambda config: False)  # as if nobody knew
    failure = Asked(worker, replace(spec, adapter=str(folder))).last()
    assert isinstance(failure, ModelError) and failure.kind == "base_changed"
    again = Asked(worker, spec).last()
    assert isinstance(again, Answer) and isinstance(clean, Answer)
    assert [t.logprob for t in again.tokens] == [t.logprob for t in clean.tokens]


def test_work_that_stands_still_is_told_once_per_so_many_seconds():
    now: list = [("reading", 0.0)]
    stall = Stall(lambda: now[0], after_s=10)
    said = []
    for seconds in (0, 9, 11, 12, 21, 22, 3, 11):
        now[0] = ("reading", float(seconds))
        said.append(stall.told())
    now[0] = None
    assert stall.told() == ""
    assert [s for s in said if s] == [
        "no progress for 11 s: reading",
        "no progress for 21 s: reading",
        "no progress for 11 s: reading",
    ]


def test_a_template_without_end_is_told_and_cancelled_and_others_are_served(
    tiny_folder, spec, tmp_path, monkeypatch
):
    loops = Path(shutil.copytree(tiny_folder, tmp_path / "loops"))
    (loops / "chat_template.jinja").write_text(LOOP)
    monkeypatch.setenv("WB_ENGINE_STALL_S", "0.5")
    engine = Engine.connect(idle_minutes=5)
    try:
        engine.load(spec)
        told: list[str] = []
        enough = threading.Event()

        def progress(stage: str, share: float) -> None:
            told.append(stage)
            if stage.startswith("no progress") and "chat template of loops" in stage:
                enough.set()

        bad = ModelSpec(str(loops), device="cpu")
        answer = list(engine.chat(ask("one"), bad, SHORT, cancelled=enough, on_progress=progress))[
            -1
        ]
        assert enough.is_set(), told
        assert isinstance(answer, Answer) and answer.finish_reason == "cancelled"
        # Its thread was freed long before the template's own limit.
        started = time.monotonic()
        assert list(engine.chat(ask("one"), spec, SHORT))[-1].text
        assert time.monotonic() - started < 20
        while engine.status()["doing"] is not None:
            assert time.monotonic() - started < 60
    finally:
        engine.stop()
