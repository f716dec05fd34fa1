"""The knobs say at once what is wrong with them, and which of them do nothing."""

from textual.app import App

from workbench.app.explore.knobs import Knobs


class KnobsApp(App[None]):
    def compose(self):
        yield Knobs()


async def test_a_knob_that_does_nothing_beside_temperature_0_is_said_to():
    app = KnobsApp()
    async with app.run_test(size=(80, 24)) as pilot:
        said = app.query_one("#knob-problem")
        assert not said.display
        app.query_one("#knob-top_p").value = "0.9"
        await pilot.pause()
        assert said.display and "top-p 0.9 does nothing" in str(said.render())
        app.query_one("#knob-temperature").value = "0.7"
        await pilot.pause()
        assert not said.display


def test_what_is_wrong_with_a_knob_is_said_by_the_label_that_its_field_shows():
    from workbench.app.explore.knobs import in_field_words, read_knobs

    _, problems = read_knobs({"temperature": "x", "max_new_tokens": "0", "seed": "1"})
    said = [in_field_words(words) for words in problems.values()]
    assert said[0] == "temp wants a number, got 'x'"
    assert said[1].startswith("max wants a whole number")
    assert in_field_words("--model and --temperature") == "--model and temp"
