"""What stands in Explore can be copied: the answer, the prompt, and the sample's own texts."""

from __future__ import annotations

from textual.widgets import Input, OptionList

from tests.workbench.app.explore_bench import FakeEngine, bench
from workbench.app.widgets.picker import Picker


async def test_the_answer_is_the_first_that_is_offered_to_copy():
    async with bench(engine=FakeEngine()) as b:
        await b.press("enter", "C")
        assert isinstance(b.app.screen, Picker)
        assert b.app.screen.choices[0].title == "answer"
        await b.press("enter")
        assert b.app.clipboard == "False. It is red"
        await b.shows("answer copied: False. It is red · 16 characters")


async def test_each_text_of_the_sample_is_offered_by_its_name_and_copied_as_the_data_have_it():
    async with bench(engine=FakeEngine()) as b:
        sample = b.explore.view.sample
        texts = {"label": sample.label, "sentence": sample.texts["sentence"], "UID": sample.uid}
        texts |= {"prompt": b.explore.widgets.panel.text, "why": sample.explanations[0]}
        for name, text in texts.items():
            await b.press("C")
            assert "answer" not in [choice.title for choice in b.app.screen.choices]
            await b.type(name)
            options = b.app.screen.query_one(OptionList)
            at = next(n for n, c in enumerate(b.app.screen._shown) if c.title == name)
            options.highlighted = at
            await b.press("enter")
            assert b.app.clipboard == text, name
            await b.shows(f"{len(text)} characters")


async def test_the_finder_offers_what_can_be_copied():
    async with bench(engine=FakeEngine()) as b:
        await b.press("enter", "ctrl+p")
        await b.type("copy answer")
        await b.shows("Copy: answer")
        await b.press("enter")
        await b.until(lambda: b.app.clipboard == "False. It is red")


async def test_what_the_mouse_selects_is_said_to_be_copied():
    async with bench((160, 44), engine=FakeEngine()) as b:
        await b.press("enter")
        text = b.explore.query_one("#answer-text")
        at = text.content_region
        await b.pilot.mouse_down(offset=at.offset)
        await b.pilot.hover(offset=at.offset + (5, 0))
        await b.pilot.mouse_up(offset=at.offset + (5, 0))
        await b.press("ctrl+c")
        assert b.app.clipboard in ("False", "False.")
        await b.shows(f"copied {len(b.app.clipboard)} characters")


async def test_a_copy_from_a_field_says_how_much_it_was():
    async with bench(engine=FakeEngine()) as b:
        await b.press("slash")
        await b.type("red")
        b.explore.query_one("#filter", Input).select_all()
        await b.press("ctrl+c")
        assert b.app.clipboard == "red"
        await b.shows("copied 3 characters")
