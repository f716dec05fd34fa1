"""A running evaluation is paused, goes on, asks a sample again, changes its size; all on record."""

from __future__ import annotations

import threading

import pytest

from sessions.errors import WbError
from sessions.ids import now
from sessions.runs import Run, list_runs
from tests.openai_server import OpenAIServer
from workbench.data.source import open_source
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.control import (
    ask_control,
    ask_controls,
    pause_or_resume,
    wait_for_outcome,
)
from workbench.evaluation.control_requests import control_path, requests_of
from workbench.evaluation.control_state import at_once, control_of
from workbench.evaluation.controlled import TakenRequests
from workbench.evaluation.document import document
from workbench.evaluation.resuming import resumed_config
from workbench.evaluation.runner import evaluate
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.progress import Progress, Reporter

UID = "demo/test/00000{}"


def running(model: str = "demo", answered: int = 4, **more) -> Run:
    """A run of 10 samples that this process is at."""
    config = {"dataset": "demo", "split": "test", "model": model, "batch_size": 4}
    run = Run.create(config, "k", total=10, **more)
    run.append_many(
        {"uid": UID.format(i), "text": "True.", "label": "True"} for i in range(answered)
    )
    return run


class Loop:
    """The loop of an evaluation, without a model."""

    def __init__(self, run: Run, size: int = 4, on_hold=lambda why: None) -> None:
        self.stopped = False
        self.done = run.done_uids()
        self.taken = TakenRequests(
            run,
            open_source("demo", "test"),
            size,
            done=self.done,
            stop=lambda: self.stopped,
            on_hold=on_hold,
        )


def stopped_in_a_pause() -> Run:
    """A run that was told to stop while it was paused."""
    run = running()

    def held(_: str) -> None:
        loop.stopped = True

    loop = Loop(run, on_hold=held)
    ask_control(run, "pause")
    loop.taken.between()
    return run


def outcomes(run: Run) -> list[tuple[str, str, str, int | None]]:
    return [(r.words, r.outcome, r.why, r.at) for r in requests_of(run)]


def test_a_pause_holds_until_someone_says_go_on_and_counts_as_no_time():
    seen = {}

    def held(why: str) -> None:
        seen.update(why=why, paused=run.paused, reason=run.reason, state=control_of(run).state)
        seen["seconds"] = run.seconds
        assert run.seconds == seen["seconds"]
        ask_control(run, "batch-size", 2)
        pause_or_resume(run, reason="it is free again")

    run = running()
    loop = Loop(run, on_hold=held)
    pause_or_resume(run, reason="the GPU is needed")
    assert (control_of(run).state, control_of(run).holds, run.paused) == ("pausing", True, False)
    loop.taken.between()
    assert (
        seen.items()
        >= {
            "why": "the GPU is needed",
            "reason": "the GPU is needed",
            "paused": True,
        }.items()
    )
    assert not run.paused and run.state == "running"
    assert outcomes(run) == [
        ("pause", "taken", "", 4),
        ("batch-size 2", "taken", "", 4),
        ("resume", "taken", "", 4),
    ]
    found = control_of(run)
    assert (found.state, found.batch_size, found.concurrency) == ("running", 2, None)
    assert loop.taken.size == 2
    first = found.requests[0]
    assert (first.reason, "@" in first.who) == ("the GPU is needed", True)
    assert wait_for_outcome(run, first, 0).outcome == "taken"


def test_what_stops_a_run_ends_a_pause_too():
    run = stopped_in_a_pause()
    run.set_state("cancelled", reason="cancelled by SIGTERM")
    assert (run.state, run.paused, run.interrupted) == ("cancelled", False, False)


def test_a_sample_asked_again_is_taken_once_its_new_line_is_there_and_history_keeps_the_old_one():
    run = running()
    loop = Loop(run)
    ask_controls(run, "retry", [UID.format(1), UID.format(3)])
    loop.taken.look()
    assert [s.uid for s in loop.taken.again(1)] == [UID.format(1)]
    assert [s.uid for s in loop.taken.again(5)] == [UID.format(3)]
    assert {r.outcome for r in requests_of(run)} == {"waiting"}
    lines = [{"uid": UID.format(1), "text": "False.", "label": "False"}]
    run.append_many(lines)
    loop.taken.wrote(lines)
    assert outcomes(run)[0] == (f"retry {UID.format(1)}", "taken", "", 4)
    assert outcomes(run)[1][1] == "waiting"
    assert '"text":"True."' in control_path(run).read_text().replace(": ", ":")
    assert run.predictions()[1]["label"] == "False"
    run.append_many({"uid": UID.format(i), "text": "", "label": None} for i in range(10))
    assert run.progress() == (10, 10)


