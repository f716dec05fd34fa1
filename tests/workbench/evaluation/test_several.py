"""Several processes make the run that one makes, whichever of them is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sessions.errors import WbError
from sessions.runs import Run, list_runs
from tests import warm
from workbench.errors import UsageError
from workbench.evaluation import helper_process
from workbench.evaluation.batch_queue import BatchQueue
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.control import ask_control
from workbench.evaluation.control_requests import requests_of
from workbench.evaluation.document import document
from workbench.evaluation.helper_process import HelperProcess
from workbench.evaluation.resuming import resumed_config
from workbench.evaluation.runner import evaluate
from workbench.evaluation.several import gpus_of, own_part
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec

pytestmark = pytest.mark.slow

TIMES = ("latency_s", "share_s")


def until(holds: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Helped:
    """The helpers of a test, forked from a process that has torch.

    The test's own process asks nothing before one of them has asked a batch, so that none is idle.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.processes: list[warm.Warm] = []
        self.asked = threading.Event()
        self.then: Callable[[], object] = lambda: None
        done, take = BatchQueue.done, BatchQueue.take

        def told_done(queue, number, lines):
            done(queue, number, lines)
            if (
                threading.current_thread() is not threading.main_thread()
                and not self.asked.is_set()
            ):
                self.then()
                self.asked.set()

        patch.setattr(helper_process, "spawn", self.spawn)
        patch.setattr(BatchQueue, "done", told_done)
        patch.setattr(
            BatchQueue, "take", lambda queue: take(queue) if self.asked.is_set() else None
        )

    def spawn(self, *args) -> warm.Warm:
        self.processes.append(warm.spawn_helper(*args))
        return self.processes[-1]


@pytest.fixture
def helped(monkeypatch) -> Iterator[Helped]:
    found = Helped(monkeypatch)
    yield found
    for process in found.processes:
        process.kill()


@pytest.fixture
def config(tiny_folder: Path) -> EvalConfig:
    spec = ModelSpec(str(tiny_folder), device="cpu")
    knobs = Decoding(max_new_tokens=2)
    return EvalConfig("demo/test", spec=spec, decoding=knobs, limit=22, batch_size=3, threads=1)


def lines(run: Run) -> list[dict]:
    """The lines as they stand in the file, without times."""
    return [
        {name: value for name, value in line.items() if name not in TIMES}
        for line in run.predictions()
    ]


def figures(run: Run) -> dict:
    found = document(run)
    metrics = {name: value for name, value in found["metrics"].items() if name != "tokens_per_s"}
    return {"metrics": metrics, "counts": found["counts"], "key": found["key"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": "both", "shots": 1, "random": True, "seed": 3},
        {"control": "shuffled", "answer": "score"},
        {"decoding": Decoding(max_new_tokens=2, temperature=1.0), "samples": 2, "limit": 8},
        {"shard": "1/2"},
    ],
)
def test_two_processes_make_the_run_of_one_line_by_line(config, helped, changes):
    config = replace(config, **changes)
    whole, both = evaluate(config), evaluate(replace(config, processes=2))
    assert helped.asked.is_set()
    assert lines(both) == lines(whole)
    assert figures(both) == figures(whole)
    assert both.key == whole.key and both.state == "done"
    assert document(both)["notes"] == document(whole)["notes"]
    assert helped.processes[0].wait(10) == 0  # it ended with the run


def test_no_process_is_started_if_nothing_is_left_to_ask(config, helped, monkeypatch):
    monkeypatch.setenv("WB_KEEP_ANSWERS_MB", "64")
    evaluate(config)
    again = evaluate(replace(config, processes=2, limit=9))
    assert (again.state, len(lines(again)), helped.processes) == ("done", 9, [])


def test_a_picture_that_cannot_be_read_has_its_line_whoever_asks_it(config, helped, tmp_path):
    from PIL import Image

    for number in range(7):
        Image.new("RGB", (32, 32), (number * 20, 0, 0)).save(tmp_path / f"{number}.png")
    for number in range(7, 14):
        (tmp_path / f"{number}.png").write_bytes(b"no picture")
    changes = {"dataset": "", "folder": str(tmp_path), "captions": True, "limit": 0}
    config = replace(config, **changes, batch_size=1)
    whole, both = evaluate(config), evaluate(replace(config, processes=3))
    assert lines(both) == lines(whole)
    assert [bool(line["error"]) for line in lines(both)].count(True) == 7


def test_a_helper_that_is_killed_costs_no_sample_and_is_told(config, helped):
    helped.then = lambda: helped.processes[0].kill()
    whole, both = evaluate(config), evaluate(replace(config, processes=2))
    assert lines(both) == lines(whole) and both.state == "done"
    assert document(both)["notes"] == [
        "process 2 of 2 was ended by SIGKILL; the others asked its samples"
    ]


