"""The grid of answers and two models side by side, driven by keys over a stand-in engine."""

from __future__ import annotations

import asyncio
import itertools
import threading

import pytest
from textual.widgets import Input

from sessions.records import PromptRecord
from sessions.session_log import current_session
from tests.workbench.app.explore_bench import FakeEngine, bench
from tests.workbench.app.make_records import make_adapter
from workbench.app.explore.agreement import agreement
from workbench.app.explore.answer_grid import AnswerGrid
from workbench.app.explore.grid_asker import GridAsker
from workbench.app.explore.side_by_side import SideBySide
from workbench.app.explore.sweep import SweepScreen
from workbench.app.explore.sweep_axes import form_values, grid_argv, read_form
from workbench.app.explore.sweep_form import WholeAnswer
from workbench.errors import ModelError
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec, typed_spec
from workbench.sample import Answer, Timing, Token


class Sayer(FakeEngine):
    """Says what `says(spec, decoding)` gives, word by word."""

    def __init__(self, says):
        super().__init__()
        self.says = says

    def chat(self, messages, spec, decoding, *, labels=None, cancelled=None, on_progress=None):
        self.asked.append((messages, spec, decoding))
        text = self.says(spec, decoding)
        if isinstance(text, Exception):
            raise text
        said = []
        for number, word in enumerate(text.split(" ")):
            while self.gate is not None and not self.gate.acquire(timeout=0.02):
                if cancelled():
                    break
            if cancelled():
                break
            said.append(Token(number, word if number == 0 else f" {word}", -0.01 * number))
            yield said[-1]
        reason = "cancelled" if cancelled() else "stop"
        text = "".join(token.text for token in said)
        yield Answer(text, tuple(said), reason, 99, Timing(0.0, 0.1, 0.5))


def prompts():
    return [r for r in current_session().records() if isinstance(r, PromptRecord)]


async def grid_of(opened, field, value):
    """Open the grid and type several values into one field."""
    await opened.press("w")
    screen = opened.app.screen
    assert isinstance(screen, SweepScreen)
    screen.query_one(f"#sweep-{field}").value = value
    await opened.settle()
    return screen


async def test_a_grid_is_drawn_at_most_20_times_a_second_while_it_is_answered(monkeypatch):
    drawn: list[float] = []
    drain = GridAsker._drain

    def noted(self: GridAsker):
        drain(self)
        if self.running and self._drawn not in drawn:
            drawn.append(self._drawn)

    monkeypatch.setattr(GridAsker, "_drain", noted)
    engine = Sayer(lambda spec, d: " ".join(str(n) for n in range(60)))
    engine.gate = threading.Semaphore(0)
    async with bench(engine=engine) as opened:
        await grid_of(opened, "seed", "1,2")
        await opened.pilot.press("enter")
        await opened.until(lambda: engine.asked)
        for _ in range(100):
            engine.gate.release()
            await asyncio.sleep(0.004)  # quicker than it is drawn, slower than a turn of the loop
        engine.gate.release(20)
        await opened.settle()
        assert len(drawn) > 2
        assert all(later - sooner > 0.0499 for sooner, later in itertools.pairwise(drawn))


async def test_a_grid_fills_with_an_answer_per_cell_on_a_small_terminal():
    engine = Sayer(lambda spec, d: f"True. Heat {d.temperature:g}, seed {d.seed}.")
    async with bench((80, 24), engine=engine) as opened:
        screen = await grid_of(opened, "temperature", "0, 0.7")
        screen.query_one("#sweep-seed").value = "3,5"
        await opened.shows("2 temp x 2 seed: 4 answers")
        await opened.press("enter")
        await opened.shows("4 of 4 · all 4 different", "Heat 0.7, seed 5.", "seed 3 · temp 0.7")
        assert len(engine.asked) == 4
        records = prompts()
        assert len({record.sweep for record in records}) == 1 and records[0].sweep
        assert sorted((r.cell["temperature"], r.cell["seed"]) for r in records) == [
            (0.0, 3), (0.0, 5), (0.7, 3), (0.7, 5),
        ]  # fmt: skip
        assert all(record.uid == opened.explore.view.uid for record in records)


