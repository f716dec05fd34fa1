"""Whose results stand beside the samples where nobody chose a run."""

from sessions.ids import short_id
from sessions.runs import Run
from tests.workbench.app.make_records import make_run, predictions
from workbench.app.explore.run_beside import read_run


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
