"""Keys that come while a list opens all go to it, in order, however long finding it takes."""

from __future__ import annotations

import threading

import pytest
from textual.widgets import Input, OptionList

from tests.workbench.app.bench_host import Host, drawn, until
from workbench.app.explore.data_picker import DataPicker
from workbench.app.jobs.new_job import NewJob
from workbench.app.widgets.choice import Choice
from workbench.app.widgets.path_picker import PathPicker
from workbench.app.widgets.picker import Picker

NAMES = ("apple", "banana", "cherry")


class Slow:
    """Choices that are found when the gate is opened."""

    def __init__(self):
        self.gate = threading.Event()

    def __call__(self, *_):
        assert self.gate.wait(30)
        return [Choice(name, "a fruit", name) for name in NAMES]


@pytest.fixture
def slow():
    made = Slow()
    yield made
    made.gate.set()


@pytest.mark.parametrize("field", ["split", "template", "model", "adapter", "config", "answer"])
async def test_text_typed_right_behind_enter_goes_to_the_list_of_a_field(field, slow, monkeypatch):
    monkeypatch.setattr("workbench.app.jobs.new_job.choices_for", slow)
    app = Host(NewJob({"dataset": "demo", "split": "test"}))
    async with app.run_test(size=(80, 24)) as pilot:
        form = app.place
        await until(pilot, lambda: field in form.fields.inputs)
        form.set_focus(form.fields.inputs[field])
        before = form.fields.values
        await pilot.press("enter", *"erry", "enter")
        assert isinstance(app.screen, Picker) and app.screen.query_one(Input).value == "erry"
        assert form.fields.values == before and "looking…" in drawn(app)
        slow.gate.set()
        await until(pilot, lambda: app.screen is form)
        assert form.fields.values == {**before, field: "cherry"}


@pytest.mark.parametrize(
    ("keys", "taken"),
    [
        (("down", "enter"), "banana"),
        (("down", "down", "up", "enter"), "banana"),
        (("down", "b", "backspace", "down", "enter"), "banana"),
        (("end", "n", "enter"), "banana"),
        (("x", "enter"), None),
        (("escape",), None),
    ],
)
async def test_moves_and_enter_wait_for_the_list_and_are_done_in_order(keys, taken, slow):
    got = []
    app = Host(NewJob({}))
    async with app.run_test(size=(80, 24)) as pilot:
        picker = Picker("Fruit", find=slow)
        app.push_screen(picker, got.append)
        await until(pilot, lambda: picker.is_running and picker.focused is not None)
        await pilot.press(*keys)
        assert got == ([None] if keys == ("escape",) else [])
        slow.gate.set()
        await until(pilot, lambda: got or (not app.tasks.busy("choices") and "x" in keys))
        assert got == ([] if "x" in keys else [taken])


async def test_a_list_that_turns_out_empty_says_so(slow):
    app = Host(NewJob({}))
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(Picker("Fruit", find=lambda token: [], empty="no fruit yet: plant one"))
        await until(pilot, lambda: "no fruit yet: plant one" in drawn(app))


async def test_what_keeps_a_list_from_being_found_is_told_and_nothing_is_looked_for_any_more():
    def find(token):
        raise OSError("the disk is gone")

    app = Host(NewJob({}))
    async with app.run_test(size=(80, 24)) as pilot:
        picker = Picker("Fruit", find=find)
        app.push_screen(picker)
        await until(pilot, lambda: app.failures and not picker.unlisted)
        assert "looking" not in drawn(app)


async def test_enter_right_behind_the_name_of_a_dataset_opens_it_once_it_was_looked_at(
    monkeypatch,
):
    import workbench.data.readiness as readiness_module

    real, gate = readiness_module.readiness, threading.Event()

    def held(name):
        assert gate.wait(30)
        return real(name)

    monkeypatch.setattr(readiness_module, "readiness", held)
    got = []
    app = Host(NewJob({}))
    async with app.run_test(size=(80, 24)) as pilot:
        picker = DataPicker("demo/test")
        app.push_screen(picker, got.append)
        await until(pilot, lambda: picker.is_running and picker.focused is not None)
        await pilot.press(*"nli/test", "enter")
        assert not got
        gate.set()
        await until(pilot, lambda: got)
        assert got == ["demo_nli/test"]


@pytest.mark.parametrize("slash", [True, False])
async def test_enter_works_after_tab_completed_a_path(tmp_path, slash):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "asked.csv").write_text("a,b\n")
    got = []
    app = Host(NewJob({}))
    async with app.run_test(size=(80, 24)) as pilot:
        picker = PathPicker("A file", f"{tmp_path}/", endings=(".csv",))
        app.push_screen(picker, got.append)
        await until(pilot, lambda: picker.is_running and picker.focused is not None)
        if slash:  # the folder was completed: Enter goes to what is in it
            await pilot.press(*"pic", "tab")
            field = picker.query_one(Input)
            await until(pilot, lambda: field.value == f"{tmp_path}/pictures/")
            await until(pilot, lambda: picker.query_one(OptionList).highlighted == 0)
            await pilot.press("enter")
        else:  # all at once
            await pilot.press(*"pic", "tab", "tab", "enter")
        await until(pilot, lambda: got)
        assert got == [f"{tmp_path}/pictures/asked.csv"]


async def test_enter_takes_a_path_that_the_list_does_not_have(tmp_path):
    (tmp_path / "data.bin").write_text("")
    got = []
    app = Host(NewJob({}))
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(PathPicker("A file", f"{tmp_path}/", endings=(".csv",)), got.append)
        await until(pilot, lambda: isinstance(app.screen, PathPicker) and app.screen.focused)
        await pilot.press(*"data", "full_stop", *"bin", "enter")
        await until(pilot, lambda: got)
        assert got == [f"{tmp_path}/data.bin"]
