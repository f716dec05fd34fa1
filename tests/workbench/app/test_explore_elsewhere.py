"""The bench asks a model elsewhere: typed, asked, cancelled; no engine is started for it."""

from __future__ import annotations

import pytest

from sessions.records import PromptRecord
from sessions.session_log import current_session
from tests.openai_server import OpenAIServer
from tests.workbench.app.explore_bench import bench
from workbench.serving import process

KEYS = {":": "colon", "/": "slash", ".": "full_stop", "#": "number_sign"}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with OpenAIServer(text=lambda body: "True. It is so.") as server:
        yield server


def prompts() -> list[PromptRecord]:
    return [r for r in current_session().records() if isinstance(r, PromptRecord)]


async def test_a_model_elsewhere_is_typed_asked_and_has_no_heat(server):
    async with bench((120, 40)) as b:
        await b.press("m")
        await b.press(*(KEYS.get(letter, letter) for letter in server.model), "enter")
        assert b.app.spec.model == server.model
        assert b.app.model_label == f"vlm@127.0.0.1:{server.url.split(':')[2].split('/')[0]}"
        await b.press("enter")
        await b.shows("True. It is so.")
        [record] = prompts()
        assert (record.engine, record.device) == (server.url, "elsewhere")
        assert record.tokens[0]["top"][0] == ["True.", -0.5]
        assert b.app.engine_state.phase == "ready"
        await b.press("g")
        await b.shows("wants the model's weights here")
    assert not process.is_running()


async def test_escape_ends_the_waiting_for_a_server_that_says_nothing(server):
    server.script = ["hang"]
    async with bench((120, 40)) as b:
        await b.press("m")
        await b.press(*(KEYS.get(letter, letter) for letter in server.model), "enter")
        await b.pilot.press("enter")
        await b.until(lambda: server.chats)
        await b.press("escape")
        assert not b.explore.view.asking
        [record] = prompts()
        assert (record.text, record.finish_reason) == ("", "cancelled")
