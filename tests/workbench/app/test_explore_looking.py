"""Explore's other ways to look: all of a sample, the gallery, the walk, bookmarks, files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.widgets import Input

from sessions.uid_cache import UidCache
from tests.workbench.app.explore_bench import SIZES, Bench, bench
from workbench.app.explore.gallery import GalleryScreen
from workbench.app.explore.thumbnails import read_thumbnail
from workbench.app.widgets.text_panel import TextPanel
from workbench.data.permutation import draw
from workbench.data.source import open_source

SMALL = SIZES[0]  # where the terminal's size does not matter: fewer cells, sooner drawn


def bookmark(*uids: str, tag: str | None = None) -> None:
    with UidCache.open() as cache:
        cache.add_many(uids, [tag] if tag else [])


def grid(b: Bench):
    assert isinstance(b.app.screen, GalleryScreen)
    return b.app.screen.grid


async def fill(b: Bench, text: str) -> None:
    """Type over what a form's field holds, and take it."""
    from textual.widgets import Input

    b.app.screen.query_one(Input).value = text
    await b.press("enter")


# -- all of one sample


async def test_i_tells_everything_that_wb_inspect_tells():
    async with bench(SMALL) as b:
        await b.press("i")
        panel = b.app.screen
        assert isinstance(panel, TextPanel)
        sample = open_source("demo/test").get("demo/test/000000")
        for piece in (sample.uid, sample.texts["sentence"], *sample.explanations):
            assert piece in panel.text
        for ref in sample.images:
            assert ref.sha256() in panel.text
        assert "64×64" in panel.text and "object in 2" in panel.text and "revision" in panel.text
        await b.press("escape")
        assert b.app.screen is b.explore


async def test_what_a_terminal_would_act_on_is_not_in_the_details():
    from workbench.app.explore.details_text import details_of, details_text
    from workbench.sample import Sample

    class Source:
        revision = "1"

        def row_of(self, uid):
            return "a\x1b[2J.csv", 3

    nasty = "x\x1b[31m[red]y[/red]\u202ez"
    sample = Sample("d/s/1", (), {"sentence": nasty}, nasty, metadata={"k\x1b[2J": {"a": nasty}})
    text = details_text(details_of(Source(), sample))
    assert not set(text) & set("\x1b\u202e")
    assert "[red]y[/red]" in text and "3 of a.csv" in text


# -- the gallery


@pytest.mark.parametrize("size", [SIZES[0], SIZES[-1]])
async def test_the_gallery_shows_thumbnails_with_stars_names_and_labels(size):
    bookmark("demo/test/000001")
    async with bench(size) as b:
        await b.press("G")
        shown = b.text()
        assert "▀" in shown
        assert "▸000000" in shown and "★000001" in shown
        assert "demo/test · 1,000" in shown
        across = grid(b).across
        assert across == size[0] // 29
        await b.press("right", "down", "enter")
        assert b.app.screen is b.explore
        assert b.explore.view.ordinal == 1 + across


async def test_the_gallery_opens_on_the_sample_in_view_and_escape_leaves_it_there():
    async with bench(SMALL, ordinal=700) as b:
        await b.press("G")
        assert grid(b).cursor == 700
        await b.shows("000700")
        await b.press("home")
        assert grid(b).cursor == 0
        await b.press("end")
        await b.shows("000999")
        await b.press("escape")
        assert b.explore.view.ordinal == 700


async def test_the_gallery_shows_what_the_filter_left():
    async with bench(dataset="demo/test[:60]") as b:
        await b.press("slash")
        await b.type("teal")
        await b.press("enter", "G")
        matches = b.explore.widgets.samples.matches
        assert grid(b).samples.ordinals == tuple(matches)
        await b.shows("· teal ·")
        await b.press("right", "enter")
        assert b.explore.view.ordinal == matches[1]
        assert b.explore.view.filter.text == "teal"