def test_requests_outlive_a_kill_and_a_resume_is_the_wish_to_go_on():
    run = stopped_in_a_pause()
    ask_control(run, "retry", UID.format(2))
    ask_control(run, "batch-size", 9)
    run.close()  # as a kill does: no last word
    assert run.interrupted
    assert control_of(run).state == "failed"
    run.resume()
    going = Loop(run, size=3)
    assert going.taken.told and not going.taken.paused
    assert [s.uid for s in going.taken.again(5)] == [UID.format(2)]
    by_words = {words: (outcome, why) for words, outcome, why, _ in outcomes(run)}
    assert by_words["batch-size 9"][0] == "refused"
    assert by_words["resume"] == ("taken", "")
    assert by_words["batch-size 3"] == ("taken", "")
    assert control_of(run).batch_size == 3
    assert at_once(run) == 3


def test_a_pause_that_no_process_took_is_refused_by_a_resume():
    run = running()
    ask_control(run, "pause")
    run.close()
    run.resume()
    loop = Loop(run)
    loop.taken.between()  # does not hold
    assert [x[1] for x in outcomes(run)] == ["refused"]


def test_a_pause_that_is_asked_while_a_resume_begins_is_taken():
    run = running()
    run.close()
    run.resume()
    while now() <= run.changed:
        pass  # a millisecond
    ask_control(run, "pause")
    loop = Loop(run, on_hold=lambda _: pause_or_resume(run))
    loop.taken.between()
    assert [x[:2] for x in outcomes(run)] == [("pause", "taken"), ("resume", "taken")]


def test_what_comes_too_late_is_refused_when_the_run_is_done():
    run = running()
    loop = Loop(run)
    ask_control(run, "retry", UID.format(0))
    loop.taken.close()
    assert outcomes(run)[0][1:3] == ("refused", "the run had ended")


def test_damaged_lines_and_a_request_of_a_newer_version_stop_nothing():
    run = running()
    control_path(run).write_text(
        'no json\n{"v":1,"kind":"outcome","of":"x"}\n'
        '{"v":2,"kind":"request","id":"a","action":"dance","value":[1]}\n'
    )
    loop = Loop(run)
    ask_control(run, "batch-size", 2)
    loop.taken.between()
    assert loop.taken.size == 2
    assert [x[1] for x in outcomes(run)] == ["refused", "taken"]


