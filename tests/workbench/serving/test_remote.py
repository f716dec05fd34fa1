"""Models elsewhere: a server that is well, one that is ill, and what none of them may do."""

from __future__ import annotations

import base64
import io
import threading
from email.utils import format_datetime

import pytest
from PIL import Image

from tests.openai_server import NAME, OpenAIServer, Status
from tests.workbench.models.tiny import ask, picture
from workbench.errors import (
    EngineError,
    ImageError,
    ModelError,
    PromptTooLong,
    UnknownName,
    UsageError,
)
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, ImageRef, Message, Token
from workbench.serving.remote.client import RemoteEngine
from workbench.serving.remote.http_client import RetryPolicy

HASTY = RetryPolicy(attempts=4, first_s=0.001, longest_s=0.01, silence_s=20.0)
SAID = "It is a red circle."


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    for name in ("OPENAI_API_KEY", "WB_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with OpenAIServer(text=lambda body: SAID) as server:
        yield server


@pytest.fixture
def engine():
    with RemoteEngine(patience_=HASTY) as engine:
        yield engine


def whole(engine, server, knobs=Decoding(), messages=None, **more) -> Answer:
    asked = messages or ask("What is it?")
    return list(engine.chat(asked, ModelSpec(server.model), knobs, **more))[-1]


# -- a server that is well -----------------------------------------------------------------------


def test_tokens_come_as_they_are_said_and_then_the_whole_answer(server, engine):
    events = list(engine.chat(ask("What?"), ModelSpec(server.model), Decoding(top_logprobs=2)))
    tokens, answer = events[:-1], events[-1]
    assert [t.text for t in tokens] == ["It", " is", " a", " red", " circle."]
    assert all(t.logprob == -0.5 and len(t.top) == 2 for t in tokens)
    assert isinstance(answer, Answer)
    assert (answer.text, answer.finish_reason, answer.prompt_tokens) == (SAID, "stop", 11)
    assert answer.tokens == tuple(tokens) and answer.new_tokens == 5
    assert answer.server == {"kind": "vllm", "model": NAME, "fingerprint": "fp-1"}


def test_without_logprobs_asked_for_none_are(server, engine):
    answer = whole(engine, server, Decoding(top_logprobs=0))
    assert "logprobs" not in server.chats[0]
    assert "".join(t.text for t in answer.tokens) == SAID
    assert {(t.id, t.logprob) for t in answer.tokens} == {(-1, None)}


def test_every_knob_is_sent_and_one_that_is_off_is_said_to_be_off(server, engine):
    knobs = Decoding(temperature=0.7, top_p=0.9, seed=5, max_new_tokens=9, stop=("x", "y"))
    whole(engine, server, knobs)
    body = server.chats[0]
    assert body["model"] == NAME
    wanted = {"temperature": 0.7, "top_p": 0.9, "seed": 5, "max_tokens": 9, "stop": ["x", "y"]}
    assert wanted.items() <= body.items()
    # vLLM would take those of the model's generation_config.json in their place.
    assert (body["top_k"], body["min_p"], body["repetition_penalty"]) == (-1, 0.0, 1.0)
    whole(engine, server, Decoding(top_k=7, min_p=0.1, repetition_penalty=1.2, temperature=1))
    body = server.chats[1]
    assert (body["top_k"], body["min_p"], body["repetition_penalty"]) == (7, 0.1, 1.2)


@pytest.mark.parametrize("knob", ["top_k", "min_p", "repetition_penalty", "num_beams"])
def test_a_knob_that_a_server_is_not_known_to_have_is_refused_by_name(engine, knob):
    value = {"min_p": 0.2, "repetition_penalty": 1.5}.get(knob, 3)
    with OpenAIServer(owner="somebody") as server:
        with pytest.raises(UsageError, match=knob.replace("_", "-")):
            whole(engine, server, Decoding(**{knob: value}))
        assert server.chats == []
        whole(engine, server)  # what it has in common with all servers is asked
        assert not {"top_k", "min_p", "repetition_penalty"} & set(server.chats[0])


def test_llama_cpp_is_told_in_its_own_words(engine):
    with OpenAIServer(owner="llamacpp") as server:
        whole(engine, server, Decoding(repetition_penalty=1.3, temperature=1))
        assert server.chats[0]["repeat_penalty"] == 1.3
        assert "repetition_penalty" not in server.chats[0]


def test_label_scores_are_refused_where_the_protocol_has_none(server, engine):
    with pytest.raises(UsageError, match="label scores"):
        whole(engine, server, labels=["yes", "no"])
    assert server.chats == []


def test_a_server_without_a_list_of_models_is_asked_all_the_same(server, engine):
    server.listing = Status(404)
    assert whole(engine, server).text == SAID


def test_images_go_as_they_are_or_upright_as_png(server, engine):
    def encoded(kind: str, mode: str = "RGB", turned: bool = False) -> ImageRef:
        out = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6 if turned else 1
        Image.new(mode, (8, 4), 1).save(out, kind, **({"exif": exif} if kind == "JPEG" else {}))
        return ImageRef(data=out.getvalue())

    png, jpeg = encoded("PNG"), encoded("JPEG")
    others = [
        encoded("JPEG", turned=True),
        encoded("BMP"),
        encoded("GIF", "P"),
        encoded("PNG", "P"),
    ]
    whole(engine, server, messages=(Message("user", (png, jpeg, *others, "What?")),))
    sent = [p["image_url"]["url"] for p in server.chats[0]["messages"][0]["content"][:-1]]
    bytes_of = [base64.b64decode(url.partition(",")[2]) for url in sent]
    assert bytes_of[:2] == [png.data, jpeg.data]
    assert [url.partition(";")[0] for url in sent] == ["data:image/png", "data:image/jpeg"] + [
        "data:image/png"
    ] * 4
    assert Image.open(io.BytesIO(bytes_of[2])).size == (4, 8)  # turned as its EXIF says
    with pytest.raises(ImageError):
        whole(engine, server, messages=ask("?", ImageRef(data=b"root:x:0:0")))
    assert len(server.chats) == 1


def test_a_turn_of_text_alone_is_one_string(server, engine):
    turns = (Message("system", ("Be brief.",)), *ask("What?", picture()))
    whole(engine, server, messages=turns)
    sent = server.chats[0]["messages"]
    assert sent[0] == {"role": "system", "content": "Be brief."}
    assert [part["type"] for part in sent[1]["content"]].count("image_url") == 1


def test_cancelling_keeps_what_was_said_and_closes_the_connection(server, engine):
    server.text = lambda body: " ".join(["word"] * 5)
    seen: list[Token] = []
    stop = threading.Event()
    for event in engine.chat(ask("?"), ModelSpec(server.model), Decoding(), cancelled=stop):
        if isinstance(event, Answer):
            assert event.finish_reason == "cancelled"
            assert event.tokens == tuple(seen)
        else:
            seen.append(event)
            stop.set()
    assert len(seen) == 1


def test_cancelling_while_nothing_comes_does_not_wait_for_it(server, engine):
    server.script = ["hang"]
    asked = threading.Event()

    def cancelled() -> bool:
        if server.now:
            asked.set()
        return asked.is_set()

    answer = whole(engine, server, cancelled=cancelled)
    assert (answer.text, answer.finish_reason) == ("", "cancelled")
    assert server.left.wait(20)  # which frees the place at the other end


# -- a server that is ill ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        [Status(429, retry_after="0")],
        [Status(500), Status(500)],
        [Status(503), Status(502), Status(504)],
        ["break"],
        ["half"],
        [Status(408), "break", Status(429)],
    ],
    ids=str,
)
def test_what_waiting_may_mend_is_waited_for(server, engine, script):
    server.script = list(script)
    answer = engine.answer(ask("?"), ModelSpec(server.model), Decoding())
    assert answer.text == SAID
    assert "".join(t.text for t in answer.tokens) == SAID  # nothing of a broken stream is left
    assert len(server.chats) == len(script) + 1