async def test_the_gallery_reads_only_what_is_in_sight(monkeypatch):
    async with bench(SMALL, dataset="demo/train") as b:
        read: list[int] = []
        source = b.explore.view.browser.source
        plain = type(source).at

        def counting(self, ordinal):
            read.append(ordinal)
            return plain(self, ordinal)

        monkeypatch.setattr(type(source), "at", counting)
        await b.press("G", "end")
        assert grid(b).cursor == 19_999
        assert max(read) == 19_999
        assert len(read) < 120


async def test_an_endless_stream_goes_on_in_the_gallery():
    async with bench(SMALL, dataset="demo/stream") as b:
        await b.press("G")
        before = grid(b).count
        for _ in range(3):
            await b.pilot.press("pagedown")
        await b.settle()
        assert 0 < grid(b).cursor < before < grid(b).count


async def test_plus_and_minus_change_the_tiles_and_the_size_is_kept():
    async with bench(SMALL) as b:
        await b.press("G")
        small = grid(b).tile
        await b.press("plus")
        large = grid(b).tile
        assert large > small
        await b.press("escape", "G")
        assert grid(b).tile == large
        await b.press("minus", "minus")
        assert grid(b).tile < small


def test_a_tile_of_what_cannot_be_read_says_why():
    from workbench.app.explore.browser import Browser
    from workbench.app.explore.rows import RunView
    from workbench.app.explore.thumbnails import GallerySamples
    from workbench.sample import ImageRef, Sample

    class Source:
        length = 2

        def at(self, ordinal):
            data = b"no image" if ordinal else None
            images = (ImageRef(data=data),) if ordinal else ()
            return Sample(f"d/s/{ordinal}", images, label="x\x1b[2J")

    samples = GallerySamples(Browser(Source()), None, RunView(), lambda uid: False, "t")  # type: ignore[arg-type]

    def words(place: int) -> str:
        tile = read_thumbnail(samples, place, (40, 8))
        assert "\x1b" not in tile.label
        return "".join(segment.text for strip in tile.strips for segment in strip)

    assert "no image" in words(0)
    assert "▀" not in words(1) and words(1).strip()


# -- the walk


async def test_the_walk_by_a_seed_is_the_draw_of_wb_gallery():
    async with bench(SMALL, walk={"seed": 7}) as b:
        seen = []
        for _ in range(3):
            await b.press("r")
            seen.append(b.explore.view.ordinal)
        assert seen == draw(1000, 3, 7)


async def test_another_split_or_filter_begins_the_walk_anew():
    async with bench(SMALL, walk={"seed": 7}) as b:
        await b.press("r", "r")
        b.explore.controllers.opener.open("demo/dev")
        await b.settle()
        await b.press("r")
        assert b.explore.view.ordinal == draw(b.explore.widgets.samples.length, 1, 7)[0]


# -- bookmarks in turn


async def test_bookmarks_are_gone_through_in_turn_and_round_again():
    uids = [f"demo/test/{n:06}" for n in (40, 3, 800)]
    bookmark(*uids)
    bookmark("demo/dev/000001")  # of another split
    async with bench(SMALL) as b:
        seen = []
        for _ in range(4):
            await b.press("full_stop")
            seen.append(b.explore.view.uid)
        assert seen == [*uids, uids[0]]
        await b.press("comma")
        assert b.explore.view.uid == uids[2]


async def test_a_tag_in_the_filter_is_the_one_that_is_gone_through():
    bookmark("demo/test/000004", "demo/test/000009", tag="Hard")
    bookmark("demo/test/000002", tag="easy")
    async with bench(dataset="demo/test[:60]") as b:
        await b.press("slash")
        await b.type("tag:hard")
        await b.press("enter")
        seen = set()
        for _ in range(3):
            await b.press("full_stop")
            seen.add(b.explore.view.uid)
        assert seen == {"demo/test/000004", "demo/test/000009"}
        assert b.explore.view.filter.text == "tag:hard"