@pytest.mark.parametrize(
    ("action", "value", "words"),
    [
        ("dance", None, "dance"),
        ("pause", "now", "no value"),
        ("resume", None, "not paused"),
        ("batch-size", "0", "from 1 to 4096, got '0'"),
        ("batch-size", "many", "got 'many'"),
        ("batch-size", None, "whole number"),
        ("batch-size", 5000, "5000"),
        ("concurrency", 4, "has no concurrency to change: its model runs here"),
        ("retry", None, "wants the UID"),
        ("retry", "no-uid", "no-uid"),
        ("retry", UID.format(9), "has no line of"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_leaves_no_line(action, value, words):
    run = running()
    with pytest.raises(WbError, match=words):
        ask_control(run, action, value)
    assert not control_path(run).exists()


def test_a_model_elsewhere_has_requests_at_once_and_no_batches():
    run = running("openai:http://127.0.0.1:9/v1#m")
    assert control_of(run).concurrency == 4
    with pytest.raises(WbError, match="runs elsewhere"):
        ask_control(run, "batch-size", 4)
    with pytest.raises(WbError, match="from 1 to 64"):
        ask_control(run, "concurrency", 65)
    assert ask_control(run, "concurrency", "8").value == 8


def test_trainings_and_runs_that_have_ended_are_refused_with_what_to_do_instead():
    training = Run.create({"batch_size": 8}, "k", "train")
    assert control_of(training).batch_size is None
    with pytest.raises(WbError, match="is a training"):
        ask_control(training, "pause")
    run = running()
    run.close()
    with pytest.raises(WbError, match="process of run .* is gone") as error:
        ask_control(run, "pause")
    assert f"wb run-eval --resume {run.id}" in error.value.hint
    run.set_state("done")
    with pytest.raises(WbError, match="has ended \\(done\\)"):
        ask_control(run, "pause")
    assert not control_path(run).exists()


def test_a_pause_is_not_asked_twice():
    run = running()
    ask_control(run, "pause")
    with pytest.raises(WbError, match="is pausing already"):
        ask_control(run, "pause")
    ask_control(run, "resume")
    assert control_of(run).state == "running"


def test_the_rate_leaves_out_the_time_that_a_run_was_held(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("workbench.progress.time.monotonic", lambda: clock[0])
    told: list[Progress] = []
    report = Reporter(told.append)
    clock[0] = 10
    report.hold(10, 100, "paused")
    clock[0] = 1000
    report(10, 100, "goes on")
    clock[0] = 1010
    report(20, 100, "goes on")
    assert (told[0].held, told[0].rate, told[0].eta_s) == (True, 0.0, None)
    assert [r.rate for r in told[1:]] == [1.0, 1.0]


# -- whole evaluations ----------------------------------------------------------------------


def figures(run: Run) -> dict:
    found = document(run)
    measured = {k: v for k, v in found["metrics"].items() if k != "tokens_per_s"}
    return {"metrics": measured, **{k: found.get(k) for k in ("counts", "confusion", "per_label")}}


def test_another_batch_size_and_a_sample_asked_again_midway_change_no_figure():
    def config(**more) -> EvalConfig:
        values = {"dataset": "demo/test", "limit": 9, "batch_size": 4, "threads": 1}
        return EvalConfig(
            **values | more, spec=ModelSpec(device="cpu"), decoding=Decoding(max_new_tokens=4)
        )

    from workbench.models.base import load_model

    sizes: list[int] = []

    def midway() -> bool:  # asked after each batch
        (run,) = list_runs()
        done = run.progress()[0]
        sizes.append(done)
        if done == 4 and not control_path(run).exists():
            ask_control(run, "batch-size", 1)
            ask_control(run, "retry", run.predictions()[0]["uid"])
        return False

    loaded = load_model(ModelSpec(device="cpu"))
    run = evaluate(config(), cancelled=midway, loaded=loaded)
    # The batch that was under way, the sample again, then one by one.
    assert sizes[:4] == [0, 4, 8, 9]
    raw = run.predictions_path.read_text().splitlines()
    assert len(raw) == 9 and run.state == "done"
    assert [x[1] for x in outcomes(run)] == ["taken", "taken"]
    assert document(run)["counts"]["done"] == 9
    assert resumed_config(run).batch_size == 1
    assert resumed_config(run, retry=[UID.format(1)]).retry == (UID.format(1),)
    with pytest.raises(WbError, match="--retry demo/test/77"):
        resumed_config(run, retry=["demo/test/77"])
    left_alone = evaluate(config(), loaded=loaded)
    assert left_alone.key == run.key
    assert {p["uid"]: p["text"] for p in left_alone.predictions()} == {
        p["uid"]: p["text"] for p in run.predictions()
    }
    assert figures(left_alone) == figures(run)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with OpenAIServer() as server:
        yield server


def test_a_model_elsewhere_is_paused_asked_again_and_asked_more_at_once(server):
    """No request is under way while it is paused; then more are at once than at the start."""
    seen = {}
    two = threading.Event()

    def said(_: dict) -> str:
        if seen and server.now >= 2:
            two.set()
        if seen:
            assert two.wait(60)  # the first one after the pause waits for a second one
        return "True."

    server.text = said

    def between() -> bool:
        (run,) = list_runs()
        if len(server.chats) >= 2 and not control_path(run).exists():
            ask_control(run, "pause", reason="a rest")
        return False

    def told(report: Progress) -> None:
        if report.held:
            (run,) = list_runs()
            seen.update(asked=len(server.chats), answered=len(run.predictions()), paused=run.paused)
            ask_control(run, "concurrency", 4)
            ask_control(run, "retry", run.predictions()[0]["uid"])
            ask_control(run, "resume")

    spec = ModelSpec(server.model)
    run = evaluate(
        EvalConfig("demo/test", limit=12, batch_size=1, spec=spec), told, cancelled=between
    )
    assert seen["asked"] == seen["answered"] >= 2 and seen["paused"]
    assert server.most >= 2
    assert run.state == "done" and len(run.predictions()) == 12
    assert len(server.chats) == 13
    assert two.is_set()
    assert {x[1] for x in outcomes(run)} == {"taken"}
    assert control_of(run).concurrency == 4
    again = evaluate(resumed_config(run, retry=[UID.format(1)]), resume=run.id)
    assert again.id == run.id and len(server.chats) == 14
