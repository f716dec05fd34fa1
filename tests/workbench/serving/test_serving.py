"""What goes over the socket, asked of one living engine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.workbench.models.tiny import ask, build_lora, mixed_conversations, picture
from workbench.errors import ImageError, PromptTooLong, UnknownName
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, ImageRef, Token
from workbench.serving.client import Engine

LONG = Decoding(max_new_tokens=900, temperature=1.0, seed=1)


@pytest.fixture(scope="module")
def spec(tiny_folder) -> ModelSpec:
    return ModelSpec(str(tiny_folder), device="cpu")


@pytest.fixture
def engine(shared_engine) -> Engine:
    return shared_engine


@pytest.fixture
def http(engine):
    return engine._client()


def whole(engine, conversation, spec, knobs, **kwargs) -> Answer:
    return list(engine.chat(conversation, spec, knobs, **kwargs))[-1]


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.005)


def idle(engine) -> dict:
    until(lambda: engine.status()["state"] != "busy")
    return engine.status()


def body(spec, content, **more) -> dict:
    return {
        "model": spec.model,
        "device": "cpu",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 5,
        **more,
    }


def test_the_answer_over_the_socket_is_the_answer_in_process(engine, spec, tiny):
    for conversation in mixed_conversations()[:5]:
        knobs = Decoding(temperature=1.2, seed=11, max_new_tokens=8, top_logprobs=3)
        events = list(engine.chat(conversation, spec, knobs, labels=["true", "false"]))
        (here,) = generate(tiny, [conversation], knobs, labels=["true", "false"])
        there = events[-1]
        assert isinstance(there, Answer)
        assert there.text == here.text
        assert [t.id for t in there.tokens] == [t.id for t in here.tokens]
        assert there.tokens == tuple(e for e in events if isinstance(e, Token))
        assert (there.finish_reason, there.prompt_tokens) == (
            here.finish_reason,
            here.prompt_tokens,
        )
        assert there.label_scores == pytest.approx(here.label_scores, abs=1e-4)
        assert [t.logprob for t in there.tokens] == pytest.approx(
            [t.logprob for t in here.tokens], abs=1e-4
        )


def test_eight_clients_at_once_each_get_the_answer_that_they_would_get_alone(engine, spec):
    conversations = mixed_conversations()
    knobs = [Decoding(temperature=1.3, seed=i, max_new_tokens=20 + i) for i in range(8)]
    alone = [whole(engine, c, spec, k).text for c, k in zip(conversations, knobs, strict=True)]
    found: dict[int, str] = {}

    def client(index: int) -> None:
        found[index] = whole(engine, conversations[index], spec, knobs[index]).text

    threads = [threading.Thread(target=client, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(8)] == alone


def test_a_short_request_is_answered_while_a_long_one_goes_on(engine, spec):
    long = engine.chat(ask("one"), spec, LONG)
    next(long)
    short = whole(engine, ask("two", picture()), spec, Decoding(max_new_tokens=3))
    assert len(short.tokens) == 3
    status = engine.status()
    assert status["serving"] == 1  # the long one is still at it
    long.close()
    idle(engine)


def test_requests_for_another_model_wait_their_turn_and_do_not_starve(engine, spec):
    other = ModelSpec(spec.model, device="cpu", attention="eager")
    order: list[str] = []

    def client(name: str, wanted: ModelSpec, tokens: int) -> None:
        whole(engine, ask(name), wanted, Decoding(max_new_tokens=tokens, temperature=1.0))
        order.append(name)

    def queued(count: int) -> bool:
        return engine.status()["queue"] >= count or bool(order)

    first = engine.chat(ask("one"), spec, LONG)
    next(first)
    waiting = threading.Thread(target=client, args=("other", other, 3))
    waiting.start()
    until(lambda: queued(1))
    # It came later than the other model's request: it may not overtake it.
    late = threading.Thread(target=client, args=("late", spec, 3))
    late.start()
    until(lambda: queued(2))
    first.close()  # not before both wait, however slow they are
    for thread in (waiting, late):
        thread.join(60)
    assert order == ["other", "late"]


def test_a_cancel_frees_its_place_in_a_full_batch_for_the_one_that_waits(engine, spec):
    from workbench.serving.worker import MAX_ROWS

    idle(engine)
    running = [engine.chat(ask("one"), spec, LONG) for _ in range(MAX_ROWS)]
    for events in running:
        next(events)
    answered: list[Answer] = []
    waiting = threading.Thread(
        target=lambda: answered.append(whole(engine, ask("two"), spec, Decoding(max_new_tokens=2)))
    )
    waiting.start()
    until(lambda: engine.status()["queue"] or answered)
    assert engine.status()["serving"] == MAX_ROWS and not answered
    running.pop().close()
    waiting.join(60)
    assert len(answered[0].tokens) == 2
    assert engine.status()["serving"] == MAX_ROWS - 1  # nobody else had to end for it
    for events in running:
        events.close()
    idle(engine)


def test_closing_the_stream_stops_the_generation(engine, spec):
    events = engine.chat(ask("one"), spec, LONG)
    for _ in range(3):
        next(events)
    before = engine.status()["tokens"]
    events.close()
    idle(engine)
    assert engine.status()["tokens"] - before < 600  # of 900; the rest was never made


def test_cancelling_keeps_what_was_said(engine, spec):
    seen: list[Token] = []
    cancelled = threading.Event()
    for event in engine.chat(ask("one"), spec, LONG, cancelled=cancelled.is_set):
        if isinstance(event, Answer):
            assert event.finish_reason == "cancelled"
            assert event.tokens[: len(seen)] == tuple(seen)
            assert len(event.tokens) <= len(seen) + 1
            break
        seen.append(event)
        if len(seen) == 4:
            cancelled.set()
    assert len(seen) == 4
    idle(engine)


def test_a_request_is_cancelled_by_its_id_within_a_token(engine, http, spec):
    wanted = body(spec, "one", stream=True, max_tokens=900, temperature=1.0, logprobs=True)
    tokens_after = 0
    headers = {"x-wb-request": "my-request"}
    with http.stream("POST", "/v1/chat/completions", json=wanted, headers=headers) as response:
        assert response.headers["x-wb-request"] == "my-request"
        last = {}
        cancelled = False
        for line in response.iter_lines():
            if not line.startswith("data: {"):
                continue
            last = json.loads(line[6:])
            tokens_after += cancelled
            if not cancelled and (last["choices"][0]["logprobs"] or {}).get("content"):
                assert engine.cancel("my-request")
                cancelled = True
                base = engine.status()["tokens"]
    assert last["wb"]["answer"]["finish_reason"] == "cancelled"
    assert idle(engine)["tokens"] - base < 50
    assert not engine.cancel("my-request")


def test_a_client_that_waits_for_the_whole_answer_and_leaves_stops_it_too(engine, http, spec):
    import httpx

    before = engine.status()
    with pytest.raises(httpx.ReadTimeout):
        http.post(
            "/v1/chat/completions",
            json=body(spec, "one", max_tokens=1000, temperature=1.0),
            timeout=0.3,
        )
    status = idle(engine)
    assert status["served"] == before["served"] + 1
    assert status["tokens"] - before["tokens"] < 900  # of 1000


def test_the_same_seed_gives_the_same_answer_and_another_seed_another(engine, spec):
    conversation = ask("a red", picture())
    texts = [
        whole(engine, conversation, spec, Decoding(temperature=1.2, seed=s, max_new_tokens=12)).text
        for s in (5, 5, 6)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_errors_arrive_as_the_class_that_was_raised(engine, spec):
    with pytest.raises(PromptTooLong, match="1024"):
        whole(engine, ask("one " * 4000), spec, Decoding(max_new_tokens=4))
    with pytest.raises(ImageError):
        whole(engine, ask("what?", ImageRef(data=b"not an image")), spec, Decoding())
    with pytest.raises(UnknownName):
        whole(engine, ask("what?"), ModelSpec("/no/such/model"), Decoding())
    # The engine took no harm, and still has its model.
    assert whole(engine, ask("one"), spec, Decoding(max_new_tokens=2)).timing.load_s < 60


def test_a_bad_request_among_eight_fails_alone(engine, spec):
    conversations = [*mixed_conversations()[:4], ask("?", ImageRef(data=b"nothing"))]
    results: dict[int, object] = {}

    def client(index: int) -> None:
        try:
            knobs = Decoding(max_new_tokens=10)
            results[index] = whole(engine, conversations[index], spec, knobs)
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=client, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(results[i]) for i in range(5)] == [Answer] * 4 + [ImageError]


def test_beams_over_the_socket(engine, spec, tiny):
    knobs = Decoding(num_beams=3, max_new_tokens=6)
    events = list(engine.chat(ask("a red"), spec, knobs))
    (here,) = generate(tiny, [ask("a red")], knobs)
    assert len(events) == 1
    assert events[0].text == here.text
    assert [t.id for t in events[0].tokens] == [t.id for t in here.tokens]


def test_load_status_and_release(engine, spec):
    stages: list[str] = []
    engine.release_gpu()
    assert engine.status()["model"] is None
    model = engine.load(spec, on_progress=lambda stage, share: stages.append(stage))
    assert stages[0] == "find" and any(stage.startswith("weights") for stage in stages)
    assert model["identity"] == engine.status()["model"]["identity"]
    status = engine.status()
    assert status["memory_bytes"] > 3_000_000
    assert status["queue"] == 0
    assert status["uptime_s"] > 0
    assert "demo" in engine.models() and spec.model in engine.models()


@pytest.mark.slow
def test_an_explanation_over_the_socket_is_that_of_the_library(engine, spec, tiny):
    from workbench.explain import request as explain

    conversation = ask("is it red?", picture(64, 48, 2))
    there = engine.explain(conversation, "true", spec, token=0)
    here = explain.explain_request(
        tiny, {"messages": conversation, "answer_text": "true", "token": 0}
    )
    assert there["method"] == here["method"] and there["layer"] == here["layer"]
    assert there["images"][0]["grid"] == here["images"][0]["grid"]
    assert there["images"][0]["peak"] == here["images"][0]["peak"]
    assert there["images"][0]["heat"] == [
        pytest.approx(row, abs=1e-3) for row in here["images"][0]["heat"]
    ]


@pytest.mark.slow
def test_an_adapter_is_swapped_without_a_load_and_seen_when_it_is_trained_anew(
    engine, spec, tiny, tmp_path
):
    from dataclasses import replace

    conversation, knobs = ask("a red circle"), Decoding(max_new_tokens=12)
    plain = whole(engine, conversation, spec, knobs)
    adapted = replace(spec, adapter=str(build_lora(tiny, tmp_path / "lora", seed=1)))
    stages: list[str] = []
    first = whole(engine, conversation, adapted, knobs, on_progress=lambda s, _: stages.append(s))
    assert stages == ["adapter"]  # no weights were read
    assert first.tokens != plain.tokens
    assert whole(engine, conversation, spec, knobs).text == plain.text
    build_lora(tiny, tmp_path / "lora", seed=2)
    assert whole(engine, conversation, adapted, knobs).tokens != first.tokens
    assert whole(engine, conversation, spec, knobs).text == plain.text


def test_a_record_names_the_load_that_answered_whatever_is_loaded_before_it_is_written(
    engine, spec
):
    from sessions.records import PromptRecord
    from workbench.playground.ask import ask as ask_question
    from workbench.playground.question import Question

    question = Question(ask("a red"), replace(spec, dtype="fp32"), Decoding(max_new_tokens=2))
    events = ask_question(engine, question, log=None)
    answer = next(event for event in events if isinstance(event, Answer))
    answering = engine.status()["model"]
    other = engine.load(replace(spec, dtype="bf16"))  # as another client would
    assert other["identity"] != answering["identity"]
    record = next(event for event in events if isinstance(event, PromptRecord))
    assert record.identity == answering["identity"] == answer.answered_by["identity"]
    assert record.environment["dtype"] == "float32" and record.device == "cpu"


def test_an_answer_that_is_cut_short_here_says_who_gave_it(engine, spec):
    asked = Decoding(max_new_tokens=900, temperature=1.0, seed=1)
    heard: list[Token | Answer] = []
    for event in engine.chat(ask("a red"), spec, asked, cancelled=lambda: len(heard) > 1):
        heard.append(event)
    last = heard[-1]
    assert isinstance(last, Answer) and last.finish_reason == "cancelled"
    assert last.answered_by["identity"] == engine.status()["model"]["identity"]
