"""What is shown can be read: every screen and dialog, every theme, whatever has the focus.

Read from the lines that go to the terminal, not from style sheets. Body text is every cell with a
letter or a digit; everything else that is no line, bar or picture is a sign.
`WB_UPDATE_SNAPSHOTS=1 python -m pytest tests/workbench/app/test_look.py` writes the snapshots anew.
"""

from __future__ import annotations

import asyncio
import os
import re
from functools import cache
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.color import ColorType
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from textual.color import Color
from textual.geometry import Region
from textual.theme import BUILTIN_THEMES
from textual.widget import Widget
from textual.widgets import Input, TextArea

from sessions.paths import home
from tests.workbench.app.explore_bench import SIZES
from tests.workbench.app.stage import KEYS, SHOWS, VIEWS, Stage
from tests.workbench.app.stage import stage as staged
from tests.workbench.app.stage_records import screens_of_the_bench
from workbench.app.engine_service import EngineState
from workbench.app.widgets.readable import floor_of, lifted

BODY, SIGN = 4.5, 3.0
SNAPSHOTS = Path(__file__).with_name("snapshots")
LINES_AND_PICTURES = re.compile("[\u2500-\u259f\u2800-\u28ff\U0001fb00-\U0001fbff\U0010eeee\\s]")


def luminance(rgb):
    r, g, b = ((c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4) for c in rgb)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@cache
def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def hard_to_read(stage: Stage) -> set[str]:
    """Each text of the screen whose contrast is too low, with its colours."""
    found = set()
    for line in stage.segments():
        for segment in line:
            text = LINES_AND_PICTURES.sub("", segment.text)
            if not text:
                continue
            ratio = contrast_of(segment.style, stage)
            if ratio < (BODY if any(c.isalnum() for c in text) else SIGN):
                found.add(f"{ratio:.2f} {text!r} {segment.style}")
    return found


def contrast_of(style, stage: Stage) -> float:
    """The contrast of a style; without bound where the terminal alone knows it."""
    colours = [style.color, style.bgcolor] if style else [None, None]
    default = [c is None or c.type is ColorType.DEFAULT for c in colours]
    if stage.app.native_ansi_color and default[1]:
        # The terminal's own ground: its own colours are made for it, a fixed one is not.
        return 0 if not default[0] and colours[0].type is ColorType.TRUECOLOR else 21
    assert not any(default), f"a colour is left to the terminal: {style}"
    fore, back = (tuple(c.get_truecolor(DEFAULT_TERMINAL_THEME)) for c in colours)
    return contrast(fore, back) if not style.dim else 0


def look_of(stage: Stage, widget: Widget) -> dict[tuple[int, int], tuple]:
    """The cells of a widget and of the frames that it stands in, by their places."""
    around = [w.region for w in (widget, *widget.ancestors) if isinstance(w, Widget)]
    cells = {}

    def on_a_frame(x: int, y: int) -> bool:
        return any(r.contains(x, y) and not r.shrink((1, 1, 1, 1)).contains(x, y) for r in around)

    for y, strip in enumerate(stage.app.screen._compositor.render_strips()):
        x = 0
        for segment in strip:
            for character in segment.text:
                if widget.region.contains(x, y) or on_a_frame(x, y):
                    cells[x, y] = (character, segment.style)
                x += cell_len(character)
    return cells


async def see_each_focus(stage: Stage) -> list[str]:
    """Which of the widgets that can have the focus do not show what is in them, or the focus."""
    wrong = []
    chain = stage.app.screen.focus_chain
    left: tuple[Widget, Region, dict] | None = None
    for widget in [*chain, *chain[:1]]:
        widget.focus(scroll_visible=True)
        await stage.idle()
        if left and left[0] is not widget and left[0].region == left[1]:
            now = look_of(stage, left[0])
            there = [at for at in now if not widget.region.contains(*at)]
            if all(now[at] == left[2].get(at) for at in there):
                wrong.append(f"{type(left[0]).__name__}#{left[0].id}: nothing shows the focus")
        left = (widget, widget.region, look_of(stage, widget))
        here = widget.region.intersection(stage.app.screen.region)
        name = f"{type(widget).__name__}#{widget.id}"
        if widget.content_size.height < 1 or widget.content_size.width < 1 or not here:
            wrong.append(f"{name}: nothing of it is in sight: {widget.content_size}")
            continue
        lines = stage.app.screen._compositor.render_strips()[here.y : here.bottom]
        drawn = "\n".join(line.crop(here.x, here.right).text for line in lines)
        if isinstance(widget, (Input, TextArea)):
            holds = widget.value if isinstance(widget, Input) else widget.text
            words = (holds or widget.placeholder or "").split()
            if words and not any(word[:8] in drawn or word[-8:] in drawn for word in words):
                wrong.append(f"{name}: {words} is not in {drawn!r}")
        elif not drawn.strip():
            wrong.append(f"{name}: it is blank")
        wrong += [f"{name}: {text}" for text in hard_to_read(stage)]
    return wrong


def snapshot(stage: Stage) -> str:
    """The screen as text, what differs from machine to machine masked."""
    text = re.sub(r"\b\d\d [A-Z][a-z]{2} \d\d:\d\d\b", "02 Jan 14:02", stage.text())  # local time
    return text.replace(str(home()), "~".ljust(len(str(home())), "~"))


