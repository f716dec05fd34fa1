"""The official OpenAI client talks to the engine over TCP, on the demo model."""

from __future__ import annotations

import base64
import time

import pytest

from tests.later import Later
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.serving.client import Engine

pytestmark = pytest.mark.slow

openai = Later("openai")

ASKED = [{"role": "user", "content": "Is a circle round?"}]


@pytest.fixture
def engine(shared_engine) -> Engine:
    return shared_engine


def data_url(image) -> str:
    return "data:image/png;base64," + base64.b64encode(image.read()).decode()


def test_models_are_listed_and_found_by_id(client):
    assert "demo" in [model.id for model in client.models.list()]
    assert client.models.retrieve("demo").owned_by == "wb"
    with pytest.raises(openai.NotFoundError, match="some/where"):
        client.models.retrieve("some/where")


def test_images_as_data_urls_reach_the_model(client, engine):
    from workbench.data.source import open_source
    from workbench.prompts.pool import default_for

    source = open_source("demo/test")
    sample = source.at(12)
    messages = default_for(source).render(sample)
    content = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": data_url(part), "detail": "high"}}
        for part in messages[-1].parts
    ]
    sent = [{"role": m.role, "content": m.text} for m in messages[:-1]]
    sent.append({"role": "user", "content": content})
    asked = client.chat.completions.create(model="demo", messages=sent, max_tokens=20)
    here = list(engine.chat(messages, ModelSpec("demo"), Decoding(max_new_tokens=20)))[-1]
    assert asked.choices[0].message.content == here.text
    assert asked.usage.prompt_tokens == here.prompt_tokens
    assert asked.usage.completion_tokens == len(here.tokens)
    assert asked.system_fingerprint == f"wb-{engine.status()['model']['identity'][:16]}"


def test_a_stream_says_what_a_whole_answer_says_and_ends_with_its_usage(client):
    knobs = {"model": "demo", "messages": ASKED, "temperature": 2.0, "seed": 4, "max_tokens": 9}
    whole = client.chat.completions.create(**knobs, logprobs=True, top_logprobs=3)
    chunks = list(
        client.chat.completions.create(
            **knobs,
            logprobs=True,
            top_logprobs=3,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    said = [chunk.choices[0] for chunk in chunks[:-1]]
    assert (
        "".join(choice.delta.content or "" for choice in said) == whole.choices[0].message.content
    )
    entries = [e for c in said if c.logprobs for e in c.logprobs.content]
    assert [e.token for e in entries] == [e.token for e in whole.choices[0].logprobs.content]
    assert all(len(e.top_logprobs) == 3 and e.logprob <= 0 for e in entries)
    best = [max(e.top_logprobs, key=lambda t: t.logprob) for e in entries]
    assert [t.token for t in best] == [e.top_logprobs[0].token for e in entries]
    assert said[-1].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    plain = client.chat.completions.create(**knobs, stream=True)
    assert all(chunk.choices and chunk.usage is None for chunk in plain)  # as clients expect


def test_a_load_puts_no_chunk_without_choices_into_a_stream(client, engine):
    engine.release_gpu()
    chunks = list(
        client.chat.completions.create(model="demo", messages=ASKED, stream=True, max_tokens=3)
    )
    assert all(chunk.choices for chunk in chunks)


def test_seeds_choices_and_stops(client):
    knobs = {"model": "demo", "messages": ASKED, "temperature": 3.0, "max_tokens": 12}

    def texts(**more) -> list[str]:
        asked = client.chat.completions.create(**knobs, **more)
        return [choice.message.content for choice in asked.choices]

    three = texts(seed=8, n=3)
    assert texts(seed=8) == three[:1] and texts(seed=9) == three[1:2]
    assert len(set(three)) == 3
    stop = three[0][4:7]
    assert texts(seed=8, stop=[stop])[0] == three[0][: three[0].find(stop)]
    short = client.chat.completions.create(**{**knobs, "max_tokens": 2}, seed=8)
    assert short.choices[0].finish_reason == "length"
    assert short.usage.completion_tokens == 2


def test_our_own_knobs_go_as_extra_body(client):
    asked = client.chat.completions.create(
        model="demo", messages=ASKED, extra_body={"labels": ["yes", "no"], "top_k": 1}
    )
    assert set(asked.choices[0].wb["label_scores"]) == {"yes", "no"}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"temperature": -1}, "BadRequestError", "--temperature"),
        ({"extra_body": {"temprature": 1}}, "BadRequestError", "temprature"),
        ({"tools": [{"type": "function"}]}, "BadRequestError", "tools"),
        ({"stream_options": {"include_usage": True}}, "BadRequestError", "stream: true"),
        ({"model": "/no/such/model"}, "NotFoundError", "/no/such/model"),
        ({"max_tokens": 90_000}, "BadRequestError", "90000 new"),
        (
            {"messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/x.png"}}]}]},
            "BadRequestError",
            "data URL",
        ),
    ],
)  # fmt: skip
def test_errors_arrive_as_the_clients_own_classes(client, change, error, words):
    with pytest.raises(getattr(openai, error), match=words) as caught:
        client.chat.completions.create(**{"model": "demo", "messages": ASKED, **change})
    assert caught.value.type == "invalid_request_error"
    if "max_tokens" in change:
        assert caught.value.code == "context_length_exceeded"


def test_a_wrong_name_does_not_cost_the_others_their_model(client, engine):
    client.chat.completions.create(model="demo", messages=ASKED, max_tokens=1)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="/no/such/model", messages=ASKED)
    assert engine.status()["model"]["model"] == "demo"


def test_an_error_within_a_stream_is_an_error_of_the_client(client):
    with pytest.raises(openai.APIError, match="90000 new"):
        list(
            client.chat.completions.create(
                model="demo", messages=ASKED, stream=True, max_tokens=90_000
            )
        )


def test_leaving_frees_the_place_in_the_running_batch(client, engine):
    def asked(**more):
        return client.chat.completions.create(
            model="demo", messages=ASKED, temperature=50.0, max_tokens=1900, **more
        )

    before = engine.status()["tokens"]
    stream = asked(stream=True)
    for _ in range(4):
        next(stream)
    stream.close()
    with pytest.raises(openai.APITimeoutError):
        asked(timeout=0.5)
    deadline = time.monotonic() + 20
    while (status := engine.status())["state"] == "busy":
        assert time.monotonic() < deadline, status
        time.sleep(0.02)
    assert status["tokens"] - before < 2500  # of 3800
