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
        assert said.display and "--top-p 0.9 does nothing" in str(said.render())
        app.query_one("#knob-temperature").value = "0.7"
        await pilot.pause()
        assert not said.display
