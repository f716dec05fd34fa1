"""An engine that is killed while it answers: what it had said is on record, for whoever asked."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

from sessions.exporting import to_markdown
from sessions.records import PromptRecord
from sessions.session_log import current_session
from tests.workbench.app.explore_bench import bench
from workbench.app.widgets.footer import key_that_restarts
from workbench.app.widgets.header import BenchHeader
from workbench.config import set_setting
from workbench.data.source import get_sample
from workbench.errors import EngineError
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.notebook import answers
from workbench.playground.ask import ask
from workbench.playground.question import Question, question_of
from workbench.playground.replay import replay
from workbench.prompts.pool import default_template
from workbench.sample import Token
from workbench.serving.client import Engine

pytestmark = pytest.mark.slow

LONG = Decoding(temperature=90.0, max_new_tokens=1900, seed=5, top_logprobs=1)  # it goes on and on
DEMO = ModelSpec("demo", device="cpu")


def long_question() -> Question:
    sample = get_sample("demo/test/000000")
    return question_of(
        sample, spec=DEMO, decoding=LONG, template=default_template(sample.task, sample)
    )


def recorded() -> PromptRecord:
    """The one record of the session, read back; it holds the start of an answer."""
    [record] = [r for r in current_session().records() if isinstance(r, PromptRecord)]
    assert record.finish_reason == "error" and record.error is not None
    assert record.error["kind"] == "engine_died"
    assert 0 < len(record.tokens) < LONG.max_new_tokens
    assert record.text and record.text == "".join(t["text"] for t in record.tokens)
    assert record.label is None and record.timing["total_s"] > 0
    assert record.cut_short and record.answered
    return record


def test_what_was_said_is_on_record_and_a_replay_goes_as_far(engine):
    list(engine.chat(long_question().messages, DEMO, Decoding(max_new_tokens=1)))
    said: list[Token] = []
    yielded: list[PromptRecord] = []
    with pytest.raises(EngineError):
        for event in ask(engine, long_question(), log=current_session()):
            if isinstance(event, Token):
                if not said:
                    os.kill(engine.pid, signal.SIGKILL)
                said.append(event)
            elif isinstance(event, PromptRecord):
                yielded.append(event)
    record = recorded()
    assert yielded == [record]
    assert [t["id"] for t in record.tokens] == [t.id for t in said]
    assert f"[failed: {record.failure}]" in to_markdown("x", [record])

    # The same words for as long as it goes, and no more than the test has time for.
    bound = {**record.decoding, "max_new_tokens": len(record.tokens) + 20}
    with Engine.connect(wait_s=60, idle_minutes=5) as fresh:
        engine.pids.add(fresh.pid)
        again = replay(fresh, replace(record, decoding=bound))
    assert again.error is None and again.new is not None
    assert len(again.new.tokens) > len(record.tokens)
    assert again.same and again.difference is None and not again.label_changed


def test_a_failure_before_the_first_word_leaves_no_answer(engine):
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineError):
        list(ask(engine, long_question(), log=current_session()))
    [record] = current_session().records()
    assert isinstance(record, PromptRecord)
    assert record.error and record.finish_reason is None and not record.answered
    assert record.said == f"failed: {record.failure}"


def test_a_cell_of_a_notebook_keeps_what_was_said(engine, monkeypatch):
    drawn: list[str] = []

    class Live:
        def __init__(self, wanted: bool) -> None:
            pass

        def draw(self, make, *, now: bool = False) -> None:
            if not drawn and not now:  # it loads: the first token is drawn at once
                return
            if not drawn:
                os.kill(engine.pid, signal.SIGKILL)
            drawn.append(make())

        def clear(self) -> None:
            drawn.append("")

    monkeypatch.setattr(answers, "Live", Live)
    with pytest.raises(EngineError):
        answers.say(long_question(), current_session())
    recorded()
    assert "it broke off" in drawn[-1] and "on record" in drawn[-1]


async def test_the_bench_keeps_it_and_names_the_key_that_starts_the_engine_again(
    engine, monkeypatch
):
    chat = Engine.chat

    def killed_at_the_first_token(self, *args, **kwargs):
        # Where tokens come in: the screen may be drawn after the last of them.
        alive = True
        for event in chat(self, *args, **kwargs):
            yield event
            if alive and isinstance(event, Token):
                os.kill(engine.pid, signal.SIGKILL)
                alive = False

    monkeypatch.setattr(Engine, "chat", killed_at_the_first_token)
    set_setting("keymap.app.engine", "f7")
    async with bench((160, 44), knobs=LONG.to_json()) as b:
        await b.pilot.press("enter")
        await b.until(
            lambda: b.explore.widgets.answer.tokens and not b.explore.view.asking, timeout=120
        )
        await b.settle()
        await b.press("escape")
        assert key_that_restarts(b.explore.query_one(BenchHeader)) == "F7"
        await b.shows("the engine died", "what was said is on record", "F7 starts it again")
        record = recorded()
        assert [earlier.record for earlier in b.explore.controllers.earlier.answers] == [record]
        await b.press("j", "k", "h")  # while it is in view it is not among the earlier ones
        await b.shows("failed: ")
