"""What is shown can be read: every screen and dialog, every theme, whatever has the focus.

Read from the lines that go to the terminal, not from style sheets. Body text is every cell with a
letter or a digit; everything else that is no line, bar or picture is a sign.
`WB_UPDATE_SNAPSHOTS=1 python -m pytest tests/workbench/app/test_look.py` writes the snapshots anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from rich.color import ColorType
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from textual.screen import ModalScreen
from textual.theme import BUILTIN_THEMES
from textual.widgets import Input, TextArea

from sessions.paths import home
from tests.workbench.app.explore_bench import SIZES
from tests.workbench.app.stage import SHOWS, VIEWS, Stage, screens_of_the_bench
from tests.workbench.app.stage import stage as staged

BODY, SIGN = 4.5, 3.0
SNAPSHOTS = Path(__file__).with_name("snapshots")
LINES_AND_PICTURES = re.compile("[\u2500-\u259f\u2800-\u28ff\U0001fb00-\U0001fbff\U0010eeee\\s]")


def luminance(rgb):
    r, g, b = ((c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4) for c in rgb)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def hard_to_read(stage: Stage) -> set[str]:
    """Each text of the screen whose contrast is too low, with its colours."""
    screen = stage.app.screen
    behind = isinstance(screen, ModalScreen) and screen.styles.background.a < 1
    found = set()
    for y, line in enumerate(screen._compositor.render_strips()):
        x = 0
        for segment in line:
            text = LINES_AND_PICTURES.sub("", segment.text)
            start, x = x, x + segment.cell_length
            if not text or (behind and screen.get_widget_at(start, y)[0] is screen):
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


async def see_each_focus(stage: Stage) -> list[str]:
    """Which of the widgets that can have the focus do not show what is in them."""
    wrong = []
    for widget in stage.app.screen.focus_chain:
        widget.focus(scroll_visible=True)
        await stage.idle()
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
    """Light and two more, others for each view.

    With `WB_ALL_THEMES=1` every view is seen in every theme, which takes minutes.
    """
    others = [theme for theme in BUILTIN_THEMES if theme not in ("textual-dark", "textual-light")]
    if not os.environ.get("WB_ALL_THEMES"):
        at = list(VIEWS).index(name) * 2
        others = [others[(at + step) % len(others)] for step in range(2)]
    return ["textual-light", *others]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", VIEWS)
async def test_a_view_is_as_it_was_looked_at_and_can_be_read(name, size, monkeypatch):
    async with staged(size, monkeypatch) as stage:
        await stage.open(name)
        now = snapshot(stage)
        wrong = {"textual-dark": hard_to_read(stage)}
        if size == SIZES[0]:
            wrong |= await see_in_themes(stage, name)
    assert not {theme: found for theme, found in wrong.items() if found}
    kept = SNAPSHOTS / f"{name}-{size[0]}x{size[1]}.txt"
    if os.environ.get("WB_UPDATE_SNAPSHOTS"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(now, encoding="utf-8")
    assert now == kept.read_text(encoding="utf-8")


def test_no_snapshot_is_of_a_view_that_is_gone():
    kept = {path.name for path in SNAPSHOTS.glob("*.txt")}
    assert kept == {f"{name}-{w}x{h}.txt" for name in VIEWS for w, h in SIZES}
