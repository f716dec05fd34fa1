"""A new screen is styled by itself: as styling everything again would, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.css.stylesheet import Stylesheet

import workbench.app
from tests.workbench.app.explore_bench import bench
from workbench.app.app import PLACES
from workbench.app.kept_sheets import KeptSheets


def looks(screen) -> dict[str, object]:
    """The styles that sheets give to every widget of a screen."""
    return {
        f"{number} {node.css_identifier_styled}": dict(node.styles.base.get_rules())
        for number, node in enumerate(screen.walk_children(with_self=True))
    }


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
async def test_what_is_seen_first_has_the_styles_that_styling_everything_again_gives(theme):
    async with bench((160, 44)) as b:
        b.app.theme = theme
        await b.settle()
        for place in PLACES:
            b.app.go(place)
            await b.settle()
            await b.press("question_mark")
            for screen in b.app.screen_stack:
                first = looks(screen)
                Stylesheet.set_variables(b.app.stylesheet, b.app.get_css_variables())
                Stylesheet.reparse(b.app.stylesheet)
                b.app.stylesheet.update(screen, animate=False)
                assert first == looks(screen)
            await b.press("escape")


async def test_a_place_that_is_seen_first_leaves_the_widgets_of_others_as_they_are(monkeypatch):
    styled = []
    update = Stylesheet.update_nodes

    def noted(self, nodes, animate=False):
        nodes = list(nodes)
        styled.extend(nodes)
        update(self, nodes, animate=animate)

    async with bench((160, 44)) as b:
        b.app.theme = "textual-light"
        await b.settle()
        others = list(b.explore.walk_children(with_self=False))
        others = [node for node in others if node is not b.explore.focused]  # it loses the focus
        with monkeypatch.context() as patch:
            patch.setattr(Stylesheet, "update_nodes", noted)
            for place in ("runs", "jobs", "sessions"):
                b.app.go(place)
                await b.settle()
        assert styled and not {type(node) for node in styled if node in others}


def test_a_sheet_is_parsed_once_for_each_theme():
    sheets = KeptSheets(variables={"primary": "#ff0000"})
    for number in range(300):
        sheets.add_source(f"A{number} {{ color: $primary; }}", (f"{number}", ""))
    first = sheets.rules[0]
    sheets.add_source("B { color: $primary; }", ("b", ""))
    sheets.reparse()
    assert sheets.rules[0] is first
    sheets.set_variables({"primary": "#ff0000"})
    sheets.reparse()
    assert sheets.rules[0] is first
    sheets.set_variables({"primary": "#0000ff"})
    sheets.reparse()
    assert sheets.rules[0].styles.color.hex == "#0000FF"


def test_the_sheet_of_a_screen_is_about_that_screen_alone():
    files = list(Path(workbench.app.__file__).parent.glob("*/*.tcss"))
    assert len(files) == len(PLACES)
    for file in files:
        sheet = Stylesheet()
        plain = re.sub(r"\$[\w-]+", "red", file.read_text(encoding="utf-8"))
        sheet.add_source(plain, (str(file), ""))
        screen = f"{file.stem.capitalize()}Screen"
        for rule in sheet.rules:
            assert {chosen.selectors[0].name for chosen in rule.selector_set} == {screen}
