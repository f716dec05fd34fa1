"""The gallery's tiles: which two belong together, what is said of them, right or wrong."""

from __future__ import annotations

import pytest

from tests.workbench.app.explore_bench import Bench, bench
from workbench.app.explore.gallery import _GUTTER, GalleryScreen
from workbench.app.explore.rows import view_of_run
from workbench.app.explore.thumbnails import wrapped
from workbench.data.source import open_source
from workbench.grounding.drawing import GOLD


def lines(b: Bench):
    return b.app.screen._compositor.render_strips()


def cells(strip) -> list[tuple[str, str]]:
    """(character, background) of each cell of a line."""
    out = []
    for text, style, _ in strip:
        ground = style.bgcolor.name if style and style.bgcolor else ""
        out += [(character, ground) for character in text]
    return out


@pytest.mark.parametrize("size", [(80, 24), (160, 44)])
async def test_both_pictures_of_a_pair_and_their_sentence_lie_on_one_ground(size):
    async with bench(size) as b:
        await b.press("G")
        await b.shows("000001")
        grid = b.app.screen.query_one("GalleryGrid")
        columns, tall = grid.tile
        top = grid.region.y
        ground = cells(lines(b)[top])[0][1]  # the tile's, above its pictures
        outside = cells(lines(b)[top])[columns][1]
        assert ground != outside
        for line in range(top, top + tall):
            row = cells(lines(b)[line])
            # Between the tiles, and after the last line of one, it is another ground.
            assert {g for _, g in row[columns : columns + _GUTTER]} == {outside}
            assert row[columns + _GUTTER][1] != outside
            if line < top + tall - 3:
                assert {g for c, g in row[:columns] if c == " "} <= {ground}
        assert {g for _, g in cells(lines(b)[top + tall])[:columns]} == {outside}


async def test_the_sentence_stands_below_the_name():
    async with bench((160, 44)) as b:
        await b.press("G")
        sentence = open_source("demo/test").at(0).texts["sentence"]
        await b.shows("▸000000", *wrapped(sentence, 26, 2))


async def test_right_and_wrong_have_their_sign_and_the_colours_of_the_theme():
    async with bench((160, 44)) as b:
        lines_of_run = [
            {"uid": f"demo/test/{n:06}", "label": label, "target": "False"}
            for n, label in enumerate(("False", "True"))
        ]
        b.explore.view.run = view_of_run("r", "run r", lines_of_run)
        await b.press("G")
        await b.shows("000003", "✓", "✗", "·")
        assert isinstance(b.app.screen, GalleryScreen)
        colours = {}
        for strip in lines(b):
            for text, style, _ in strip:
                if text.strip() in ("✓", "✗") and style:
                    colours[text.strip()] = style.color.name
        theme = b.app.theme_variables
        assert colours["✓"] != colours["✗"]
        assert colours["✓"].lower() == theme["text-success"][:7].lower()


def test_a_long_sentence_is_cut_at_its_last_line_and_says_so():
    assert wrapped("one two three four", 9, 2) == ("one two", "three…")
    assert wrapped("one two", 9, 2) == ("one two",)
    assert wrapped("", 9, 2) == wrapped("one", 9, 0) == ()
    assert all(len(line) <= 5 for line in wrapped("表情" * 9, 10, 2))


def grounds(b: Bench) -> set[str]:
    """The colours of all cells, as `r,g,b`."""
    found = set()
    for strip in lines(b):
        for _, style, _ in strip:
            for colour in (style.color, style.bgcolor) if style else ():
                found.add(",".join(map(str, colour.get_truecolor())) if colour else "")
    return found


async def test_the_tiles_of_phrases_have_their_gold_boxes_and_those_of_other_tasks_have_none():
    gold = ",".join(map(str, GOLD))
    for dataset, wanted in (("demo_boxes/test", True), ("demo_vqa/test", False)):
        async with bench((160, 44), dataset=dataset) as b:
            await b.press("G")
            await b.shows("000001")
            await b.until(lambda b=b: len(b.app.screen.query_one("GalleryGrid").tiles) > 2)
            assert (gold in grounds(b)) == wanted, dataset
