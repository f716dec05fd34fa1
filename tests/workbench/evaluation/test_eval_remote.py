"""An evaluation of a model elsewhere: so many at once, a failed request its sample's own."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from sessions.runs import Run
from tests.openai_server import OpenAIServer, Status
from workbench.errors import EngineError, UnknownName, UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.document import document
from workbench.evaluation.resuming import resumed_config
from workbench.evaluation.runner import evaluate
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.serving.remote import http_client


def said(body: dict) -> str:
    """An answer that depends on the prompt alone."""
    text = str(body["messages"][-1]["content"][-1])
    return f"{len(text) % 2 == 0}. It has {len(text)} letters."


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    hasty = http_client.RetryPolicy(attempts=3, first_s=0.001, longest_s=0.01)
    monkeypatch.setattr("workbench.serving.remote.client.retry_policy", lambda: hasty)
    with OpenAIServer(text=said) as server:
        yield server


def config(server: OpenAIServer, **more) -> EvalConfig:
    values = {"dataset": "demo/test", "limit": 12, "batch_size": 4}
    knobs = Decoding(max_new_tokens=8, top_logprobs=0)
    return EvalConfig(**{"decoding": knobs, **values, **more}, spec=ModelSpec(server.model))


def texts(run: Run) -> dict[str, str]:
    return {line["uid"]: line["text"] for line in run.predictions()}


def test_each_sample_has_its_line_and_the_run_says_who_answered(server):
    run = evaluate(config(server))
    assert run.state == "done" and len(texts(run)) == 12
    lines = run.predictions()
    assert all(line["fingerprint"] == "fp-1" and line["error"] is None for line in lines)
    # As the server counted them, and not in the pieces in which it sent them.
    assert {line["tokens"] for line in lines} == {5} and lines[0]["prompt_tokens"] == 11
    assert run.config["model"] == server.model
    assert run.config["identity"] == f"{server.model} /weights/a"
    assert document(run)["fingerprints"] == {"fp-1": 12}
    alone = evaluate(config(server, batch_size=1))
    assert texts(alone) == texts(run) and alone.key == run.key


def test_so_many_are_under_way_at_once_and_no_more(server):
    server.gate = threading.Barrier(4)  # opens when four have come: one after the other never would
    evaluate(config(server))
    assert server.most == 4


def test_a_failed_request_is_one_failed_sample_and_can_be_asked_again(server):
    server.script = [None, Status(400, "bad image"), Status(500), Status(500), None, "malformed"]
    run = evaluate(config(server, batch_size=1))
    assert run.state == "done"
    errors = [line["error"] for line in run.predictions() if line["error"]]
    assert len(texts(run)) == 12 and len(errors) == 2
    assert "bad image" in errors[0]["message"]
    assert document(run)["counts"]["failed"] == 2
    before = len(server.chats)
    again = evaluate(resumed_config(run, retry_failed=True), resume=run.id)
    assert len(server.chats) == before + 2
    assert document(again)["counts"]["failed"] == 0


def test_a_stopped_run_goes_on_where_it_was(server):
    run = evaluate(config(server), cancelled=lambda: len(server.chats) >= 6)
    assert run.state == "cancelled"
    had = texts(run)
    assert 0 < len(had) < 12
    whole = evaluate(config(server), resume="auto")
    assert whole.id == run.id and len(texts(whole)) == 12
    assert len(server.chats) <= 12 + 4  # those that were under way are asked again, no others
    assert had.items() <= texts(whole).items()


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_of_everything_ends_the_run_and_blames_no_sample(server, status):
    server.script = [None, None, Status(status, "not you")]
    with pytest.raises((EngineError, UnknownName), match="not you"):
        evaluate(config(server, batch_size=1))
    from sessions.runs import list_runs

    (run,) = list_runs()
    assert run.state == "failed"
    assert len(texts(run)) == 2 and not any(line["error"] for line in run.predictions())
    assert len(texts(evaluate(config(server), resume="auto"))) == 12


def test_a_server_that_goes_away_ends_the_run_before_all_samples_are_failures(server):
    server.script = [None] * 3 + [Status(503, "gone")] * 500
    with pytest.raises(EngineError, match="too many samples in a row"):
        evaluate(config(server, limit=60))
    from sessions.runs import list_runs

    (run,) = list_runs()
    assert run.state == "failed" and len(texts(run)) < 40


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"answer": "both"}, "label scores"),
        ({"decoding": Decoding(num_beams=2)}, "num-beams"),
        ({"threads": 2}, "--threads"),
    ],
)
def test_what_the_server_cannot_do_is_refused_before_it_is_asked(server, more, words):
    with pytest.raises(UsageError, match=words):
        evaluate(config(server, **more))
    assert server.chats == []


def test_a_model_that_the_server_does_not_list_is_refused_with_those_that_it_does(server):
    server.listing = {"data": [{"id": "another", "owned_by": "vllm"}]}
    with pytest.raises(UnknownName, match="no model") as caught:
        evaluate(config(server))
    assert "another" in caught.value.hint
    assert server.chats == []


def test_another_models_weights_under_the_same_name_are_another_run(server):
    first = evaluate(config(server, limit=2))
    entry = {"id": "some/vlm", "owned_by": "vllm", "root": "/weights/b"}
    server.listing = {"data": [entry]}
    assert evaluate(config(server, limit=2)).key != first.key


def test_a_run_from_elsewhere_may_not_name_a_server_that_was_never_named_here(server, tmp_path):
    from sessions.paths import home

    run = evaluate(config(server, limit=2))
    (home() / "servers.json").unlink()
    with pytest.raises(UsageError, match="never named"):
        resumed_config(run)


@pytest.mark.slow
def test_the_command_needs_no_torch(server):
    code = (
        "import sys\n"
        "sys.argv = ['wb', 'run-eval', '--dataset', 'demo/test', '--limit', '3', '--json',\n"
        f"            '--model', {server.model!r}]\n"
        "from commands.main import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print([m for m in ('torch', 'transformers') if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().endswith("[]")
    assert '"done": 3' in done.stdout