def test_who_waits_is_told_why(server, engine):
    server.script = [Status(429, retry_after="0.01")]
    said: list[str] = []
    whole(engine, server, on_progress=lambda stage, share: said.append(stage))
    assert said == ["429: again in 0 s"]


def test_a_server_that_stays_ill_is_given_up_with_what_it_said(server, engine):
    server.script = [Status(500, "the GPU is on fire")] * 9
    with pytest.raises(ModelError, match=r"500: the GPU is on fire \(4 attempts\)"):
        whole(engine, server)
    assert len(server.chats) == HASTY.attempts


def test_a_stream_that_somebody_has_seen_is_not_begun_again(server, engine):
    server.script = ["break"]
    events = engine.chat(ask("?"), ModelSpec(server.model), Decoding())
    assert isinstance(next(events), Token)
    with pytest.raises(EngineError, match="broke off"):
        list(events)
    assert len(server.chats) == 1


def test_a_server_that_is_silent_is_not_waited_for_for_ever(server):
    server.script = ["hang"] * 9
    brief = RetryPolicy(attempts=2, first_s=0.001, silence_s=0.2)
    silent = pytest.raises(EngineError, match=r"silent for 0.2 s \(2 attempts\)")
    with RemoteEngine(patience_=brief) as engine, silent:
        whole(engine, server)


def test_a_server_that_is_not_there_is_named(engine):
    with pytest.raises(EngineError, match="cannot be reached") as caught:
        list(engine.chat(ask("?"), ModelSpec("openai:http://127.0.0.1:9#x"), Decoding()))
    assert caught.value.kind == "remote_unreachable"


