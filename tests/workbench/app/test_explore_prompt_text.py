"""The prompt panel asks what the template renders of the sample in view, until the user types."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from PIL import Image
from textual.app import App, ComposeResult
from textual.widgets import Button, Input

from sessions.records import PromptRecord
from sessions.session_log import SessionLog, current_session
from tests.workbench.app.explore_bench import SIZES, FakeEngine, bench
from workbench.app.explore.filled import FilledInput, PromptText
from workbench.app.explore.prompt_panel import PromptPanel
from workbench.data.adding import add_dataset
from workbench.prompts.pool import get_template, user_folder

# Where some reader of text ends a line, sees a blank, or draws nothing.
ODD = [
    *("\n", "\r", "\r\n", "\n\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85"),
    *("\u2028", "\u2029", "\t", "  ", "\xa0", "\u200b", "\u3000", "\ufeff", "\u200f", "\x1b[1m"),
]
SYSTEM = "statement/system"


def mixed(rng: random.Random) -> str:
    """Oddities and words in any order, also at the ends."""
    return "".join(rng.choices([*ODD, "red", "Grün", "红", "🟥", "{question}", "[b]"], k=12))


def odd_texts() -> list[str]:
    """Every oddity in one of the texts; the first ones as in the field, then mixtures."""
    rng = random.Random(0)
    alone = ["two\u2028lines?", "two\x85lines?", "\x0bis\r\nit\rred?\n"]
    spread = ["x" + "red".join(ODD[at : at + 4]) + "y" for at in range(0, len(ODD), 4)]
    return ["plain?", *alone, *spread, *("x" + mixed(rng) for _ in range(2)), "plain again?"]


@pytest.fixture
def odd_data(tmp_path: Path) -> list[str]:
    """The dataset `odd` is added; returns its questions."""
    texts = odd_texts()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    rows = [
        {"id": f"c{n}", "question": text, "answer": "yes", "image": "a.png"}
        for n, text in enumerate(texts)
    ]
    lines = [json.dumps(row, ensure_ascii=n % 2 == 0) for n, row in enumerate(rows)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + "\n", "utf-8", newline="")
    add_dataset("odd", tmp_path / "t.jsonl")
    return texts


def records() -> list[PromptRecord]:
    return [r for r in current_session().records() if isinstance(r, PromptRecord)]


def said(record: PromptRecord, role: str = "user") -> str:
    """The text of the last turn of a role, as recorded."""
    turn = [turn for turn in record.messages if turn["role"] == role][-1]
    return "".join(part["text"] for part in turn["content"] if part["type"] == "text")


async def test_a_field_holds_what_it_was_filled_with_whatever_lines_it_draws():
    class Fields(App[None]):
        def compose(self) -> ComposeResult:
            yield PromptText()
            yield FilledInput()

    rng = random.Random(1)
    async with Fields().run_test() as pilot:
        area, line = pilot.app.query_one(PromptText), pilot.app.query_one(FilledInput)
        for text in [*ODD, *(mixed(rng) for _ in range(60))]:
            area.load_text(text)
            line.fill(text)
            await pilot.pause()
            assert (area.exact, area.edited) == (line.exact, line.edited) == (text, False)
        line.focus()
        await pilot.press("x")
        assert line.edited and "x" in line.exact and not area.edited


async def test_a_text_is_drawn_in_the_lines_of_the_width_that_it_has_after_a_resize():
    words = "Where in it is this: the green triangle? Answer with its box as [x1, y1, x2, y2]."

    class Field(App[None]):
        CSS = "PromptText { border: none; padding: 0; height: auto; }"

        def compose(self) -> ComposeResult:
            yield PromptText()

    async with Field().run_test(size=(44, 12)) as pilot:
        area = pilot.app.query_one(PromptText)
        area.load_text(words)
        await pilot.pause()
        before = area.wrapped_document.lines
        await pilot.resize_terminal(50, 12)
        await pilot.pause()
        lines = [line.rstrip() for line in area.wrapped_document.lines[0]]
        assert area.wrapped_document.lines != before, "it is wrapped anew"
        assert len(lines) == len(before[0]), "and as high as before: nothing else draws it anew"
        strips = pilot.app.screen._compositor.render_strips()
        drawn = ["".join(segment.text for segment in strip).rstrip() for strip in strips]
        assert drawn[: len(lines)] == lines
        assert area.exact == words


async def test_each_sample_is_asked_its_own_question_character_by_character(odd_data):
    engine = FakeEngine(words=("yes",))
    async with bench(SIZES[1], dataset="odd/t", engine=engine) as b:
        for number, text in enumerate(odd_data):
            if number:
                await b.press("j")
            sample, panel = b.explore.view.sample, b.explore.widgets.panel
            assert sample.uid == f"odd/t/c{number}" and sample.texts["question"] == text
            assert not panel.edited and panel.template is not None
            rendered = panel.template.render(sample)[-1].text
            await b.press("enter")
            record = records()[-1]
            assert (record.uid, said(record)) == (sample.uid, rendered)
            assert (record.template, record.template_version) == (
                panel.template.name,
                panel.template.version,
            )
            assert engine.asked[-1][0][-1].text == rendered
    assert len(records()) == len(odd_data)


async def test_grid_command_and_beside_ask_what_the_template_renders(odd_data):
    async with bench(SIZES[1], dataset="odd/t", engine=FakeEngine()) as b:
        await b.press("j", "j", "j")
        sample = b.explore.view.sample
        found = b.explore.controllers.comparisons.ready()
        assert found is not None
        draft = found[-1]
        assert draft.uid == sample.uid and draft.template is not None
        assert draft.text == draft.template.render(sample)[-1].text
        assert "--template" in b.explore.controllers.commands.command_line()


async def test_a_text_that_was_filled_from_another_sample_is_filled_anew_when_it_is_asked(
    odd_data, monkeypatch
):
    async with bench(SIZES[1], dataset="odd/t", engine=FakeEngine()) as b:
        monkeypatch.setattr(PromptPanel, "show_sample", lambda *args: None)
        await b.press("j")  # the panel did not hear of it
        monkeypatch.undo()
        await b.press("enter")
        record = records()[-1]
        assert record.uid == b.explore.view.uid == "odd/t/c1"
        assert (
            said(record) == b.explore.widgets.panel.template.render(b.explore.view.sample)[-1].text
        )


async def test_what_is_typed_makes_it_free_text_and_a_template_takes_it_back(odd_data):
    async with bench(SIZES[1], dataset="odd/t", engine=FakeEngine()) as b:
        await b.press("p", "x")
        assert b.explore.widgets.panel.edited
        await b.press("f5")
        assert records()[-1].template is None and said(records()[-1]).startswith("x")
        await b.press("escape", "j")
        assert b.explore.widgets.panel.edited and b.explore.widgets.panel.text.startswith("x")
        await b.press("t", "enter")
        assert not b.explore.widgets.panel.edited
        await b.press("enter")
        assert (
            said(records()[-1])
            == b.explore.widgets.panel.template.render(b.explore.view.sample)[-1].text
        )
        assert records()[-1].template == b.explore.widgets.panel.template.name


async def test_a_key_that_changes_nothing_is_no_edit(odd_data):
    async with bench(SIZES[1], dataset="odd/t", engine=FakeEngine()) as b:
        await b.press("p", "ctrl+home", "backspace", "down", "left", "end", "ctrl+z")
        assert not b.explore.widgets.panel.edited


async def test_an_edited_system_turn_leaves_the_question_that_of_the_sample():
    async with bench(SIZES[1], engine=FakeEngine()) as b:
        b.explore.query_one("#system", Input).focus()
        await b.type("short")
        await b.press("escape", "j", "enter")
        record, sample = records()[-1], b.explore.view.sample
        assert record.template is None and said(record, "system").endswith("short")
        assert record.uid == sample.uid == "demo/test/000001"
        assert said(record) == b.explore.widgets.panel.template.render(sample)[-1].text


async def test_choosing_free_text_asks_no_question_that_nobody_wrote():
    engine = FakeEngine()
    async with bench(SIZES[1], engine=engine) as b:
        b.explore.controllers.use_template(None)
        await b.settle()
        assert b.explore.widgets.panel.text == "" and b.explore.widgets.panel.free
        await b.press("enter", "escape")
        assert not engine.asked
        await b.press("p")
        await b.write("What is it?")
        await b.press("escape", "j", "enter")
        assert said(records()[-1]) == "What is it?" and records()[-1].template is None


@pytest.mark.parametrize("size", SIZES)
async def test_choosing_free_text_puts_the_cursor_where_it_is_written(size):
    engine = FakeEngine()
    async with bench(size, engine=engine) as b:
        await b.press("t")
        await b.type("free text")
        await b.press("enter")
        area = b.explore.query_one("#prompt-text")
        assert b.explore.focused is area and area.region.height > 0
        await b.press("f5")
        await b.shows("the prompt is empty")
        assert not engine.asked
        await b.press("escape")
        await b.type("jt")
        assert b.explore.widgets.panel.text == "jt"
        await b.press("f5")
        assert said(records()[-1]) == "jt" and records()[-1].template is None


async def test_the_system_turn_of_a_template_is_asked_as_it_renders():
    user_folder().mkdir(parents=True)
    (user_folder() / "own.toml").write_text(
        '[[template]]\nname = "statement/system"\nversion = 1\n'
        'text = "{sentence}"\nsystem = "One\\u2028word\\rof {labels}."\n'
    )
    async with bench(SIZES[1], engine=FakeEngine()) as b:
        template = get_template(SYSTEM)
        b.explore.controllers.use_template(template)
        await b.press("j", "enter")
        rendered = template.render(b.explore.view.sample)
        assert said(records()[-1], "system") == rendered[0].text
        assert records()[-1].template == SYSTEM and not b.explore.widgets.panel.edited


async def test_a_prompt_that_was_written_in_another_session_is_recalled_and_asked_again():
    own = {"role": "user", "content": [{"type": "text", "text": "How many\nsquares?"}]}
    brief = {"role": "system", "content": [{"type": "text", "text": "Be brief."}]}
    SessionLog.open("of-last-week").append(PromptRecord(messages=(brief, own), model="demo"))
    engine = FakeEngine()
    async with bench(engine=engine) as b:
        await b.press("p", "ctrl+r")
        await b.shows("Earlier prompts", "How many squares?", "Be brief.")
        await b.press(*"square", "enter")
        await b.shows("free text")
        assert b.explore.focused is b.explore.query_one(PromptText)
        await b.press("escape", "j")  # it stays, as what is typed does
        await b.press("enter")
        await b.until(lambda: records())
    assert records()[0].asked == "How many\nsquares?"
    assert records()[0].asked_system == "Be brief."
    assert records()[0].template is None and records()[0].uid == "demo/test/000001"


async def test_who_wrote_no_prompt_yet_is_told_so():
    async with bench() as b:
        await b.press("ctrl+r")
        await b.shows("no prompt of your own yet")


async def test_undoing_all_that_was_typed_is_the_template_again():
    async with bench((160, 44), engine=FakeEngine()) as b:
        panel = b.explore.widgets.panel
        name, text = panel.template.name, panel.text
        await b.press("p")
        await b.type("x")
        await b.shows(f"free text from {name[:14]}")
        await b.press("ctrl+z")
        assert panel.text == text and not panel.edited
        await b.shows(f"{name} ▾")
        assert "free text" not in b.text()
        await b.press("ctrl+y")
        assert panel.edited and "x" in panel.text
        await b.press("ctrl+z", "escape", "j")
        assert panel.text != text, "the next sample fills it"


async def test_the_name_of_the_template_is_cut_with_a_sign_where_it_does_not_fit():
    async with bench((100, 40)) as b:
        await b.press("p")
        await b.type("x")
        name = b.explore.widgets.panel.template.name
        label = b.explore.query_one("#template", Button).label.plain
        assert label.endswith("… ▾") and label.startswith(f"free text from {name[:5]}")
        await b.shows(label)


async def test_free_text_with_the_words_of_another_sample_says_whose_and_can_be_moved():
    engine = FakeEngine()
    async with bench((160, 44), engine=engine) as b:
        panel, button = b.explore.widgets.panel, b.explore.query_one("#template", Button)
        first, name = b.explore.view.sample, panel.template.name
        await b.press("p")
        await b.write(f"Look: {panel.text}")
        await b.press("escape")
        assert not button.has_class("-other")
        await b.press("j")
        other = b.explore.view.sample
        await b.shows("free text of 000000 ▾")
        assert button.has_class("-other") and first.texts["sentence"] in panel.text
        await b.press("enter")
        await b.shows("asked in the words of 000000")
        await b.press("k")
        await b.shows(f"free text from {name[:14]}")
        await b.press("j", "t")
        await b.type("your text")
        await b.press("enter")
        assert other.texts["sentence"] in panel.text and first.texts["sentence"] not in panel.text
        assert panel.text.startswith("Look: ") and not button.has_class("-other")
        await b.press("enter")
        assert other.texts["sentence"] in engine.asked[-1][0][-1].text
        await b.press("j")
        await b.shows("free text of 000001 ▾")


async def test_free_text_without_the_words_of_a_sample_is_of_none():
    async with bench((160, 44), engine=FakeEngine()) as b:
        await b.press("p")
        await b.write("What is the colour?")
        await b.press("escape", "j")
        assert not b.explore.query_one("#template", Button).has_class("-other")
        await b.press("enter")
        assert "asked in the words of" not in b.text()
