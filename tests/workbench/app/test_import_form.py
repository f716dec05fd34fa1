"""An import has a form in Runs, and the new flags of an evaluation have fields in theirs."""

import json

import pytest

from commands.parse_only import looked_at
from tests.workbench.app.bench_host import Host, drawn, until
from tests.workbench.app.make_records import make_run
from workbench.app.jobs.command_line import split_line
from workbench.app.jobs.field_choices import choices_for
from workbench.app.jobs.job_fields import FieldInput
from workbench.app.jobs.line_fields import KINDS, fill, read_back
from workbench.app.jobs.new_job import NewJob
from workbench.app.runs.screen import RunsScreen

IMPORT = ("runs", "import")


@pytest.fixture
def answers(tmp_path):
    file = tmp_path / "answers.jsonl"
    rows = [{"uid": f"demo/test/{n:06d}", "answer": "True."} for n in range(4)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


async def test_the_form_of_an_import_begins_at_the_chosen_runs_data_and_starts_a_job(answers):
    make_run(20)
    app = Host(RunsScreen())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.place.detail.run is not None)
        await pilot.press("I")
        await until(pilot, lambda: isinstance(app.screen, NewJob))
        form = app.screen
        await until(pilot, lambda: form.line.value.startswith("wb runs import --dataset demo"))
        assert "choose a file" in drawn(app)
        form.fields.inputs["file"].value = answers
        await until(pilot, lambda: "it would start" in drawn(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen is app.place)
        [(argv, title)] = app.jobs
        assert argv == ["runs", "import", answers, "--dataset", "demo", "--split", "test"]
        assert title.startswith("runs import")


@pytest.mark.parametrize(
    ("more", "about", "word"),
    [
        (("--dataset", "demo/test"), "", ""),
        (("--dataset", "nosuch"), "--dataset", "no dataset 'nosuch'"),
        (("--dataset", "demo/test", "--template", "nosuch"), "--template", "no template"),
        (("--dataset", "demo/test", "--model", "openai:http://x/v1#m"), "--model", "a server"),
        (("--dataset", "demo/test", "--answer-column", "nosuch"), None, "nosuch"),
        ((), "--dataset", "Missing option"),
    ],
)
def test_an_import_is_looked_at_before_it_starts(answers, more, about, word):
    found = looked_at((*IMPORT, answers, *more))
    assert word in found["problem"] and bool(found["problem"]) == bool(word)
    assert about is None or found["about"] == about


def test_a_file_that_is_not_there_is_said_before_it_starts():
    found = looked_at((*IMPORT, "/no/such.csv", "--dataset", "demo/test"))
    assert "/no/such.csv" in found["problem"]


@pytest.mark.parametrize(
    ("flags", "about", "word"),
    [
        (("--prompts", "statement/yes-no,statement/true-false"), "", ""),
        (("--prompts", "statement/yes-no,nosuch"), "--prompts", "nosuch"),
        (("--prompts", "statement/yes-no", "--shard", "1/2"), "", "exclude each other"),
        (("--shard", "1/2"), "", ""),
        (("--shard", "5/2"), "", "shard"),
    ],
)
def test_prompts_and_shards_are_looked_at_before_they_start(flags, about, word):
    found = looked_at(("run-eval", "--dataset", "demo", "--split", "test", *flags))
    assert word in found["problem"] and bool(found["problem"]) == bool(word)
    assert found["about"] == about


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("evaluate", "wb run-eval --dataset demo --prompts a,b --shard 1/4 --answer both"),
        ("import", "wb runs import x.csv --dataset demo --model blip2 --format csv"),
    ],
)
def test_the_fields_and_the_line_say_the_same(kind, line):
    values = read_back(KINDS[kind], split_line(line))
    assert values is not None and values["more flags"] == ""
    assert fill(KINDS[kind], values).split() == line.split()


async def test_templates_that_are_chosen_for_prompts_stand_one_after_the_other():
    app = Host(NewJob({"dataset": "demo", "split": "test"}))
    async with app.run_test(size=(120, 40)) as pilot:
        form = app.place
        await until(pilot, lambda: "prompts" in form.fields.inputs)
        field = KINDS["evaluate"].field("prompts")
        form._take(field, "statement/yes-no")
        form._take(field, "statement/true-false")
        await pilot.pause()
        assert "--prompts statement/yes-no,statement/true-false" in form.line.value


@pytest.mark.parametrize("lists", ["answers", "controls", "formats"])
def test_each_value_of_a_flag_is_listed_with_a_sentence(lists):
    choices = choices_for(lists, {})
    assert choices and all(choice.about for choice in choices)


async def test_the_form_says_how_to_come_to_another_kind_of_job():
    app = Host(NewJob({"dataset": "demo", "split": "test"}))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.focused, FieldInput))
        assert "another kind: ↑ to the tabs, then ←→" in drawn(app)
        await pilot.press("up")
        await until(pilot, lambda: "←→ another kind of job" in drawn(app))
        await pilot.press("right")
        await until(pilot, lambda: "config" in app.screen.fields.inputs)
        await pilot.press("down")
        await until(pilot, lambda: isinstance(app.focused, FieldInput))
