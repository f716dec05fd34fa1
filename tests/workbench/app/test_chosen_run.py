"""Whose results stand beside the samples where nobody chose a run."""

from sessions.ids import short_id
from sessions.runs import Run
from tests.workbench.app.explore_bench import FakeEngine, bench
from tests.workbench.app.make_records import make_run, predictions
from workbench.app.explore.chosen_run import read_run


def test_the_newest_evaluation_of_the_split_is_chosen_and_no_control_of_it():
    asked = make_run(20)
    config = {"dataset": "demo", "split": "test", "model": "demo", "control": "text-only"}
    control = Run.create({**config, "variant_of": asked.id}, key="control", total=20)
    control.append_many(list(predictions(20)))
    control.set_state("done")
    beside = read_run("demo", "test[:9]", None)
    assert beside is not None and beside.run_id == asked.id
    assert beside.title == f"run demo {short_id(asked.id)}"
    named = read_run("demo", "test", control.id)
    assert named is not None and named.run_id == control.id
    assert read_run("demo", "dev", None) is None


async def test_an_error_that_is_opened_from_runs_shows_what_the_run_recorded_of_it():
    uids = [f"demo/test/{n:06d}" for n in range(5)]
    run = make_run(5, right=0.0, unparsed=0, failed=0, uids=uids)
    line = run.predictions()[0]
    async with bench((160, 44), engine=FakeEngine()) as b:
        await b.press("2", "enter", "enter")
        await b.until(lambda: b.app.current_mode == "explore")
        await b.shows(line["text"][:30], f"Answer · run demo {short_id(run.id)}")
        answer = b.explore.widgets.answer
        assert answer.answer.text == line["text"] and b.explore.view.asked is None
        await b.shows("read as", "Enter asks anew")
        await b.press("g")  # a run's answer is none to the prompt in view: no heat of it
        assert not b.explore.view.heat
        await b.press("j")
        second = run.predictions()[1]
        await b.until(lambda: answer.answer.text == second["text"])


async def test_an_answer_of_ones_own_takes_the_place_of_the_runs_and_h_brings_that_back():
    uids = [f"demo/test/{n:06d}" for n in range(5)]
    run = make_run(5, right=0.0, unparsed=0, failed=0, uids=uids)
    whose = f"run demo {short_id(run.id)}"
    async with bench((160, 44), engine=FakeEngine()) as b:
        await b.shows(f"Answer · {whose}")
        await b.press("enter")
        await b.shows("False. It is red", "earlier: 1 answer")
        assert f"Answer · {whose}" not in b.text()
        await b.press("h")
        await b.shows(f"Answer · {whose}", "earlier: 1 answer")
        await b.press("b")  # a bookmark, and the list read again, leave it there
        await b.press("h")
        await b.shows("Answer · 5 tok")


async def test_a_run_that_is_chosen_beside_the_list_shows_its_answers_and_failures():
    uids = [f"demo/test/{n:06d}" for n in range(5)]
    first = make_run(5, right=1.0, unparsed=1, failed=1, uids=uids, seed=3)
    make_run(5, right=0.0, unparsed=0, failed=0, uids=uids)
    async with bench((160, 44)) as b:
        b.explore.controllers.run.load(first.id)
        await b.shows("failed: image 0 is truncated", short_id(first.id))
        await b.press("j")
        await b.shows("It may be so, or it may not.", "unparsed: no label")
        await b.press("end")
        await b.shows("Enter asks")
        assert b.explore.widgets.answer.answer is None  # the run has not that sample
