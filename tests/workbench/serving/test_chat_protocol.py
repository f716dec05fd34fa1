"""The chat completions as they go over the socket: OpenAI's form, its refusals, its bounds."""

from __future__ import annotations

import base64
import json

import pytest

from tests.workbench.models.tiny import picture
from workbench.models.spec import ModelSpec
from workbench.serving.protocol import MAX_BODY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spec(tiny_folder) -> ModelSpec:
    return ModelSpec(str(tiny_folder), device="cpu")


@pytest.fixture
def http(shared_engine):
    return shared_engine._client()


def body(spec, content, **more) -> dict:
    return {
        "model": spec.model,
        "device": "cpu",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 5,
        **more,
    }


@pytest.mark.slow
def test_openai_form_of_a_whole_answer(http, spec):
    url = "data:image/png;base64," + base64.b64encode(picture().read()).decode()
    content = [
        {"type": "text", "text": "one"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    wanted = body(spec, content, logprobs=True, top_logprobs=2, n=2, temperature=1.5, seed=3)
    out = http.post("/v1/chat/completions", json=wanted).json()
    assert out["object"] == "chat.completion"
    first, second = out["choices"]
    assert (first["index"], second["index"]) == (0, 1)
    assert first["message"]["role"] == "assistant"
    assert first["message"]["content"] != second["message"]["content"]
    assert first["finish_reason"] == "length"
    entries = first["logprobs"]["content"]
    assert len(entries) == 5 and len(entries[0]["top_logprobs"]) == 2
    assert set(entries[0]) >= {"token", "logprob", "bytes", "top_logprobs"}
    assert out["usage"]["completion_tokens"] == 10
    # The second choice is what the next seed gives.
    alone = http.post("/v1/chat/completions", json=wanted | {"seed": 4, "n": 1}).json()
    assert alone["choices"][0]["message"]["content"] == second["message"]["content"]


def test_openai_form_of_a_stream(http, spec):
    wanted = body(spec, "one", stream=True, stream_options={"include_usage": True})
    with http.stream("POST", "/v1/chat/completions", json=wanted) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line[6:]) for line in lines[:-1]]
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    plain = http.post("/v1/chat/completions", json=body(spec, "one")).json()
    assert text == plain["choices"][0]["message"]["content"]
    assert chunks[-1]["usage"]["completion_tokens"] == 5


def test_a_stop_string_never_shows_in_the_stream(http, spec):
    knobs = {"temperature": 1.5, "seed": 2, "max_tokens": 30}
    free = http.post("/v1/chat/completions", json=body(spec, "no", **knobs)).json()
    text = free["choices"][0]["message"]["content"]
    stop = text[8:11]
    wanted = body(spec, "no", stream=True, stop=stop, **knobs)
    with http.stream("POST", "/v1/chat/completions", json=wanted) as response:
        chunks = [json.loads(x[6:]) for x in response.iter_lines() if x.startswith("data: {")]
    said = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks)
    assert said == text[: text.find(stop)]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"temprature": 1}, 400, "temprature"),
        ({"temperature": -1}, 400, "--temperature"),
        ({"temperature": "hot"}, 400, "--temperature"),
        ({"top_k": 2.5}, 400, "--top-k"),
        ({"seed": True}, 400, "--seed"),
        ({"stop": [1]}, 400, "--stop"),
        ({"max_tokens": "long"}, 400, "--max-new-tokens"),
        ({"labels": "yes"}, 400, "labels"),
        ({"num_beams": 2, "temperature": 1}, 400, "choose one"),
        ({"n": 99}, 400, "n wants"),
        ({"frequency_penalty": 0.5}, 400, "frequency_penalty"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, 400, "wizard"),
        ({"messages": [{"role": "user", "content": [{"type": "audio"}]}]}, 400, "audio"),
        ({"model": "/no/such/folder"}, 404, "/no/such/folder"),
        ({"max_tokens": 5000}, 400, "1024"),
    ],
)
def test_refusals_have_openais_form_and_name_what_was_wrong(http, spec, change, status, words):
    response = http.post("/v1/chat/completions", json=body(spec, "one") | change)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert words in error["message"]
    assert {"message", "type", "param", "code"} <= set(error)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x.png", "file:///etc/passwd", "/etc/passwd"])
def test_no_image_is_fetched_and_no_file_is_read_for_a_request(http, spec, url):
    content = [{"type": "image_url", "image_url": {"url": url}}]
    response = http.post("/v1/chat/completions", json=body(spec, content))
    assert response.status_code == 400
    assert "data URL" in response.json()["error"]["message"]


async def test_a_body_that_says_it_is_too_large_is_refused_unread():
    from starlette.requests import Request

    from workbench.serving.request_handler import TooLarge, read_body, status_of

    async def receive():
        raise AssertionError("read")

    headers = [(b"content-length", str(MAX_BODY + 1).encode())]
    with pytest.raises(TooLarge) as caught:
        await read_body(Request({"type": "http", "headers": headers}, receive))
    assert status_of(caught.value) == 413


async def test_a_body_that_does_not_say_its_length_is_read_no_further_than_the_bound(monkeypatch):
    from starlette.requests import Request

    from workbench.serving import request_handler

    monkeypatch.setattr(request_handler, "MAX_BODY", 1000)
    blocks = 0

    async def receive():
        nonlocal blocks
        blocks += 1
        return {"type": "http.request", "body": b" " * 300, "more_body": True}

    with pytest.raises(request_handler.TooLarge):
        await request_handler.read_body(Request({"type": "http", "headers": []}, receive))
    assert blocks == 4
