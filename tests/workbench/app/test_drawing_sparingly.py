"""After a key the terminal has what a screen drawn anew has, though few widgets were drawn."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.text import Text
from textual._compositor import Compositor, visible_screen_stack
from textual.app import App
from textual.widget import Widget
from textual.widgets import Input, TextArea

from tests.workbench.app.explore_bench import bench
from workbench.app.lists.row_list import Column, RowList
from workbench.app.widgets.sparing import SteadyBar, draw_sparingly
from workbench.app.widgets.steady import SteadyText, TitledPanel


class Cells:
    """The cells of a terminal that took all updates: (character, style) by place."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], tuple[str, object]] = {}

    def take(self, update) -> None:
        x = y = 0
        for segment in update.__rich_console__(None, None) if update is not None else ():
            if segment.control:
                _, x, y = segment.control[0]
            elif segment.text != "\n":
                for character in segment.text:
                    self.cells[x, y] = (character, segment.style)
                    x += cell_len(character)


@pytest.fixture
def terminal(monkeypatch) -> Cells:
    """What the terminal has of the frames of this test."""
    seen = Cells()

    def make(self, full=False, screen_stack=None, simplify=False):
        visible_screen_stack.set(screen_stack or [])
        whole = full or self.size.region in self._dirty_regions
        seen.take(self.render_full_update() if whole else self.render_partial_update())

    monkeypatch.setattr(Compositor, "render_update", make)
    # A cursor that blinks between the frame and the look at it is no difference.
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    monkeypatch.setattr(TextArea, "_toggle_cursor_blink_visible", lambda self: None)
    return seen


def drawn_anew(screen) -> dict[tuple[int, int], tuple[str, object]]:
    for widget in list(screen._compositor.visible_widgets):
        widget._styles_cache.clear()
        widget._render_cache = widget._render_cache._replace(size=None, lines=[])
        widget._dirty_regions.add(widget.outer_size.region)
    anew = Cells()
    visible_screen_stack.set(screen.app._background_screens)
    anew.take(screen._compositor.render_full_update())
    return anew.cells


async def test_after_every_key_the_terminal_has_what_the_screen_has(terminal):
    keys = [*"jjjjkj", "pagedown", "down", "b", "tab", "shift+tab", "i", "escape", *"/red"]
    async with bench((120, 30)) as b:
        for key in [*keys, "escape", "z", "z", *"234", "j", "1", "end", "k"]:
            await b.press(key)
            differing = {
                place: (terminal.cells.get(place), cell)
                for place, cell in drawn_anew(b.app.screen).items()
                if terminal.cells.get(place) != cell
            }
            assert not differing, key


async def test_a_step_draws_no_widget_that_it_does_not_change(monkeypatch, terminal):
    drawn: set[str | None] = set()
    render = Widget.render_lines

    def noted(self, crop):
        if self.screen._compositor._changed is not None:
            drawn.add(self.id)
        return render(self, crop)

    async with bench((160, 44)) as b:
        await b.press("j")
        monkeypatch.setattr(Widget, "render_lines", noted)
        await b.press("j")
        monkeypatch.setattr(Widget, "render_lines", render)  # leaving draws other things
    assert {"image", "prompt-text"} <= drawn
    # No field of the prompt, which stands between what changed, and not the answer's panel.
    assert not {"knob-seed", "system", "shots", "answer", "filter"} & drawn
    # And nothing that lies behind what changed.
    assert not {"body", "side", "right"} & drawn


class ListApp(App[None]):
    """A list of a length that one can choose."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def compose(self):
        yield RowList([Column("n")])

    def on_mount(self) -> None:
        draw_sparingly(self.screen)
        keys = [str(n) for n in range(self.rows)]
        self.query_one(RowList).show(keys, lambda n: [Text(keys[n])])


@pytest.mark.parametrize("rows", [30, 2_000])
async def test_a_scroll_bar_is_drawn_only_where_its_thumb_moved(monkeypatch, rows):
    asked: list[int] = []
    refresh = SteadyBar.refresh

    def noted(self, *regions, **given):
        asked.append(sum(region.height for region in regions) or self.size.height)
        return refresh(self, *regions, **given)

    async with ListApp(rows).run_test(size=(40, 20)) as pilot:
        await pilot.press("end")
        await pilot.pause()
        bar = pilot.app.query_one(RowList).vertical_scrollbar
        before = [str(bar.render_line(y).text) for y in range(bar.size.height)]
        monkeypatch.setattr(SteadyBar, "refresh", noted)
        for _ in range(25):
            await pilot.press("k")
        await pilot.pause()
        steps = asked.copy()
        after = [str(bar.render_line(y).text) for y in range(bar.size.height)]
        bar.refresh()
        assert after == [str(bar.render_line(y).text) for y in range(bar.size.height)]
    if rows == 30:
        assert before != after
    assert len(steps) <= (1 if rows == 2_000 else 7)  # 25 steps, of which 7 scroll


async def test_a_text_that_stands_there_already_is_not_drawn_again(monkeypatch):
    refreshed: list[object] = []

    class TextApp(App[None]):
        def compose(self):
            yield SteadyText("")

    async with TextApp().run_test() as pilot:
        text = pilot.app.query_one(SteadyText)
        text.update(Text("red", "bold"))
        monkeypatch.setattr(SteadyText, "refresh", lambda self, **given: refreshed.append(given))
        text.update(Text("red", "bold"))
        assert not refreshed
        text.update(Text("red", "dim"))
        assert refreshed


async def test_another_title_draws_the_line_of_the_title(terminal):
    class PanelApp(App[None]):
        CSS = "TitledPanel { border: round red; padding: 1 2; height: 6; width: 30; }"

        def compose(self):
            yield TitledPanel(SteadyText("inside"))

    async with PanelApp().run_test(size=(40, 10)) as pilot:
        panel = pilot.app.query_one(TitledPanel)
        panel.retitle("one")
        await pilot.pause()
        terminal.cells.clear()
        panel.retitle(Text("[another]"))
        await pilot.pause()
        await pilot.pause(0.05)
        assert {y for _, y in terminal.cells} == {0}
        line = "".join(terminal.cells[x, 0][0] for x in range(30))
        assert "[another]" in line