async def test_bookmarks_that_the_filter_hides_are_passed_over():
    source = open_source("demo/test")
    teal = [n for n in range(60) if "teal" in source.at(n).texts["sentence"]]
    other = next(n for n in range(60) if n not in teal)
    bookmark(*(f"demo/test/{n:06}" for n in (other, teal[0], teal[1])))
    async with bench(SMALL, dataset="demo/test[:60]") as b:
        await b.press("slash")
        await b.type("teal")
        await b.press("enter")
        seen = []
        for _ in range(3):
            await b.press("full_stop")
            seen.append(b.explore.view.ordinal)
        assert seen == [teal[0], teal[1], teal[0]]
        assert b.explore.view.filter.text == "teal"
        b.explore.query_one("#filter", Input).value = "label:none"
        await b.press("full_stop")
        await b.shows("no bookmark under this filter")


async def test_without_a_bookmark_the_key_says_how_to_set_one():
    async with bench(SMALL) as b:
        await b.press("full_stop")
        await b.shows("no bookmark in this split")
        assert b.explore.view.uid == "demo/test/000000"


# -- files


async def test_s_writes_the_pair_and_a_json_as_the_command_does(tmp_path: Path):
    folder = tmp_path / "out"
    async with bench(SMALL) as b:
        await b.press("s")
        await fill(b, str(folder))
        await b.shows("3 files written")
    names = sorted(path.name for path in folder.iterdir())
    stem = "demo%2Ftest%2F000000"
    assert names == [f"{stem}.0.png", f"{stem}.1.png", f"{stem}.json"]
    assert json.loads((folder / f"{stem}.json").read_text())["uid"] == "demo/test/000000"


async def test_a_folder_that_cannot_be_written_is_a_panel_and_no_crash(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    async with bench(SMALL) as b:
        await b.press("s")
        await fill(b, str(tmp_path / "file" / "below"))
        await b.shows("cannot write to")


async def test_bookmarks_go_out_and_come_in_as_json_lines(tmp_path: Path):
    bookmark("demo/test/000004", tag="hard")
    file = tmp_path / "b.jsonl"
    async with bench(SMALL) as b:
        await b.press("E")
        await fill(b, str(file))
        await b.shows("1 bookmark written")
        with UidCache.open() as cache:
            cache.remove("demo/test/000004")
        await b.press("I")
        await fill(b, str(file))
        await b.shows("1 bookmark merged")
        assert b.explore.view.bookmarks["demo/test/000004"].tags == ("hard",)
    assert json.loads(file.read_text().splitlines()[0])["uid"] == "demo/test/000004"


async def test_in_kitty_the_thumbnails_are_its_graphics_and_all_are_freed(monkeypatch):
    import re

    from workbench.app.explore import gallery

    sent: list[str] = []
    monkeypatch.setattr(gallery, "send", lambda app, sequence: sent.append(sequence))
    monkeypatch.setenv("WB_IMAGES", "kitty")
    async with bench(SMALL) as b:
        await b.press("G")
        assert "\U0010eeee" in b.text() and "▀" not in b.text() and "000001" in b.text()
        shown = {
            segment.style.color.triplet
            for line in b.app.screen._compositor.render_strips()
            for segment in line
            if "\U0010eeee" in segment.text and segment.style and segment.style.color
        }
        uploaded = {int(n) for n in re.findall(r"_Gi=(\d+),f=100", "".join(sent))}
        assert {(c.red << 16) + (c.green << 8) + c.blue for c in shown if c} <= uploaded
        assert len(shown) == 2 * len({t.uid for t in grid(b).tiles.values()} & seen(b))
        await b.press("plus", "end", "escape")
    uploaded = {int(n) for n in re.findall(r"_Gi=(\d+),f=100", "".join(sent))}
    removed = {int(n) for n in re.findall(r"_Ga=d,d=I,i=(\d+)", "".join(sent))}
    assert uploaded and removed == uploaded


def seen(b: Bench) -> set[str]:
    """The UIDs whose tiles are in sight, their pictures whole."""
    view = grid(b)
    return {view.tiles[place].uid for place in view._in_sight() if place in view.tiles}
