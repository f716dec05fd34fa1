"""A model elsewhere, where elsewhere is our own engine: it answers as the engine here does."""

from __future__ import annotations

import pytest

from tests.workbench.models.tiny import ask, mixed_conversations
from tests.workbench.serving.front_server import TOKEN
from workbench.errors import EngineError, PromptTooLong, UnknownName, UsageError
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, Token
from workbench.serving.client import Engine

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.delenv("WB_OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", TOKEN)


@pytest.fixture
def engine(shared_engine):
    """The engine here: it is asked for what is here and for what is elsewhere alike."""
    yield shared_engine
    remote, shared_engine._remote = shared_engine._remote, None
    if remote is not None:
        remote.close()


@pytest.fixture
def there(url) -> ModelSpec:
    return ModelSpec(f"openai:{url}#demo")


HERE = ModelSpec("demo")


@pytest.mark.parametrize(
    "knobs",
    [
        Decoding(max_new_tokens=12),
        Decoding(temperature=2.0, seed=7, max_new_tokens=12, top_k=40, min_p=0.01),
        Decoding(temperature=1.5, seed=3, top_p=0.8, repetition_penalty=1.3, stop=("a",)),
        Decoding(max_new_tokens=6, top_logprobs=0),
        Decoding(num_beams=3, max_new_tokens=6),
    ],
    ids=["greedy", "sampled", "stop", "no alternatives", "beams"],
)
def test_every_knob_gives_the_answer_that_it_gives_here(engine, there, knobs):
    conversation = mixed_conversations()[2]
    events = list(engine.chat(conversation, there, knobs, labels=["True", "False"]))
    here = list(engine.chat(conversation, HERE, knobs, labels=["True", "False"]))[-1]
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert (answer.text, answer.finish_reason) == (here.text, here.finish_reason)
    assert answer.prompt_tokens == here.prompt_tokens
    assert [t.id for t in answer.tokens] == [t.id for t in here.tokens]
    assert answer.tokens == tuple(e for e in events if isinstance(e, Token))
    assert answer.label_scores == pytest.approx(here.label_scores, abs=1e-4)
    assert answer.new_tokens == len(here.tokens)


def test_who_answered_is_told_by_its_weights(engine, there):
    answer = list(engine.chat(ask("?"), there, Decoding(max_new_tokens=2)))[-1]
    identity = engine.status()["model"]["identity"]
    assert answer.server["fingerprint"] == f"wb-{identity[:16]}"
    facts = answer.answered_by
    assert facts["identity"] == f"{there.model} wb-{identity[:16]}"
    assert facts["engine"] == there.model.removeprefix("openai:").removesuffix("#demo")


def test_a_load_there_is_told_here(engine, there):
    engine.release_gpu()
    stages: list[str] = []
    events = engine.chat(
        ask("?"), there, Decoding(max_new_tokens=2), on_progress=lambda s, _: stages.append(s)
    )
    assert list(events)[-1].timing.load_s > 0
    assert stages[0] == "find"


def test_errors_there_are_the_errors_here(engine, there, monkeypatch):
    with pytest.raises(PromptTooLong, match="90000 new"):
        list(engine.chat(ask("?"), there, Decoding(max_new_tokens=90_000)))
    with pytest.raises(UnknownName, match="no/such"):
        wrong = ModelSpec(there.model.replace("#demo", "#/no/such"))
        list(engine.chat(ask("?"), wrong, Decoding()))
    with pytest.raises(UsageError, match="quantization"):
        list(engine.chat(ask("?"), ModelSpec(there.model, quantization="4bit"), Decoding()))
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    with Engine() as stranger, pytest.raises(EngineError, match="401"):
        list(stranger.chat(ask("?"), there, Decoding()))


@pytest.mark.slow
def test_cancelling_here_stops_the_generation_there(engine, there):
    import time

    seen: list[Token] = []
    hot = Decoding(temperature=50.0, max_new_tokens=1900)
    before = engine.status()["tokens"]
    for event in engine.chat(ask("?"), there, hot, cancelled=lambda: len(seen) >= 3):
        if isinstance(event, Answer):
            assert event.finish_reason == "cancelled" and len(event.tokens) == len(seen)
        else:
            seen.append(event)
    deadline = time.monotonic() + 20
    while (status := engine.status())["state"] == "busy":
        assert time.monotonic() < deadline, status
        time.sleep(0.02)
    assert status["tokens"] - before < 1500


def test_an_evaluation_there_says_what_one_here_says(there):
    from workbench.evaluation.config import EvalConfig
    from workbench.evaluation.runner import evaluate

    knobs = Decoding(max_new_tokens=12, top_logprobs=0)

    def lines(spec: ModelSpec, **more) -> dict[str, dict]:
        config = EvalConfig(
            *("demo/test", ""), spec, knobs, limit=4, batch_size=2, answer="both", **more
        )
        return {line["uid"]: line for line in evaluate(config).predictions()}

    remote, local = lines(there), lines(ModelSpec("demo", device="cpu"), threads=1)
    assert sorted(remote) == sorted(local) and len(local) == 4
    for uid, line in local.items():
        for name in ("text", "label", "correct", "tokens", "prompt_tokens", "finish_reason"):
            assert remote[uid][name] == line[name], (uid, name)
        assert remote[uid]["scores"] == pytest.approx(line["scores"], abs=1e-3)
