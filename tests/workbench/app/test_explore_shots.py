"""Few-shot examples in the bench: asked for as in the commands, shown before, recorded after."""

from __future__ import annotations

import shlex

import pytest
from textual.widgets import Input, Static

from sessions.records import PromptRecord
from sessions.runs import Run
from sessions.session_log import current_session
from sessions.uid_cache import UidCache
from tests.workbench.app.explore_bench import SIZES, Bench, FakeEngine, bench
from workbench.app.explore.shot_field import read_shots, shot_flags
from workbench.data.source import open_source
from workbench.errors import UsageError
from workbench.prompts.shots import ShotWish, choose_shots


@pytest.mark.parametrize(
    ("typed", "wish"),
    [
        ("", ShotWish()),
        ("2", ShotWish(2, 5)),
        ("2 from:demo/dev", ShotWish(2, 5, source="demo/dev")),
        ("tag:hard", ShotWish(tag="hard", seed=5)),
        ("2, tag:hard", ShotWish(2, 5, tag="hard")),
        ("3 right:3f2a", ShotWish(3, 5, right_in="3f2a")),
        ("demo/train/7 demo/dev/9", ShotWish(uids=("demo/train/7", "demo/dev/9"), seed=5)),
        ("--shots 2 --shots-tag=hard", ShotWish(2, 5, tag="hard")),
        ("--shot demo/train/7", ShotWish(uids=("demo/train/7",), seed=5)),
    ],
)
def test_the_field_takes_what_the_commands_take(typed: str, wish: ShotWish):
    found = read_shots(typed, 5)
    assert found == ShotWish(wish.count, 5, wish.source, wish.uids, wish.tag, wish.right_in)
    assert read_shots(shlex.join(shot_flags(found)), 5) == found


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("x", "whole number from 0 to 64, got 'x'"),
        ("65", "got '65'"),
        ("-1", "got '-1'"),
        ("tag:", "wants a name"),
        ("--shots", "--shots wants a value"),
        ("2 3", "said twice"),
        ("2 demo/train/7", "choose one"),
        ("right:3f2a", "give --shots as well"),
        ("2 'tag", "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_said_in_the_words_of_the_flags(typed: str, words: str):
    with pytest.raises(UsageError, match=words.replace("'", ".")):
        read_shots(typed)


async def wants(b: Bench, typed: str) -> str:
    """Type into the field; what stands below it then."""
    b.explore.widgets.panel.query_one("#shots", Input).value = typed
    await b.settle()
    said = b.explore.widgets.panel.query_one("#shot-says", Static)
    return str(said.render()) if said.display else ""


def uids(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines()]


def recorded() -> tuple[str, ...]:
    return [r for r in current_session().records() if isinstance(r, PromptRecord)][-1].shots


async def test_drawn_examples_are_named_balanced_and_recorded_as_a_command_would_draw_them():
    async with bench(SIZES[1], engine=FakeEngine()) as b:
        named = uids(await wants(b, "2"))
        source = open_source("demo/test")
        drawn = choose_shots(ShotWish(2, 0), source, "demo/test/000000").shots
        assert named == [shot.uid for shot in drawn]
        assert sorted(shot.label or "" for shot in drawn) == ["False", "False", "True", "True"]
        assert "--shots 2" in (b.explore.controllers.commands.command_line() or "")
        b.explore.widgets.samples.focus()
        await b.press("enter")
        assert recorded() == tuple(named)


async def test_examples_by_uid_and_by_tag_never_show_the_query():
    with UidCache.open() as cache:
        for number in (0, 3, 4):
            cache.add(f"demo/test/{number:06}", ["hard"])
    async with bench(SIZES[1], engine=FakeEngine()) as b:
        assert uids(await wants(b, "tag:hard")) == ["demo/test/000003", "demo/test/000004"]
        await b.press("enter")
        assert recorded() == ("demo/test/000003", "demo/test/000004")
        b.explore.widgets.samples.step(3)
        await b.settle()
        said = b.explore.widgets.panel.query_one("#shot-says", Static)
        assert uids(str(said.render())) == ["demo/test/000000", "demo/test/000004"]
        b.explore.widgets.samples.step(-3)
        await b.settle()
        assert uids(await wants(b, "demo/dev/000005")) == ["demo/dev/000005"]
        assert "asked about" in await wants(b, "demo/test/000000")
        assert "--shot demo/test/000000" in (b.explore.controllers.commands.command_line() or "")


async def test_examples_come_from_what_a_run_got_right():
    run = Run.create({"dataset": "demo", "split": "train"}, key="k")
    train, right = open_source("demo/train"), {}
    for ordinal in range(40):
        sample = train.at(ordinal)
        correct = right.setdefault(sample.label, ordinal) == ordinal  # the first of each label
        line = {"uid": sample.uid, "label": sample.label, "target": sample.label}
        run.append(line | {"text": "", "correct": correct})
    run.set_state("done")
    async with bench(SIZES[1], engine=FakeEngine()) as b:
        named = uids(await wants(b, f"1 right:{run.id}"))
        assert sorted(named) == sorted(f"demo/train/{n:06}" for n in right.values())


async def test_errors_stand_under_the_field_and_nothing_is_asked():
    engine = FakeEngine()
    async with bench(SIZES[1], engine=engine) as b:
        assert "64, got 'x'" in await wants(b, "x")
        await b.press("enter")
        assert not engine.asked
        await b.press("escape")
        assert "no other sample of demo is bookmarked" in await wants(b, "tag:nothing")
        assert "nowhere" in await wants(b, "1 from:nowhere/dev")
        assert await wants(b, "0") == ""


async def test_free_text_says_that_it_takes_no_examples():
    async with bench(SIZES[1], engine=FakeEngine()) as b:
        b.explore.controllers.use_template(None)
        await b.settle()
        assert "with a template only" in await wants(b, "2")
