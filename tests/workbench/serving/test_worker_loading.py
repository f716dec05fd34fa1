"""The engine's thread while it loads: what it tells, giving up, adapters that stay at hand."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.workbench.models.make_adapters import build_adapter, configs
from workbench.errors import Cancelled, ModelError, UnknownName
from workbench.inference.decoding import Decoding
from workbench.models.adapters import kept
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, Message
from workbench.serving.engine_request import EngineRequest, JsonResult, LoadStage
from workbench.serving.worker import Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    thread = Worker()
    thread.start()
    yield thread
    thread.stop()
    thread.join(30)


def serve(worker: Worker, spec: ModelSpec, kind: str = "load", until: str = "", **more):
    """Submit and wait; returns the stages and the last event. Cancelled at the stage `until`."""
    events: queue.Queue = queue.Queue()
    ticket = EngineRequest("t", kind, lambda event, visible: take(event), spec=spec, **more)

    def take(event) -> None:
        if until and isinstance(event, LoadStage) and event.stage.startswith(until):
            ticket.cancelled.set()
        events.put(event)

    worker.submit(ticket)
    seen = [events.get(timeout=60)]
    while not isinstance(seen[-1], (JsonResult, Answer, Exception)):
        seen.append(events.get(timeout=60))
    return [event.stage for event in seen if isinstance(event, LoadStage)], seen[-1]


def test_a_load_that_is_given_up_leaves_no_model_and_the_next_one_is_whole(worker, tiny_folder):
    spec = ModelSpec(str(tiny_folder), device="cpu")
    stages, last = serve(worker, spec, until="weights")
    assert isinstance(last, Cancelled)
    assert stages[-1].startswith("weights") and "MB free" in stages[-1] or "GB free" in stages[-1]
    assert worker.status()["model"] is None and worker.status()["memory_bytes"] == 0
    stages, last = serve(worker, spec)
    assert isinstance(last, JsonResult) and stages[-1] == "ready"
    assert last.body["model"]["gpus"] == [] and last.body["model"]["device"] == "cpu"


def test_what_is_refused_leaves_the_model_at_hand(worker, tiny_folder):
    spec = ModelSpec(str(tiny_folder), device="cpu")
    serve(worker, spec)
    for knobs in (
        {"model": "/no/such/model"},
        {"attention": "flash_attention_2"},
        {"device": "cuda:9"},
        {"device": "balanced"},
        {"quantization": "8bit", "adapter": "/no/such/adapter"},
    ):
        assert isinstance(serve(worker, replace(spec, **knobs))[1], ModelError | UnknownName)
        assert worker.status()["model"]["model"] == str(tiny_folder)
    assert serve(worker, spec)[0] == []


def test_kept_adapters_take_turns_without_a_file_being_read(
    worker, tiny, tiny_folder, tmp_path, monkeypatch
):
    made: dict[str, Path] = {
        kind: build_adapter(tiny.base, configs()[kind], tmp_path / kind) for kind in ("lora", "ia3")
    }
    spec = ModelSpec(str(tiny_folder), device="cpu")
    wishes = [{"path": str(made["lora"]), "name": "a"}, {"path": str(made["ia3"]), "name": "b"}]
    _, last = serve(worker, spec, body={"adapters": wishes})
    assert [one["name"] for one in last.body["model"]["adapters"]] == ["a", "b"]
    monkeypatch.setattr(kept, "load_adapter", lambda *a: pytest.fail("read again"))
    question = {
        "messages": (Message("user", ("one two",)),),
        "decoding": Decoding(max_new_tokens=6, temperature=1.5, seed=1),
    }
    said = {}
    for adapter in ("a", None, "b", "a", str(made["ia3"]), None):
        asked = ModelSpec(str(tiny_folder), device="cpu", adapter=adapter)
        stages, answer = serve(worker, asked, "chat", **question)
        assert stages in ([], ["adapter"])
        key = "b" if adapter == str(made["ia3"]) else adapter
        assert said.setdefault(key, answer.text) == answer.text
    assert len(set(said.values())) == 3
    unknown = ModelSpec(str(tiny_folder), device="cpu", adapter="c")
    assert isinstance(serve(worker, unknown, "chat", **question)[1], UnknownName)