def test_every_screen_and_dialog_is_looked_at():
    missing = {kind.__name__ for kind in screens_of_the_bench()} - set(SHOWS.values())
    assert not missing, f"no view of tests/workbench/app/stage.py opens {missing}"


async def see_in_themes(stage: Stage, name: str) -> dict[str, object]:
    """What is hard to read in other themes; in the last one each widget has the focus in turn."""
    wrong: dict[str, object] = {}
    themes = themes_of(name)
    for theme in themes:
        stage.app.theme = theme
        await stage.idle()
        wrong[theme] = hard_to_read(stage)
        if os.environ.get("WB_ALL_THEMES") or theme == themes[-1]:
            wrong[f"{theme}, focused"] = await see_each_focus(stage)
    return wrong


def themes_of(name: str) -> list[str]:
    """Light and one more, another for each view.

    With `WB_ALL_THEMES=1` every view is seen in every theme, which takes minutes.
    """
    others = [theme for theme in BUILTIN_THEMES if theme not in ("textual-dark", "textual-light")]
    if not os.environ.get("WB_ALL_THEMES"):
        others = [others[list(VIEWS).index(name) % len(others)]]
    return ["textual-light", *others]


GROUPS = [tuple(KEYS), *((name,) for name in VIEWS if name not in KEYS)]
if os.environ.get("WB_ALL_THEMES"):  # twenty themes of twenty dialogs are no single test
    GROUPS = [(name,) for name in VIEWS]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("names", GROUPS, ids=lambda names: names[0])
async def test_a_view_is_as_it_was_looked_at_and_can_be_read(names, size, monkeypatch):
    wrong = {}
    async with staged(size, monkeypatch) as stage:
        for name in names:
            await stage.open(name)
            await check_snapshot(f"{name}-{size[0]}x{size[1]}.txt", stage)
            wrong[name] = hard_to_read(stage)
            if size == SIZES[0]:
                for theme, found in (await see_in_themes(stage, name)).items():
                    wrong[f"{name}, {theme}"] = found
            await stage.close_dialogs()
            await stage.idle()
    assert not {where: found for where, found in wrong.items() if found}


async def check_snapshot(name: str, stage: Stage) -> None:
    """The screen becomes what was kept, however long its machine takes for it."""
    kept, loop = SNAPSHOTS / name, asyncio.get_running_loop()
    if os.environ.get("WB_UPDATE_SNAPSHOTS"):
        await asyncio.sleep(0.5)
        await stage.quiet()
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(snapshot(stage), encoding="utf-8")
    wanted, end = kept.read_text(encoding="utf-8"), loop.time() + 20
    while (now := snapshot(stage)) != wanted and loop.time() < end:
        await stage.pilot.pause(0.1)
    assert now == wanted, f"{name} is not as it was looked at"


async def test_a_dead_engine_names_the_key_that_starts_it_again_even_a_remapped_one(monkeypatch):
    async with staged(SIZES[0], monkeypatch) as stage:
        started = []
        monkeypatch.setattr(stage.app, "action_restart_engine", lambda: started.append("again"))
        stage.app.set_keymap({"app.engine": "f7"})
        await stage.open("error")
        assert "starts the engine again" not in stage.text()
        stage.app.engine_state = EngineState("died", "it was killed")
        await stage.idle()
        assert "F7 starts the engine again" in stage.text()
        red = Color.parse(stage.app.theme_variables["error"]).rgb
        corner = stage.app.screen.query_one("Vertical").region
        strip = stage.app.screen._compositor.render_strips()[corner.y]
        edge = next(iter(strip.crop(corner.x, corner.x + 1)))
        assert tuple(edge.style.color.get_truecolor()) == red
        await stage.press("escape")
        assert "died · F7 starts it again" in stage.text()
        await stage.open("error")
        await stage.press("f7")
        assert started == ["again"] and stage.app.screen is stage.app.screen_stack[0]


def test_a_picture_keeps_the_colours_that_are_its_number():
    from textual_image.renderable.tgp import _NUMBER_TO_DIACRITIC as marks

    for mark in marks:
        assert floor_of(f"\U0010eeee{chr(mark)}{chr(mark)}") == 0
    assert floor_of("e\u0301") == BODY and floor_of("✓") == SIGN


async def test_what_was_drawn_under_one_theme_has_the_colours_of_the_next(monkeypatch):
    async with staged(SIZES[0], monkeypatch) as stage:
        await stage.open("explore")
        for theme in ("textual-dark", "solarized-light"):
            stage.app.theme = theme
            await stage.idle()
            colours = stage.app.theme_variables
            want = Color.parse(colours.get("text-success", colours["success"])).rgb
            lines = stage.app.screen._compositor.render_strips()
            segment = next(s for line in lines for s in line if "read as False" in s.text)
            ground = tuple(segment.style.bgcolor.get_truecolor())
            assert tuple(segment.style.color.get_truecolor()) == lifted(want, ground, BODY)


def test_no_snapshot_is_of_a_view_that_is_gone():
    kept = {path.name for path in SNAPSHOTS.glob("*.txt")}
    assert kept == {f"{name}-{w}x{h}.txt" for name in VIEWS for w, h in SIZES}
