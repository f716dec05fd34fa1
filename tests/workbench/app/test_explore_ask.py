"""Asking and explaining: the prompt panel, the streamed answer, the heat that follows the token."""

from __future__ import annotations

import asyncio
import itertools
import threading

import pytest
from textual.widgets import Input

from sessions.records import PromptRecord
from sessions.session_log import current_session
from tests.workbench.app.explore_bench import SIZES, FakeEngine, bench
from workbench.app.explore.browser import Browser
from workbench.app.explore.stream import Stream
from workbench.app.widgets.text_panel import ErrorPanel, TextPanel
from workbench.errors import EngineError, PromptTooLong
from workbench.prompts.pool import get_template


def prompts() -> list[PromptRecord]:
    return [r for r in current_session().records() if isinstance(r, PromptRecord)]


@pytest.mark.parametrize("size", SIZES)
async def test_enter_asks_and_the_answer_stands_on_the_screen_and_on_record(size):
    engine = FakeEngine()
    async with bench(size, engine=engine) as b:
        await b.press("enter")
        shown = b.text()
        assert "False. It is red" in shown
        assert "‹False›" in shown and "True 0.14" in shown
        [record] = prompts()
        assert (record.uid, record.text) == ("demo/test/000000", "False. It is red")
        assert record.template == "statement/true-false"
        assert record.tokens[0]["top"][1] == ["True", -2.0]
        messages, spec, _ = engine.asked[0]
        assert spec.model == "demo"
        assert len(messages[-1].images) == 2 and "true or false" in messages[-1].text


async def test_an_answer_without_a_box_says_so_and_that_the_demo_model_gives_none():
    async with bench((80, 24), dataset="demo_boxes/test", engine=FakeEngine(("yes",))) as b:
        await b.press("enter")
        said = ("no box or point can be read from it", "demo model was not trained to answer with")
        await b.shows(*said)
        await b.press("j", "k")
        assert said[1] not in b.text()
        await b.press("h")
        await b.shows(*said)


async def test_an_earlier_answer_names_its_template_where_the_prompt_has_another():
    engine = FakeEngine()
    async with bench((80, 24), engine=engine) as b:
        panel, head = b.explore.widgets.panel, b.explore.widgets.answer
        await b.press("enter")
        first = panel.template.name
        await b.press("j", "k", "h")
        assert not head.note, "it is the template that stands in the prompt"
        b.explore.controllers.use_template(get_template("statement/yes-no"))
        await b.press("j", "k", "h")
        await b.shows("False. It is red", f"asked by template {first}")
        await b.press("p")
        await b.write("Is it red?")
        await b.press("f5", "j", "k", "h")
        assert not head.note, "free text stands in the prompt too"
        await b.press("h")
        await b.shows(f"asked by template {first}")


