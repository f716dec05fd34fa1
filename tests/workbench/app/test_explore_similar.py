"""Similar samples in Explore: texts at once, pictures when ready, Enter goes there, Esc back."""

from __future__ import annotations

import threading

import pytest
from textual.widgets import Input

from tests.workbench.app.explore_bench import SIZES, FakeEngine, bench
from tests.workbench.similar.planted import plant
from workbench.app.explore.similar_view import SimilarView
from workbench.app.lists.row_list import RowList
from workbench.errors import ModelError


@pytest.fixture
def uids(tmp_path) -> dict[str, str]:
    return plant(tmp_path / "pictures")


def listed(b) -> list[str]:
    return list(b.app.screen.query_one(RowList).keys)


@pytest.mark.parametrize("size", [(60, 20), *SIZES])
async def test_the_nearest_are_listed_at_every_size_and_leaks_are_marked(uids, size):
    async with bench(size, dataset="mine/test", engine=FakeEngine()) as b:
        await b.press("tilde", "p")
        assert listed(b)[0] == "mine/train/t3", "the first sample is a copy of it"
        await b.shows("≈ 1 duplicate in another")
        await b.press("t", "home", "escape")
        assert b.explore.view.uid == uids["file"] and b.app.screen is b.explore


async def test_enter_goes_to_the_sample_in_its_split_and_what_was_chosen_is_remembered(uids):
    async with bench(dataset="mine/test", engine=FakeEngine()) as b:
        await b.press("tilde", "p", "enter")
        assert b.explore.view.uid == "mine/train/t3"
        await b.press("tilde")
        assert isinstance(b.app.screen, SimilarView) and b.app.screen.by == "pixels"
        assert listed(b)[0] == uids["file"]


async def test_texts_are_listed_before_pictures_were_looked_at(uids):
    engine = FakeEngine()
    engine.heat_gate = threading.Event()
    async with bench(dataset="mine/test", engine=engine, similar_by="image") as b:
        await b.pilot.press("tilde")
        await b.until(lambda: isinstance(b.app.screen, SimilarView) and listed(b))
        view = b.app.screen
        assert view.by == "image" and view.shown.by == "text"
        engine.heat_gate.set()
        await b.until(lambda: view.shown is not None and view.shown.by == "image")
        await b.settle()
        assert listed(b)[0] == "mine/train/t3"
        await b.shows("1.0000")


async def test_leaving_ends_what_is_asked_of_the_engine(uids):
    engine = FakeEngine()
    engine.heat_gate = threading.Event()
    async with bench(dataset="mine/test", engine=engine, similar_by="image") as b:
        await b.pilot.press("tilde")
        await b.until(lambda: isinstance(b.app.screen, SimilarView) and listed(b))
        await b.press("escape")
        assert b.app.screen is b.explore and not b.app.tasks.busy("similar")


async def test_a_model_that_cannot_look_says_why_in_the_list_and_text_still_works(uids):
    engine = FakeEngine()
    engine.error = ModelError("no image features for x: how is not known", hint="use pixels")
    async with bench(dataset="mine/test", engine=engine) as b:
        await b.press("tilde", "i")
        await b.shows("no image features for x: how is not known")
        await b.press("t")
        assert listed(b)


async def test_an_endless_stream_is_read_no_further_than_is_said(monkeypatch):
    from workbench.app.explore import similar_scans

    monkeypatch.setattr(similar_scans, "LIMIT", 20)
    async with bench((160, 44), dataset="demo/stream", engine=FakeEngine()) as b:
        await b.press("tilde")
        await b.shows("stream: the first 20 of an endless stream", "dev: the first 20 of 1,000")
        await b.press("plus")
        await b.shows("stream: the first 80 of an endless stream")


async def test_the_key_is_a_letter_of_what_is_typed_in_a_field(uids):
    async with bench(dataset="mine/test", engine=FakeEngine()) as b:
        await b.press("slash", "tilde")
        assert b.app.screen is b.explore
        assert b.explore.query_one("#filter", Input).value == "~"


async def test_it_copies_the_command_that_lists_the_same(uids):
    async with bench(dataset="mine/test", engine=FakeEngine()) as b:
        await b.press("tilde", "p", "y")
        await b.shows("wb similar mine/test/file --by pixels")
