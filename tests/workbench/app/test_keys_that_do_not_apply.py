"""A key that does not apply says why in a line, and the footer does not offer it."""

import pytest
from textual.keys import KEY_NAME_REPLACEMENTS

from tests.workbench.app.bench_host import Host, drawn, until
from tests.workbench.app.make_records import make_job, make_run
from workbench.app.jobs.screen import JobsScreen
from workbench.app.key_order import one_spelling, spelled
from workbench.app.keymap import bound_keys
from workbench.app.runs.screen import RunsScreen
from workbench.app.widgets.footer import BenchFooter
from workbench.app.widgets.text_panel import TextPanel

SIZE = (160, 44)


async def test_a_run_that_is_done_cannot_be_resumed_or_paused_and_says_so():
    make_run(20)
    app = Host(RunsScreen())
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.place.detail.run is not None)
        footer = app.place.query_one(BenchFooter).render().plain
        assert "Resume" not in footer and "Pause" not in footer
        await pilot.press("r", "p", "c", "R")
        words = app.said
        assert "this run is done: there is nothing to resume" in words[0]
        assert words[1] == "p pauses an evaluation while it runs; this run is done"
        assert words[2].startswith("c changes") and words[3].startswith("R asks again")
        assert len(words) == 4 and not app.jobs


async def test_a_key_that_is_pressed_again_says_the_same_line_once():
    make_run(20)
    app = Host(RunsScreen())
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.place.detail.run is not None)
        await pilot.press("r", "r", "r")
        assert len(app.status_line.kept) == 1


@pytest.mark.parametrize(
    ("state", "key", "words"),
    [
        ("done", "x", "this job is done: x cancels one that runs"),
        ("running", "r", "this job is running: r runs an ended one again"),
        ("running", "d", "this job is running: x cancels it"),
        ("done", "p", "p pauses an evaluation while it runs; this job is done"),
        ("failed", "c", "c changes an evaluation while it runs; this job is failed"),
        ("running", "p", "p pauses an evaluation while it runs; this job has none under way"),
    ],
)
async def test_a_job_says_why_a_key_does_nothing(state, key, words):
    _, lock = make_job(["wb", "train", "x.yaml"], state=state)
    app = Host(JobsScreen())
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.place.job is not None)
        before = len(app.screen_stack)
        await pilot.press(key)
        assert words in app.said[0]
        assert len(app.screen_stack) == before
    if lock is not None:
        lock.release()


async def test_a_place_without_records_says_what_makes_some():
    app = Host(JobsScreen())
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "No jobs yet" in drawn(app))
        await pilot.press("x")
        assert app.said == ["there is no job yet: n starts one"]


def test_every_binding_spells_a_capital_once_as_it_is_typed():
    """`shift+r` reaches a binding of `R`, so a binding that names `shift+r` reaches nothing."""
    odd = {
        name: key for name, one in bound_keys().items() for key in one.keys
        if one_spelling(key) != key
    }  # fmt: skip
    assert not odd


@pytest.mark.parametrize(
    ("key", "spelling"),
    [("shift+r", "R"), ("R", "R"), ("r", "r"), ("shift+tab", "shift+tab"), ("ctrl+r", "ctrl+r"),
     ("shift+left", "shift+left"), ("ctrl+shift+r", "ctrl+shift+r"), ("shift+1", "shift+1")],
)  # fmt: skip
def test_a_capital_has_one_spelling(key, spelling):
    assert one_spelling(key) == spelling


def test_keys_of_ones_own_are_spelled_as_bindings_are():
    assert spelled("shift+r, ?,ctrl+o") == ["R", "question_mark", "ctrl+o"]
    assert KEY_NAME_REPLACEMENTS  # by which `?` and its like get their names


@pytest.mark.parametrize("key", ["Y", "shift+y"])
async def test_a_capital_does_the_same_from_a_terminal_with_the_kitty_protocol(key):
    make_run(20, right=0.5)
    app = Host(RunsScreen())
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.place.detail.samples.key is not None)
        await pilot.press("a", key)
        assert app.copied == [app.place.detail.samples.key]


async def test_an_empty_list_offers_no_key_that_opens_and_says_why():
    app = Host(JobsScreen())
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        footer = app.place.query_one(BenchFooter)
        assert "New" in footer.render().plain
        assert "Open" not in footer.render().plain and "Back" not in footer.render().plain
        await pilot.press("enter", "escape")
        assert app.said[0] == "No jobs yet: there is nothing to open"
        assert app.said[1].startswith("this is the list already")
        make_job(["wb", "train", "x.yaml"], state="done")
        app.place.listing.anew()
        await until(pilot, lambda: "Open" in footer.render().plain)
        await pilot.press("l")
        await until(pilot, lambda: "Back" in footer.render().plain)


@pytest.mark.parametrize("place", [JobsScreen, RunsScreen])
async def test_the_footer_below_a_dialog_offers_no_key_of_the_place(place):
    make_run(20)
    app = Host(place())
    async with app.run_test(size=(80, 24)) as pilot:
        footer = app.place.query_one(BenchFooter)
        await until(pilot, lambda: "Keys" in footer.render_line(0).text)
        app.push_screen(TextPanel("A text", "a line"))
        await until(pilot, lambda: not footer.render_line(0).text.strip())
        await pilot.press("escape")
        await until(pilot, lambda: "Keys" in footer.render_line(0).text)