def test_how_long_is_waited():
    patience = RetryPolicy(first_s=1.0, longest_s=8.0)
    for attempt, high in enumerate([1, 2, 4, 8, 8, 8]):
        assert all(high / 2 <= patience.wait_s(attempt, None) <= high for _ in range(50))
    assert len({patience.wait_s(0, None) for _ in range(20)}) > 1  # not all clients at once
    assert patience.wait_s(0, 20.0) == 20.0  # as the server says, and never sooner


def test_retry_after_is_read_as_seconds_or_as_a_date():
    from datetime import UTC, datetime, timedelta

    from workbench.serving.remote.errors import _retry_after

    assert _retry_after({"retry-after": "7"}) == 7.0
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < (_retry_after({"retry-after": later}) or 0) <= 100
    assert _retry_after({"retry-after": "soon"}) is None
    assert _retry_after({"retry-after": "-5"}) == 0.0


def test_a_retry_after_beyond_all_patience_is_a_failure_at_once(server, engine):
    server.script = [Status(429, "slow down", retry_after="86400")]
    with pytest.raises(EngineError, match="86400"):
        whole(engine, server)
    assert len(server.chats) == 1


@pytest.mark.parametrize(
    ("deed", "error", "words"),
    [
        ("malformed", ModelError, "oops"),
        ("page", ModelError, "text/html"),
        ("error", ModelError, "out of cheese"),
        (Status(400, "bad image"), ModelError, "bad image"),
        (Status(400, "maximum context length is 9"), PromptTooLong, "maximum"),
        (Status(404, "no such model"), UnknownName, "no such model"),
        (Status(401, "who are you"), EngineError, "who are you"),
        (Status(403), EngineError, "403"),
        (Status(307, location="http://127.0.0.1:9/v1"), EngineError, "redirects"),
    ],
    ids=str,
)
def test_what_waiting_does_not_mend_is_said_at_once(server, engine, deed, error, words):
    server.script = [deed]
    with pytest.raises(error, match=words) as caught:
        engine.answer(ask("?"), ModelSpec(server.model), Decoding())
    assert type(caught.value) is error
    assert server.url in caught.value.message and caught.value.hint
    assert len(server.chats) == 1


def test_a_redirect_is_never_followed(engine):
    with OpenAIServer() as other, OpenAIServer() as server:
        server.listing = Status(302, location=f"{other.url}/models")
        with pytest.raises(EngineError, match="redirects"):
            whole(engine, server)
        assert other.requests == []


@pytest.mark.parametrize("logprobs", [0, 2])
def test_an_answer_that_goes_on_past_what_was_asked_for_is_ended_with_its_reason(server, logprobs):
    server.script = ["on_and_on"]
    knobs = Decoding(max_new_tokens=8, top_logprobs=logprobs)
    with RemoteEngine(patience_=HASTY) as engine:
        with pytest.raises(ModelError, match="past max_tokens: 8 were asked for") as caught:
            whole(engine, server, knobs)
        assert caught.value.kind == "remote_overlong" and server.url in caught.value.message
        assert server.left.wait(20)  # the connection was closed
    assert len(server.chats) == 1


def test_a_line_without_an_end_is_ended_with_its_reason(server, engine, monkeypatch):
    monkeypatch.setattr("workbench.serving.remote.stream.LONGEST_LINE", 1_000_000)
    server.script = ["long_line"]
    with pytest.raises(ModelError, match="a line of more than 1,000,000 bytes"):
        whole(engine, server)
    assert server.left.wait(20)


def test_an_answer_of_too_many_bytes_is_ended_with_its_reason(server, engine, monkeypatch):
    monkeypatch.setattr("workbench.serving.remote.stream.LONGEST_STREAM", 100_000)
    server.script = ["on_and_on"]
    with pytest.raises(ModelError, match="an answer of more than 100,000 bytes"):
        whole(engine, server, Decoding(max_new_tokens=100_000))
    assert server.left.wait(20)


@pytest.mark.parametrize("deed", ["heartbeats", "drip"])
def test_signs_of_life_are_no_answer_for_ever(server, deed):
    server.script = [deed]
    with RemoteEngine(patience_=RetryPolicy(attempts=1, silence_s=20.0, stall_s=0.3)) as engine:
        with pytest.raises(EngineError, match=r"signs of life for 0\.3 s") as caught:
            whole(engine, server)
        assert caught.value.kind == "remote_silent"
        assert server.left.wait(20)
    assert len(server.chats) == 1


def test_a_compressed_stream_that_nobody_asked_for_is_not_opened(server, engine):
    server.script = ["packed"]
    with pytest.raises(ModelError, match="compressed as 'gzip, gzip'"):
        whole(engine, server)
    assert server.requests[-1][1]["accept-encoding"] == "identity"