def test_what_a_helper_cannot_do_ends_the_run_with_its_words(config, tmp_path):
    queue = BatchQueue()
    queue.add([])
    told = {"run": str(tmp_path / "none"), "settings_key": "", "threads": 1}
    helper = HelperProcess("process 2 of 2", told, dict(os.environ), queue)
    try:
        until(lambda: queue.failure)
    finally:
        queue.close()
        helper.end()
    assert str(queue.failure).startswith("process 2 of 2: ") and "none" in str(queue.failure)


def test_a_helper_whose_model_is_another_one_is_refused(config, helped, monkeypatch):
    from workbench.evaluation.prepared import PreparedEvaluation

    key = PreparedEvaluation.settings_key
    monkeypatch.setattr(PreparedEvaluation, "settings_key", property(lambda self: "another"))
    with pytest.raises(WbError, match="not those that the run began with"):
        evaluate(replace(config, processes=2))
    monkeypatch.setattr(PreparedEvaluation, "settings_key", key)
    assert list_runs()[0].state == "failed"


def test_a_run_of_three_goes_on_with_two_or_one(config, helped):
    whole = evaluate(config)
    stopped = evaluate(replace(config, processes=3), cancelled=helped.asked.is_set)
    assert stopped.state == "cancelled" and 0 < len(lines(stopped)) < 22
    had = len(lines(stopped))
    again = evaluate(
        resumed_config(stopped, processes=2),
        resume=stopped.id,
        cancelled=lambda: len(lines(stopped)) > had,
    )
    assert again.state == "cancelled" or len(lines(again)) == 22
    ended = evaluate(resumed_config(stopped, processes=1), resume=stopped.id)
    assert ended.state == "done" and ended.config["processes"] == 3
    assert len(ended.predictions()) == 22
    answers = [{line["uid"]: line["text"] for line in lines(run)} for run in (ended, whole)]
    assert answers[0] == answers[1]


def test_a_pause_holds_all_of_them_and_what_is_asked_again_is(config, helped):
    config = replace(config, processes=2)
    held: list[int] = []
    helped.then = lambda: ask_control(list_runs()[0], "pause")

    def see(report) -> None:
        if report.held:
            (run,) = list_runs()
            held.append(len(run.predictions()))
            ask_control(run, "retry", run.predictions()[0]["uid"])
            ask_control(run, "resume")

    run = evaluate(config, on_progress=see)
    assert held and held[0] > 0 and run.state == "done"
    assert [one.outcome for one in requests_of(run)] == ["taken"] * 3
    assert len(lines(run)) == 22


def test_processes_are_of_a_model_here_and_at_least_one(config):
    with pytest.raises(UsageError, match="--processes is about a model that runs here"):
        replace(config, spec=ModelSpec("openai:http://127.0.0.1:1/v1#x"), processes=2)
    for count in (0, -1, 65):
        with pytest.raises(UsageError, match="--processes wants a whole number from 1 to 64"):
            replace(config, processes=count)


def test_each_process_has_a_gpu_of_those_that_this_one_sees(config, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert gpus_of("auto") == gpus_of("cuda") == ["5", "7"]
    assert gpus_of("cpu") == gpus_of("cuda:1") == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert gpus_of("auto") == ["0", "1"]
    many = replace(config, spec=replace(config.spec, device="auto"), processes=2)
    assert own_part(many).spec.device == "cuda:0"
    assert own_part(replace(many, processes=1)).spec.device == "auto"


def test_on_a_cpu_the_processes_share_the_cores(config, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(9)))
    assert own_part(replace(config, threads=0, processes=4)).threads == 2
    assert own_part(replace(config, threads=0, processes=20)).threads == 1
    assert own_part(replace(config, threads=3, processes=4)).threads == 3
    assert own_part(replace(config, threads=0)).threads == 0


def parents() -> dict[int, int]:
    """Each living process and its parent."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(stat.parent.name)] = int(parent)
    return found


def children(pid: int) -> list[int]:
    return [child for child, parent in parents().items() if parent == pid]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_helpers_end_with_the_command_and_its_run_goes_on(config, number):
    argv = [sys.executable, "-P", "-m", "commands.main", "run-eval", "--dataset", "demo/test"]
    argv += ["--model", config.spec.model, "--device", "cpu", "--threads", "1", "--limit", "1000"]
    argv += ["--max-new-tokens", "2", "--batch-size", "1", "--processes", "2"]
    command = warm.start(argv)
    until(lambda: list_runs() and list_runs()[0].predictions() and children(command.pid))
    helpers = set(children(command.pid))
    command.send_signal(number)
    assert command.wait(60) == (-number if number == signal.SIGKILL else 1)
    until(lambda: not helpers & parents().keys())
    (run,) = list_runs()
    assert (run.interrupted, run.state) == (
        (True, "failed") if number == signal.SIGKILL else (False, "cancelled")
    )
    assert 0 < len(run.predictions()) < 1000
