"""The list: streamed, endless, filtered, jumped in; bookmarks and predictions beside it."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.widgets import Input

from sessions.runs import Run
from sessions.uid_cache import UidCache
from tests.workbench.app.explore_bench import SIZES, FakeEngine, bench
from workbench.app.explore import list_filter
from workbench.app.explore.rows import RunView, SampleRow, fits_of
from workbench.data.demo_source import DemoSource
from workbench.reports.sample_filter import SampleFilter


@pytest.mark.parametrize("size", SIZES)
async def test_the_bench_opens_on_the_demo_at_every_size(size):
    async with bench(size) as b:
        assert b.explore.view.uid == "demo/test/000000"
        shown = b.text()
        assert "▀" in shown, "the image is drawn"
        assert b.explore.view.sample.texts["sentence"].split()[0] in shown
        assert "Help" in shown and "b ★" in shown.splitlines()[-1]


async def test_the_list_reads_a_screenful_and_never_the_split(monkeypatch):
    read = itertools.count()
    plain = DemoSource.iter

    def counting(self, start=0):
        for sample in plain(self, start):
            next(read)
            yield sample

    monkeypatch.setattr(DemoSource, "iter", counting)
    async with bench((120, 40), dataset="demo/train") as b:
        first = next(read)
        assert first < 80
        await b.press("end")
        assert b.explore.view.uid == "demo/train/019999"
        assert next(read) < 200


async def test_an_endless_stream_goes_on_as_one_scrolls():
    async with bench(dataset="demo/stream") as b:
        before = b.explore.widgets.samples.count
        for _ in range(8):
            await b.pilot.press("pagedown")
        await b.settle()
        assert b.explore.view.ordinal > 100
        assert b.explore.widgets.samples.count > before
        assert b.explore.view.ordinal in b.explore.widgets.samples.rows
        await b.shows("∞")


async def test_keys_step_and_the_image_follows():
    async with bench() as b:
        await b.press("j", "j", "k")
        assert b.explore.view.uid == "demo/test/000001"
        await b.press("down")
        assert b.explore.view.uid == "demo/test/000002"
        assert b.explore.widgets.image.uid == "demo/test/000002"
        await b.shows("demo/test/000002")


async def test_a_filter_narrows_as_one_types_and_escape_takes_it_off():
    async with bench() as b:
        await b.press("slash")
        await b.type("teal triangle")
        matches = b.explore.widgets.samples.matches
        briefs = [b.explore.widgets.samples.rows[n].brief for n in matches]
        assert briefs and all("teal" in text and "triangle" in text for text in briefs)
        await b.press("enter")
        await b.press("j")
        assert b.explore.view.ordinal == matches[1]
        await b.press("escape")
        assert b.explore.widgets.samples.matches is None
        assert b.explore.view.ordinal == matches[1], "the sample stays when the filter goes"


async def test_a_filter_that_the_sample_in_view_stops_fitting_shows_its_first_match_and_cursor():
    async with bench((80, 24), dataset="demo_boxes/test", ordinal=500) as b:
        samples = b.explore.widgets.samples
        await b.press("slash")
        for letter in "red":  # the phrase of 500 has an r, and an e after it, but no red
            await b.type(letter)
        assert b.explore.view.ordinal == samples.matches[0] != 500
        top = int(samples.scroll_offset.y)
        assert samples.size.height and top <= samples.cursor < top + samples.size.height


async def test_leaving_a_filter_goes_back_unless_another_sample_was_chosen_in_it():
    async with bench(ordinal=500, engine=FakeEngine()) as b:
        samples = b.explore.widgets.samples
        await b.press("slash")
        await b.type("teal zebra")
        assert samples.matches == []
        await b.press("escape", "escape")
        assert b.explore.view.uid == "demo/test/000500" and samples.cursor == 500
        await b.press("slash")
        await b.type("teal")
        assert b.explore.view.ordinal == samples.matches[0] != 500
        await b.press("escape", "escape")
        assert b.explore.view.uid == "demo/test/000500" and samples.cursor == 500
        await b.press("slash")
        await b.type("teal")
        asked = samples.matches[0]
        await b.press("enter", "enter", "escape")
        assert b.explore.view.ordinal == samples.cursor == asked, "its answer stays in view"
        assert samples.matches is None and b.explore.widgets.answer.answer is not None


async def test_a_filter_on_an_endless_stream_stops_and_goes_on_at_need():
    async with bench(dataset="demo/stream") as b:
        await b.press("slash")
        await b.type("red star")
        found = len(b.explore.widgets.samples.matches)
        assert 0 < found < 200
        await b.press("enter", "end")
        await b.press("end")
        assert len(b.explore.widgets.samples.matches) > found


async def test_how_many_of_a_split_match_is_told_unasked(monkeypatch):
    monkeypatch.setattr(list_filter, "_SEARCH_S", 60)
    async with bench((160, 44)) as b:
        b.explore.controllers.filter.narrow("triangle")
        await b.settle()
        assert b.explore.widgets.samples.exhausted
        found = len(b.explore.widgets.samples.matches)
        assert found > 200
        await b.shows(f"1 of {found} match ")


async def test_a_filter_that_fits_nothing_says_so(monkeypatch):
    monkeypatch.setattr(list_filter, "_SEARCH_S", 60)
    async with bench() as b:
        await b.press("slash")
        await b.type("zebra")
        assert b.explore.widgets.samples.matches == []
        await b.shows("nothing fits")


async def test_a_search_that_takes_long_stops_and_end_takes_it_up_again(monkeypatch):
    monkeypatch.setattr(list_filter, "_SEARCH_S", 0)
    async with bench() as b:
        await b.press("slash")
        await b.type("zebra")
        await b.shows("End searches on")
        read = b.explore.controllers.filter.searched_to
        await b.press("enter", "end")
        assert b.explore.controllers.filter.searched_to > read > 0


async def test_jumping_to_a_uid_a_row_and_another_dataset():
    async with bench() as b:
        await b.press("colon")
        await b.type("000123")
        await b.press("enter")
        assert b.explore.view.uid == "demo/test/000123"
        await b.press("colon")
        for _ in range(20):
            await b.pilot.press("backspace")
        await b.type("42")
        await b.press("enter")
        assert b.explore.view.ordinal == 41
        b.app.open_uid("demo_vqa/dev/000007")
        await b.settle()
        assert b.explore.view.uid == "demo_vqa/dev/000007"


async def test_an_unknown_uid_is_one_message_and_the_bench_stays():
    async with bench() as b:
        b.app.open_uid("nowhere/test/1")
        await b.settle()
        await b.shows("nowhere")
        await b.press("escape")
        b.app.open_uid("no uid at all")
        await b.settle()
        await b.press("escape")
        await b.press("j")
        assert b.explore.view.uid == "demo/test/000001"


async def test_a_form_that_got_what_it_cannot_use_stays_open_and_says_so():
    bad = [
        ("R", "abc", "seed wants a whole number, got 'abc'"),
        ("R", "", "seed wants a whole number, got ''"),
        ("B", "x" * 101, "a tag is 1 to 100"),
        ("E", "", "a file is needed"),
    ]
    async with bench() as b:
        for key, typed, said in bad:
            await b.press(key)
            form = b.app.screen
            form.query(Input).first().value = typed
            await b.press("enter")
            assert b.app.screen is form, key
            await b.shows(said)
            await b.press("escape")
        await b.press("R", "ctrl+u")
        await b.type("7")
        await b.press("enter")
        assert b.app.screen is b.explore
        assert b.explore.state.walk.seed == 7


async def test_where_the_list_is_folded_the_header_says_which_sample_and_which_filter():
    async with bench((80, 24), ordinal=2) as b:
        first = b.text().splitlines()[0]
        assert "demo/test/000002 · 3/1,000" in first
        b.explore.controllers.filter.narrow("triangle")
        await b.settle()
        first, found = b.text().splitlines()[0], len(b.explore.widgets.samples.matches)
        more = "" if b.explore.widgets.samples.exhausted else "+"
        assert (
            f"{b.explore.view.uid[-6:]} · {b.explore.view.ordinal + 1}/1,000 · /triangle" in first
        )
        assert f"{found}{more} ma" in first
        assert cell_len(first) == 80
        b.explore.controllers.filter.narrow("a word so long that no header has room for all of it")
        await b.settle()
        first = b.text().splitlines()[0]
        assert "/1,000 · /a word so long that… 0 match" in first
        assert cell_len(first) == 80
        await b.pilot.resize_terminal(120, 40)
        await b.until(lambda: "demo/test · 1,000" in b.text().splitlines()[0])
        await b.press("z")
        assert "/1,000 · /a word" in b.text().splitlines()[0], "the zoom folds the list away too"


async def test_the_foot_of_the_list_counts_the_matches_while_a_filter_is_on():
    async with bench((120, 40)) as b:
        await b.shows("0 ★ · 1/1,000")
        b.explore.controllers.filter.narrow("000000")
        await b.settle()
        await b.shows("1 of 1")
        b.explore.controllers.filter.narrow("")
        await b.shows("0 ★ · 1/1,000")


async def test_the_random_walk_is_the_same_each_time():
    walks = []
    for _ in range(2):
        async with bench(walk={"seed": 5, "step": 0}) as b:
            walk = []
            for _ in range(3):
                await b.press("r")
                walk.append(b.explore.view.ordinal)
            walks.append(walk)
    assert walks[0] == walks[1]
    assert len(set(walks[0])) == 3


async def test_a_bookmark_is_a_star_in_the_list_and_in_the_shared_cache():
    async with bench() as b:
        await b.press("b")
        with UidCache.open() as cache:
            assert [m.uid for m in cache.list()] == ["demo/test/000000"]
        await b.shows("★")
        await b.press("b")
        with UidCache.open() as cache:
            assert cache.list() == []


async def test_tags_and_a_note_are_kept_and_no_single_key_throws_them_away():
    async with bench() as b:
        await b.press("B")
        await b.type("odd colour")
        await b.pilot.press("tab")
        await b.type("look again")
        await b.press("enter")
        with UidCache.open() as cache:
            mark = cache.get("demo/test/000000")
        assert (mark.tags, mark.note) == (("colour", "odd"), "look again")
        await b.shows("look again")
        await b.press("b")
        await b.press("escape")
        with UidCache.open() as cache:
            assert cache.tags("demo/test/000000") == ("colour", "odd")


def make_run(wrong: str = "demo/test/000001") -> Run:
    run = Run.create({"dataset": "demo", "split": "test", "model": "demo"}, "k", total=3)
    for number in range(3):
        uid = f"demo/test/{number:06d}"
        target = DemoSource("demo", "test").at(number).label
        other = "True" if target == "False" else "False"
        label = None if number == 2 else other if uid == wrong else target
        run.append({"uid": uid, "text": "said", "label": label, "target": target})
    run.set_state("done")
    return run


async def test_the_last_runs_predictions_stand_beside_the_samples_by_shape_and_colour():
    make_run()
    async with bench() as b:
        lines = b.text().split("\n")
        line = {n: next(x for x in lines if f"  00000{n} " in x) for n in range(3)}
        assert "✓" in line[0] and "✗" in line[1] and "?" in line[2]
        await b.press("slash")
        await b.type("is:wrong")
        assert b.explore.widgets.samples.matches == [1]
        await b.press("enter")
        await b.shows("predicted")


async def test_opening_an_error_of_a_run_shows_that_runs_prediction():
    older = make_run(wrong="demo/test/000000")
    make_run()
    async with bench() as b:
        assert b.explore.view.run.mark("demo/test/000000") == "right"
        b.app.open_uid("demo/test/000000", older.id)
        await b.settle()
        assert b.explore.view.run.run_id == older.id
        assert b.explore.view.run.mark("demo/test/000000") == "wrong"


async def test_dataset_position_and_filter_come_back_next_time():
    async with bench((120, 40)) as b:
        await b.press("slash")
        await b.type("teal")
        await b.press("enter", "j")
        here = b.explore.view.uid
        await b.pilot.press("ctrl+q")
    async with bench() as b:
        assert b.explore.view.uid == here
        assert b.explore.view.filter.text == "teal"


async def test_a_dataset_that_is_gone_is_told_and_the_demo_opens():
    async with bench(dataset="gone/test") as b:
        await b.shows("gone")
        await b.press("escape")
        assert b.explore.view.uid == "demo/test/000000"


async def test_the_dataset_picker_narrows_and_opens():
    async with bench() as b:
        await b.press("d")
        await b.type("vqa dev")
        await b.press("enter")
        assert b.explore.view.uid == "demo_vqa/dev/000000"


async def test_the_bench_says_how_far_the_index_of_a_table_is(monkeypatch, tmp_path):
    from tests.workbench.data.tables import write_lines
    from workbench.data import progress
    from workbench.data.adding import add

    rows = [{"id": f"k{i}", "question": "what?", "answer": "yes"} for i in range(30)]
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    monkeypatch.setattr(progress, "EVERY_ROWS", 10)
    async with bench() as b:
        add("mine", write_lines(tmp_path / "test.jsonl", rows))
        for index in (Path(os.environ["WB_HOME"]) / "cache/index").iterdir():
            index.unlink()
        said, wait = [], b.explore.widgets.image.wait
        monkeypatch.setattr(
            b.explore.widgets.image, "wait", lambda what="": (said.append(what), wait(what))
        )
        b.explore.controllers.opener.open("mine/test")
        await b.settle()
        assert b.explore.view.uid == "mine/test/k0"
        assert said[0] == "opening mine/test"
        assert said[1] == "indexing mine/test: 10 of 30 rows"
        assert said[-1] == ""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("lable:True", "label"), ("labels:x", "label"), ("siad:x", "said"), ("tga:x", "tag"),
     ("tags:hard", "tag"), ("iss:wrong", "is"),
     ("time:12", ""), ("http://x", ""), ("label:", ""), ("labl", ""), ("note:x", "")],
)  # fmt: skip
def test_a_misspelt_term_of_the_filter_is_told_from_words_with_a_colon(typed, meant):
    said = SampleFilter(typed).problem(run=False)
    assert (f"did you mean {meant}:" in said) if meant else not said


async def test_a_filter_that_can_fit_nothing_says_why():
    async with bench((160, 44)) as b:
        b.explore.controllers.filter.narrow("is:wrnog")
        await b.settle()
        await b.shows("is:wrnog is none of", "is:wrong", "is:starred")
        await b.press("slash")
        await b.type("labl:True zzz")
        samples = b.explore.widgets.samples
        assert samples.refused == "labl: is none of is: label: said: tag:, did you mean label:true?"
        await b.shows("⏎ Keep", "did you mean", "label:true?")
        await b.press("enter")
        assert b.app.focused is samples and b.explore.widgets.filter.value == "labl:True zzz"
        b.explore.controllers.filter.narrow("is:wrong")
        await b.settle()
        await b.shows("asks for a run beside", "u in the list")
        samples = b.explore.widgets.samples
        told = " ".join(samples.render_line(y).text.strip() for y in range(samples.size.height))
        assert "is:wrong asks for a run beside the list: u in the list chooses one" in told
        assert "searching" not in told and not samples.searching
        b.explore.controllers.filter.narrow("")
        await b.settle()
        await b.shows("1/1,000")


def test_quotes_keep_the_words_of_a_filter_together():
    row = SampleRow(0, "d/s/1", label="not sure", brief="a red circle")
    fits = [
        fits_of(SampleFilter(text), RunView(), {})(row)
        for text in ('label:"not sure"', '"red circle"', '"circle red"', '"red cir', "label:not")
    ]
    assert fits == [True, True, False, True, False]


async def test_a_terminal_that_shrinks_leaves_keys_with_what_is_seen():
    async with bench((120, 40), ordinal=2) as b:
        await b.press("p")
        await b.press("escape")
        await b.pilot.resize_terminal(80, 24)
        await b.settle()
        assert not b.explore.has_class("-prompt") and not b.explore.has_class("-list")
        await b.press("j")
        assert b.explore.widgets.filter.value == ""
        assert b.explore.view.ordinal == 3