async def test_a_cell_is_shown_whole_and_becomes_the_answer_that_heat_explains():
    engine = Sayer(lambda spec, d: f"True. Seed {d.seed}.")
    async with bench(engine=engine) as opened:
        screen = await grid_of(opened, "seed", "1,2,3")
        await opened.press("enter")
        await opened.shows("3 of 3")
        await opened.press("right", "enter")
        assert isinstance(opened.app.screen, WholeAnswer)
        await opened.shows("Enter makes it the answer in view")
        await opened.press("enter")
        explore = opened.explore
        assert opened.app.screen is explore and not screen.is_running
        await opened.shows("True. Seed 2.")
        assert explore.view.asked is not None and explore.view.asked.decoding.seed == 2
        chosen = next(r for r in prompts() if r.cell["seed"] == 2)
        assert explore.view.asked.prompt_id == chosen.id
        assert explore.view.asked.template == chosen.template
        await opened.press("g")
        await opened.until(lambda: engine.explained)
        await opened.shows("earlier: 3 answers")


async def test_esc_ends_the_asking_keeps_what_was_said_and_then_leaves():
    engine = Sayer(lambda spec, d: "True. It is so.")
    engine.gate = threading.Semaphore(3)
    async with bench(engine=engine) as opened:
        await opened.press("w")
        screen = opened.app.screen
        screen.query_one("#sweep-seed").value = "1,2"
        await opened.pilot.press("enter")
        await opened.until(lambda: sum(tile.tokens for tile in screen.grid.tiles) == 3)
        await opened.pilot.press("f")  # the bench does not wait for the engine
        await opened.until(lambda: screen.focused and screen.focused.id == "sweep-temperature")
        await opened.pilot.press("escape")
        await opened.until(lambda: not screen.asking)
        assert opened.app.screen is screen
        assert [record.finish_reason for record in prompts()] == ["cancelled"] * 2
        await opened.press("escape")
        assert opened.app.screen is opened.explore


async def test_a_cell_that_fails_says_why_and_what_differs_in_the_others_can_be_underlined():
    def says(spec, decoding):
        if decoding.seed == 9:
            return ModelError("no memory [/red]")
        return f"True. There are {decoding.seed} circles."

    async with bench((200, 60), engine=Sayer(says)) as opened:
        screen = await grid_of(opened, "seed", "1,2,9")
        await opened.press("enter")
        await opened.shows(
            "3 of 3 · both different · 1 failed", "no memory [/red]", "True. There are"
        )
        assert sorted(bool(record.error) for record in prompts()) == [False, False, True]
        await opened.press("space")
        lines = screen._compositor.render_strips()
        marked = [s.text.strip() for strip in lines for s in strip if s.style and s.style.underline]
        assert marked == ["2"]


async def test_a_wrong_field_asks_nothing_and_the_axes_of_last_time_come_back():
    engine = FakeEngine()
    async with bench(engine=engine) as opened:
        screen = await grid_of(opened, "top_p", "0.5,2")
        await opened.shows("top-p wants")
        await opened.press("enter")
        assert not engine.asked and not screen.grid.tiles
        screen.query_one("#sweep-top_p").value = "1"
        screen.query_one("#sweep-seed").value = ",".join(map(str, range(65)))
        await opened.shows("65 cells; at most 64")
        await opened.press("enter")
        assert not engine.asked
        screen.query_one("#sweep-seed").value = "0"
        screen.query_one("#sweep-temperature").value = "0,1"
        screen.query_one("#sweep-template").value = "statement/yes-no,statement/true-false"
        screen.grid.focus()
        await opened.settle()
        copied: list[str] = []
        opened.app.copy_text = lambda text, what, **_: copied.append(text)
        await opened.press("y", "escape")
        assert copied == [
            f"wb prompt {opened.explore.view.uid} --template statement/yes-no,statement/true-false "
            "--temperature 0,1 --model demo"
        ]
        await opened.press("w")
        assert opened.app.screen.query_one("#sweep-temperature").value == "0,1"
        assert opened.app.screen.query_one("#sweep-seed").value == "0"


async def test_the_keys_stand_in_the_footer_and_in_the_help():
    async with bench((200, 60), engine=FakeEngine()) as opened:
        await opened.shows("w Grid", "a Beside")
        await opened.press("w")
        opened.app.screen.query_one(AnswerGrid).focus()
        await opened.shows("u Use", "y Copy", "Space Compare", "Esc Back")
        await opened.press("question_mark")
        await opened.shows("Make it the answer in view", "Mark in all others what differs")


