"""What a model elsewhere is called, what it is not asked, and who gets the key."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.openai_server import OpenAIServer, Status
from tests.workbench.models.tiny import ask
from workbench.errors import ModelError, UsageError
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.sample import Answer
from workbench.serving.remote.client import RemoteEngine
from workbench.serving.remote.http_client import RetryPolicy

HASTY = RetryPolicy(attempts=2, first_s=0.001, longest_s=0.01, silence_s=20.0)
KEY = "sk-a-secret-of-the-tests"
SAID = "It is a red circle."


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.delenv("WB_OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def server():
    with OpenAIServer(text=lambda body: SAID) as server:
        yield server


@pytest.fixture
def engine():
    with RemoteEngine(patience_=HASTY) as engine:
        yield engine


def whole(engine, server) -> Answer:
    return list(engine.chat(ask("What is it?"), ModelSpec(server.model), Decoding()))[-1]


# -- the key -------------------------------------------------------------------------------------


def test_the_key_is_one_header_and_stands_in_no_error(server, engine, capfd):
    server.script = [Status(400, f"no key {KEY} here"), Status(500, KEY), "error"]
    for _ in range(2):
        with pytest.raises(ModelError) as caught:
            whole(engine, server)
        assert KEY not in caught.value.message + caught.value.hint + repr(caught.value.args)
    for _path, headers, body in server.requests:
        assert {k: v for k, v in headers.items() if KEY in v} == {"authorization": f"Bearer {KEY}"}
        assert KEY not in json.dumps(body)
    assert KEY not in "".join(capfd.readouterr())


def test_a_key_of_our_own_name_is_sent_in_place_of_openais(server, engine, monkeypatch):
    monkeypatch.setenv("WB_OPENAI_API_KEY", "")
    whole(engine, server)
    assert not any("authorization" in headers for _, headers, _ in server.requests)
    monkeypatch.setenv("WB_OPENAI_API_KEY", "of-the-lab")
    with RemoteEngine(patience_=HASTY) as other:
        whole(other, server)
    assert server.requests[-1][1]["authorization"] == "Bearer of-the-lab"
    monkeypatch.setenv("WB_OPENAI_API_KEY", "two\nlines")
    with RemoteEngine() as other, pytest.raises(UsageError) as caught:
        whole(other, server)
    assert "two" not in caught.value.message


# -- the name ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "settled"),
    [
        ("openai:http://127.0.0.1:8000#a/b", "openai:http://127.0.0.1:8000/v1#a/b"),
        ("openai:https://LAB.example:443/#q", "openai:https://lab.example/v1#q"),
        ("openai:http://h:80/api/v2/#q", "openai:http://h/api/v2#q"),
        ("openai:http://[::1]:8000/v1/chat/completions#q#2", "openai:http://[::1]:8000/v1#q#2"),
    ],
)
def test_a_name_is_spelled_one_way(given, settled):
    from workbench.serving.protocol import absolute

    assert absolute(ModelSpec(given)).model == settled
    assert absolute(ModelSpec(settled)).model == settled


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("openai:", "URL"),
        ("openai:lab:8000#q", "URL"),
        ("openai:ftp://lab#q", "URL"),
        ("openai:http://lab:8000", "which of its models"),
        ("openai:http://lab:99999#q", "Port"),
        ("openai:https://me:hunter2@lab#q", "password"),
        ("openai:https://lab/v1?key=hunter2#q", "query"),
    ],
)
def test_a_name_that_cannot_be_meant_is_refused_and_no_secret_repeated(given, words):
    from workbench.models.remote_model import read_remote

    with pytest.raises(UsageError, match=words) as caught:
        read_remote(given)
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "more", [{"adapter": "x"}, {"quantization": "4bit"}, {"dtype": "bf16"}, {"revision": "main"}]
)
def test_how_a_model_is_held_is_its_servers_affair(more):
    from workbench.serving.protocol import absolute

    with pytest.raises(UsageError, match=f"--{next(iter(more))}"):
        absolute(ModelSpec("openai:http://lab#q", **more))


def test_what_wants_weights_is_refused(server):
    from workbench.models.locate import find_model
    from workbench.serving.client import Engine

    spec = ModelSpec(server.model)
    with Engine.connect(specs=[spec]) as engine:
        assert engine.pid == 0  # no process was started for it
        for refused in (
            lambda: engine.explain(ask("?"), "Yes.", spec),
            lambda: engine.load(spec),
            lambda: find_model(server.model),
        ):
            with pytest.raises(ModelError, match="weights") as caught:
                refused()
            assert caught.value.kind == "elsewhere"
    assert server.requests == []


def test_a_record_may_not_send_prompts_to_a_server_that_was_never_named_here(server):
    from sessions.records import PromptRecord
    from workbench.playground.replay import replay
    from workbench.serving.client import Engine
    from workbench.serving.remote.known_servers import remember

    turn = {"role": "user", "content": [{"type": "text", "text": "?"}]}
    record = PromptRecord(model=server.model, messages=(turn,), text=SAID)
    with Engine() as engine:
        refused = replay(engine, record)
        assert refused.error is not None and refused.error.kind == "unknown_server"
        assert server.url.removesuffix("/v1") in refused.error.message
        assert server.requests == []
        remember(server.model)
        assert replay(engine, record).same


def test_the_key_going_out_in_the_clear_is_warned_of(monkeypatch):
    from workbench.serving.remote.known_servers import warning

    assert "unencrypted" in warning("openai:http://lab.example#q")
    for quiet in ("demo", "openai:https://lab.example#q", "openai:http://127.0.0.1:1#q"):
        assert warning(quiet) == ""
    monkeypatch.delenv("OPENAI_API_KEY")
    assert warning("openai:http://lab.example#q") == ""


def test_asking_elsewhere_imports_neither_torch_nor_the_official_client(server):
    code = (
        "import sys, json\n"
        "from workbench.serving.client import Engine\n"
        "from workbench.inference.decoding import Decoding\n"
        "from workbench.models.spec import ModelSpec\n"
        "from workbench.sample import Message\n"
        "before = 'httpx' in sys.modules\n"
        f"spec = ModelSpec({server.model!r})\n"
        "with Engine.connect(specs=[spec]) as engine:\n"
        "    said = list(engine.chat((Message('user', ('?',)),), spec, Decoding()))[-1].text\n"
        "heavy = [m for m in ('torch', 'transformers', 'openai', 'datasets') if m in sys.modules]\n"
        "print(json.dumps([before, said, heavy]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert json.loads(done.stdout) == [False, SAID, []]