LONG_ANSWER = ("Well", *(f" {'word' * 12}{n}" for n in range(60)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ended", ["read", "cancelled", "failed"])
async def test_however_long_an_answer_is_what_became_of_it_stands_below_it(size, ended):
    engine = FakeEngine(LONG_ANSWER)
    if ended != "read":
        engine.gate = threading.Semaphore(len(LONG_ANSWER) - 1)
    async with bench(size, engine=engine) as b:
        await b.pilot.press("enter")
        if engine.gate is not None:
            await b.until(lambda: len(b.explore.widgets.answer.tokens) == len(LONG_ANSWER) - 1)
            engine.fails = (
                EngineError("it broke", kind="engine_died") if ended == "failed" else None
            )
            if ended == "cancelled":
                await b.pilot.press("escape")
            await b.until(lambda: not b.explore.view.asking)
            await b.press("escape")
        await b.settle()
        expected = {
            "read": ("‹Well›", "unparsed"),
            "cancelled": ("‹Well›",),
            "failed": ("the engine died", "what was said is on"),
        }
        await b.shows(*expected[ended])


async def test_tokens_appear_while_the_answer_is_on_its_way_and_escape_cancels():
    engine = FakeEngine()
    engine.gate = threading.Semaphore(2)
    async with bench(engine=engine) as b:
        await b.pilot.press("enter")
        await b.until(lambda: len(b.explore.widgets.answer.tokens) == 2)
        assert b.explore.view.asking
        await b.press("escape")
        assert not b.explore.view.asking
        [record] = prompts()
        assert (record.text, record.finish_reason) == ("False.", "cancelled")
        await b.shows("False.")


async def test_fast_tokens_are_drawn_at_most_20_times_a_second_and_none_is_lost(monkeypatch):
    drawn: list[float] = []
    take = Stream.take

    def noted(self: Stream):
        taken = take(self)
        drawn.append(self.drawn)
        return taken

    monkeypatch.setattr(Stream, "take", noted)
    engine = FakeEngine(tuple(f" {n}" for n in range(80)))
    engine.gate = threading.Semaphore(0)
    async with bench(engine=engine) as b:
        await b.pilot.press("enter")
        await b.until(lambda: engine.asked)
        for _ in engine.words[1:]:
            engine.gate.release()
            await asyncio.sleep(0.004)  # quicker than it is drawn, slower than a turn of the loop
        await b.until(lambda: len(b.explore.widgets.answer.tokens) == len(engine.words) - 1)
        assert len(drawn) > 2
        assert all(later - sooner > 0.0499 for sooner, later in itertools.pairwise(drawn))
        engine.gate.release()
        await b.settle()


async def test_moving_on_while_asking_keeps_the_answer_for_its_own_sample():
    engine = FakeEngine()
    engine.gate = threading.Semaphore(1)
    async with bench(engine=engine) as b:
        await b.pilot.press("enter")
        await b.until(lambda: b.explore.widgets.answer.tokens)
        await b.pilot.press("j")
        await b.until(lambda: b.explore.view.uid == "demo/test/000001")
        engine.gate.release(10)
        await b.settle()
        assert b.explore.widgets.answer.answer is None, "the next sample was not asked about"
        assert prompts()[0].uid == "demo/test/000000"
        await b.press("k")
        await b.shows("earlier: 1 answer")


async def test_keys_that_are_faster_than_reading_are_meant_for_the_sample_under_the_cursor(
    monkeypatch,
):
    gate, read = threading.Event(), Browser.at

    def slowly(self, ordinal):
        assert ordinal == 0 or gate.wait(60)
        return read(self, ordinal)

    monkeypatch.setattr(Browser, "at", slowly)
    engine = FakeEngine()
    async with bench(engine=engine) as b:
        await b.pilot.press("j", "enter")
        assert not b.explore.view.asking and b.explore.view.uid == "demo/test/000000"
        gate.set()
        await b.until(lambda: prompts())
        await b.settle()
        assert [r.uid for r in prompts()] == ["demo/test/000001"]
        await b.shows("False. It is red")
        gate.clear()
        copied: list[str] = []
        monkeypatch.setattr(b.explore.bench, "copy_text", lambda text, *_: copied.append(text))
        await b.pilot.press("j", "y")
        assert not copied
        gate.set()
        await b.until(lambda: copied)
        assert "demo/test/000002" in copied[0]
        gate.clear()
        await b.pilot.press("j", "b", "j")
        gate.set()
        await b.until(lambda: b.explore.view.uid == "demo/test/000004")
        await b.settle()
        assert not b.explore.view.bookmarks, (
            "what was meant for a sample that was left is forgotten"
        )


async def test_the_cursor_moves_along_the_tokens_and_shows_their_alternatives():
    async with bench(engine=FakeEngine()) as b:
        await b.press("enter")
        await b.press("right", "right")
        assert b.explore.widgets.answer.cursor == 2
        await b.shows("‹␣It›")
        await b.press("left", "left", "left")
        assert b.explore.widgets.answer.cursor == 0


async def test_an_engine_that_dies_can_be_started_again_and_nothing_is_lost(monkeypatch):
    engine = FakeEngine()
    async with bench(engine=engine) as b:
        engine.error = EngineError("it is gone", kind="engine_died")
        await b.press("enter", "escape")
        assert b.app.engine_state.phase == "died"
        fresh = FakeEngine()
        from workbench.serving.client import Engine

        monkeypatch.setattr(Engine, "connect", classmethod(lambda cls, **_: fresh))
        await b.press("f8")
        assert b.app.engine_state.phase == "ready"
        await b.press("enter")
        await b.shows("False. It is red")
        assert [bool(r.error) for r in prompts()] == [True, False]


async def test_a_bad_knob_says_so_at_once_and_the_rest_stays():
    engine = FakeEngine()
    async with bench(engine=engine) as b:
        field = b.explore.query_one("#knob-top_p", Input)
        b.explore.query_one("#knob-temperature", Input).value = "0.7"
        await b.settle()
        field.value = "3"
        await b.settle()
        await b.shows("got 3.0")
        said = b.explore.widgets.panel.knobs.problems
        assert said == {"top_p": "top-p wants a number above 0, at most 1, got 3.0"}
        assert b.explore.query_one("#knob-temperature", Input).value == "0.7"
        await b.press("enter")
        assert isinstance(b.app.screen, ErrorPanel) and not engine.asked
        await b.press("escape")
        field.value = "0.9"
        await b.settle()
        await b.press("enter")
        decoding = engine.asked[0][2]
        assert (decoding.top_p, decoding.temperature) == (0.9, 0.7)


async def test_beams_and_sampling_together_are_refused_in_words():
    async with bench(engine=FakeEngine()) as b:
        b.explore.query_one("#knob-temperature", Input).value = "1"
        b.explore.query_one("#knob-num_beams", Input).value = "4"
        await b.settle()
        await b.shows("choose one")
        assert set(b.explore.widgets.panel.knobs.problems) == {"temperature", "num_beams"}


async def test_an_edited_prompt_is_free_text_and_is_kept_over_samples():
    engine = FakeEngine()
    async with bench(engine=engine) as b:
        await b.press("p")
        await b.write("What colour is it?")
        await b.press("f5")
        assert engine.asked[0][0][-1].text == "What colour is it?"
        assert prompts()[0].template is None
        await b.press("escape", "j")
        assert b.explore.widgets.panel.text == "What colour is it?"


async def test_an_unedited_prompt_is_filled_anew_for_each_sample():
    async with bench(engine=FakeEngine()) as b:
        await b.press("j")
        assert b.explore.view.sample.texts["sentence"] in b.explore.widgets.panel.text
        assert not b.explore.widgets.panel.edited


async def test_choosing_a_template_fills_it_from_the_sample():
    async with bench(engine=FakeEngine()) as b:
        await b.press("t")
        await b.type("yes-no")
        await b.press("enter")
        template = b.explore.widgets.panel.template
        assert template is not None and "yes" in template.name
        assert b.explore.view.sample.texts["sentence"] in b.explore.widgets.panel.text


async def test_examples_stand_before_the_question_and_the_heat_is_of_its_own_images():
    engine = FakeEngine()
    async with bench(engine=engine) as b:
        b.explore.query_one("#shots", Input).value = "1"
        await b.settle()
        await b.press("enter")
        messages = engine.asked[0][0]
        assert [m.role for m in messages].count("assistant") == 2, "one example of each label"
        assert prompts()[0].shots
        await b.press("g")
        assert len(b.explore.widgets.image._heat) == 2


async def test_a_failure_shows_its_whole_text_and_can_be_copied():
    engine = FakeEngine()
    engine.error = PromptTooLong("the prompt has 5,000 tokens, 4,096 fit", hint="shorten it")
    async with bench(engine=engine) as b:
        await b.press("enter")
        await b.shows("5,000 tokens", "shorten it")
        await b.press("y")
        assert "5,000 tokens" in b.app.clipboard and "shorten it" in b.app.clipboard
        assert prompts()[0].error["kind"] == "prompt_too_long"
        await b.press("escape")
        await b.shows("failed: the prompt has")
        kept = str(b.explore.widgets.answer.query_one("#answer-text").render())
        assert kept == "failed: the prompt has 5,000 tokens, 4,096 fit\nshorten it"


async def test_what_a_model_writes_is_never_markup_nor_an_escape_sequence():
    engine = FakeEngine(("[/red]", "[link=http://x]", "\x1b[31m", "a\u202eb"))
    async with bench(engine=engine) as b:
        await b.press("enter")
        shown = b.text()
        assert "[/red][link=http://x]" in shown
        assert "\x1b" not in shown and "\u202e" not in shown


async def test_earlier_answers_come_back_with_their_tokens_and_can_be_explained():
    engine = FakeEngine()
    async with bench(engine=engine) as b:
        await b.press("enter", "j", "k")
        assert b.explore.widgets.answer.answer is None
        await b.press("h")
        await b.shows("False. It is red")
        await b.press("g")
        assert engine.explained == [0]


async def test_the_answer_in_view_is_no_earlier_one_and_h_goes_on_to_those_before_it():
    engine = FakeEngine(("First",))
    async with bench((120, 40), engine=engine) as b:

        def listed():
            return str(b.explore.widgets.history.render())

        await b.press("enter")
        await b.until(lambda: len(b.explore.controllers.earlier.answers) == 1)
        assert "First" not in listed()
        await b.press("h")
        await b.shows("no earlier answer on this sample")
        engine.words = ("Second",)
        await b.press("enter")
        await b.until(lambda: "First" in listed())
        assert "Second" not in listed() and "1 answer" in listed()
        await b.press("h")
        await b.until(lambda: "Second" in listed())
        assert "First" not in listed()  # it stands above
        await b.shows("2 of 2 on this sample")


@pytest.mark.parametrize("size", SIZES[:2])
async def test_an_answer_that_failed_is_recalled_as_failed_with_its_whole_reason(size):
    engine = FakeEngine()
    engine.error = PromptTooLong("the prompt has 5,000 tokens, 4,096 fit", hint="shorten it")
    async with bench(size, engine=engine) as b:
        await b.press("enter", "escape", "j", "k", "h")
        shown = str(b.explore.widgets.answer.query_one("#answer-text").render())
        assert shown == "failed: the prompt has 5,000 tokens, 4,096 fit\nshorten it"
        assert "failed: the prompt has 5,000 tokens" in b.text()
        engine.error = None
        b.app.engine()._engine = engine  # type: ignore[assignment]  # in place of a real one
        await b.press("enter")
        await b.until(lambda: not b.explore.view.asking)
        assert "failed" not in str(b.explore.widgets.answer.query_one("#answer-text").render())


async def test_y_copies_the_command_that_does_the_same():
    async with bench(engine=FakeEngine()) as b:
        b.explore.query_one("#knob-temperature", Input).value = "0.7"
        await b.settle()
        await b.press("y")
        assert isinstance(b.app.screen, TextPanel)
        command = b.app.clipboard
        assert command.startswith(
            "wb prompt demo/test/000000 --template statement/true-false --model demo"
        )
        assert "--temperature 0.7" in command and "--seed 0" in command
        await b.press("escape")
        await b.press("enter", "right", "g", "y")
        assert b.app.clipboard.startswith("wb gradcam demo/test/000000")
        assert "--token 1" in b.app.clipboard
        await b.press("escape", "Y")
        assert b.app.clipboard == "demo/test/000000"


async def test_knobs_and_the_look_of_the_heat_come_back_next_time():
    async with bench(engine=FakeEngine()) as b:
        b.explore.query_one("#knob-max_new_tokens", Input).value = "17"
        await b.settle()
        await b.press("right_square_bracket", "c")
        look = b.explore.widgets.image.look
        await b.pilot.press("ctrl+q")
    async with bench(engine=FakeEngine()) as b:
        assert b.explore.widgets.panel.knobs.decoding.max_new_tokens == 17
        assert b.explore.widgets.image.look == look


async def test_the_evaluation_form_starts_the_line_as_a_job():
    async with bench(engine=FakeEngine()) as b:
        started: list[list[str]] = []
        b.app.start_job = lambda argv, title, **_: started.append(argv)
        await b.press("e")
        line = b.app.screen.query_one("#line")
        assert line.value.startswith("wb run-eval --dataset demo --split test --model demo")
        assert "--limit 200" in line.value
        line.value = "rm -rf /"
        await b.press("enter")
        await b.until(lambda: "No such command" in b.text())
        assert not started
        line.value = "wb run-eval --dataset demo --split dev --limit 5"
        await b.press("enter")
        await b.until(lambda: started)
        assert started == [["run-eval", "--dataset", "demo", "--split", "dev", "--limit", "5"]]


async def test_an_evaluation_that_the_command_would_refuse_stays_in_the_form_with_the_reason():
    async with bench(SIZES[0], engine=FakeEngine()) as b:
        started: list[list[str]] = []
        b.app.start_job = lambda argv, title, **_: started.append(argv)
        await b.press("e")
        form = b.app.screen
        await b.type(" --zz 7")
        await b.press("enter")
        await b.until(lambda: started or "No such option" in b.text())
        assert not started and b.app.screen is form and "--zz" in b.text()
        await b.press(*["backspace"] * len(" --zz 7"), "enter")
        await b.until(lambda: started)
        assert started[0][0] == "run-eval" and "--zz" not in started[0]