async def test_two_models_stand_side_by_side_with_what_differs_marked(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")  # a hub may have it: it is asked all the same

    def says(spec, decoding):
        return "False. There is one circle." if spec.model == "my/model" else "True. There is one."

    async with bench((80, 24), engine=Sayer(says)) as opened:
        await opened.press("a", *"my/model", "enter")
        screen = opened.app.screen
        assert isinstance(screen, SideBySide)
        await opened.shows("≠ they part at 1: ‹True.› · ‹False.›", "another label")
        lines = screen._compositor.render_strips()
        marked = [s.text.strip() for strip in lines for s in strip if s.style and s.style.underline]
        assert [word for word in marked if word] == ["True.", "one.", "False.", "one circle."]
        first, second = prompts()
        assert (first.model, second.model) == ("demo", "my/model")
        assert first.sweep == second.sweep and first.messages == second.messages
        await opened.press("right", "enter")
        assert opened.explore.view.asked.spec.model == "my/model"
        await opened.shows("False. There is one circle.")


async def test_an_adapter_over_the_model_in_use_is_asked_beside_it_and_the_same_text_says_so():
    engine = Sayer(lambda spec, d: "True. The same.")
    mine = str(make_adapter("mine"))
    async with bench((200, 60), engine=engine) as opened:
        await opened.press("a")
        opened.app.screen.query_one(Input).value = f"+{mine}"
        await opened.press("enter")
        await opened.shows("= the same text", "(the same)")
        assert [spec.adapter for _, spec, _ in engine.asked] == [None, mine]
        await opened.press("escape")
        assert opened.app.screen is opened.explore


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("other", {"model": "other"}),
        ("other +b", {"model": "other", "adapter": "b"}),
        ("+b", {"adapter": "b", "revision": "main"}),
        ("+", {"revision": "main"}),
        ("--quantization 4bit", {"quantization": "4bit", "adapter": "a", "revision": "main"}),
        ("+b --dtype bf16", {"adapter": "b", "dtype": "bf16", "revision": "main"}),
        ("other --revision v2 --dtype fp32", {"model": "other", "revision": "v2", "dtype": "fp32"}),
    ],
)
def test_what_is_asked_beside_is_typed_as_a_model_an_adapter_and_flags(typed, wanted):
    here = ModelSpec("own/model", adapter="a", revision="main")
    assert typed_spec(typed, here) == ModelSpec(**{"model": "own/model", **wanted})


def test_a_form_reads_axes_single_values_and_what_is_wrong():
    values = form_values(ModelSpec(), Decoding(), "statement/yes-no", 0)
    form = read_form(values | {"temperature": "0,0.5", "adapter": "none,x"})
    assert dict(form.axes) == {"adapter": (None, "x"), "temperature": (0.0, 0.5)}
    assert form.single["model"] == "demo" and form.cells == 4 and not form.problems
    wrong = values | {"template": "no/such", "seed": "1,x", "model": "", "shots": "99"}
    assert set(read_form(wrong).problems) == {"template", "seed", "model", "shots"}
    stars = read_form(values | {"template": "statement/*"})
    assert len(stars.axes["template"]) > 3
    assert "seed" in read_form(values | {"seed": "1,1"}).problems["grid"]


@pytest.mark.parametrize(
    ("texts", "said"),
    [("", ""), ("a", ""), ("aa", "both the same"), ("ab", "both different"),
     ("aaa", "all 3 the same"), ("aab", "2 answers among 3"), ("abc", "all 3 different")],
)  # fmt: skip
def test_how_far_answers_agree_is_said_in_words(texts, said):
    assert agreement(list(texts)) == said


def test_the_copied_line_has_each_flag_once_and_is_what_wb_prompt_reads():
    from commands.prompt import command
    from commands.sweeping import axes_of

    values = form_values(ModelSpec(adapter="/a/b"), Decoding(temperature=0.7, seed=4), None, 0)
    form = read_form(values | {"seed": "4,5", "model": "demo,x"})
    spec = ModelSpec(adapter="/a/b")
    argv = grid_argv("demo/test/3", form, spec, Decoding(stop=("a,b",)), "-What?", "Be brief.")
    context = command.make_context("prompt", argv[1:])
    assert context.params["what"] == ("demo/test/3", "-What?")
    assert axes_of(context.params, lambda: None) == {"model": ("demo", "x"), "seed": (4, 5)}
    assert context.params["temperature"] == 0.7 and context.params["adapter"] == "/a/b"
    assert context.params["stop"] == ("a,b",) and context.params["system"] == "Be brief."
