"""The list sorted: by labels, lengths and what a run says; shown, kept over filters, undone."""

from __future__ import annotations

from sessions.runs import Run
from tests.workbench.app.explore_bench import FakeEngine, bench
from workbench.app.lists.sample_order import SampleOrder
from workbench.reports.prediction_columns import columns_of, order_of


def make_run(name: str = "r") -> Run:
    """A run over demo/test that says more of later samples, nothing of the last."""
    run = Run.create({"dataset": "demo", "split": "test", "model": "demo"}, name, total=6)
    for number in range(6):
        line = {"uid": f"demo/test/{number:06d}", "label": "True", "target": "True", "text": "True"}
        line |= {"correct": True, "scores": {"True": 0.0, "False": -float(number)}}
        run.append(line | {"latency_s": (number * 5) % 6} | ({"loss": -number} if number else {}))
    run.set_state("done")
    return run


async def sort_by(b, column: str, *, down: bool = False, of_run: str = "") -> None:
    """Choose a column in the picker, as Enter on its line does."""
    await b.press("O")
    b.app.screen.dismiss(SampleOrder(column, down, of_run) if column else SampleOrder(""))
    await b.settle()


def shown(b, count: int = 8) -> list[int]:
    return [b.explore.widgets.samples.ordinal_at(line) for line in range(count)]


def test_what_has_no_value_stands_last_either_way_and_equals_keep_their_order():
    values = [2.0, None, 1.0, float("nan"), 2.0]
    assert order_of(values) == [2, 0, 4, 1, 3]
    assert order_of(values, descending=True) == [0, 4, 2, 1, 3]
    assert order_of(["b10", "B9", None, "a"]) == [3, 1, 0, 2], "numbers in texts by their value"


def test_every_number_that_a_run_records_is_a_column():
    run = make_run()
    found = columns_of(run.predictions())
    assert {"verdict", "answer", "answer length", "confidence", "latency_s", "loss"} <= set(found)
    assert found["confidence"]["demo/test/000000"] == 0.5
    assert "demo/test/000000" not in found["loss"], "what a line does not say is no value"


async def test_sorted_by_length_the_cursor_stays_on_its_sample_and_the_frame_says_so():
    async with bench(dataset="demo/test[:60]") as b:
        await b.press("j", "j")
        await sort_by(b, "text length", down=True)
        lengths = [b.explore.view.browser.row(o).characters for o in shown(b, 20)]
        assert lengths == sorted(lengths, reverse=True) and lengths[0] > lengths[-1]
        assert b.explore.view.uid == "demo/test/000002"
        assert b.explore.widgets.samples.ordinal == 2
        await b.shows("Samples by text length ↓")
        at = b.explore.widgets.samples.cursor
        await b.press("j")
        assert b.explore.view.ordinal == shown(b, at + 2)[-1], "the next is the next in this order"
        await sort_by(b, "")
        assert shown(b) == list(range(8))
        assert "Samples by" not in b.text()


async def test_a_filter_keeps_the_order_and_leaving_it_too():
    async with bench(dataset="demo/test[:200]") as b:
        await sort_by(b, "label", down=True)
        await b.press("slash")
        await b.type("teal")
        samples = b.explore.widgets.samples
        labels = [samples.rows[o].label for o in samples.matches]
        assert len(labels) > 5 and labels == sorted(labels, reverse=True)
        assert set(labels) == {"True", "False"}
        await b.press("escape", "escape")
        assert samples.matches is None
        assert [b.explore.view.browser.row(o).label for o in shown(b)] == ["True"] * 8
        await b.shows("Samples by label ↓")


async def test_columns_of_the_run_beside_sort_it_and_go_with_the_run():
    first = make_run()
    async with bench(dataset="demo/test[:9]", engine=FakeEngine()) as b:
        assert b.explore.view.run.run_id == first.id
        await sort_by(b, "confidence", down=True, of_run=first.id)
        assert shown(b, 9) == [5, 4, 3, 2, 1, 0, 6, 7, 8]
        await sort_by(b, "loss", of_run=first.id)
        assert shown(b, 9) == [5, 4, 3, 2, 1, 0, 6, 7, 8], "0 has no loss, as 6 to 8 have none"
        other = make_run("other")
        b.explore.controllers.run.load(other.id)
        await b.settle()
        assert b.explore.view.order is None and shown(b, 9) == list(range(9))


async def test_a_row_or_a_uid_that_is_jumped_to_is_found_in_the_order():
    async with bench(dataset="demo/test[:60]") as b:
        await sort_by(b, "text length")
        b.app.open_uid("demo/test/000041")
        await b.settle()
        assert b.explore.widgets.samples.ordinal == b.explore.view.ordinal == 41


async def test_an_endless_stream_is_not_sorted_and_says_so():
    async with bench(dataset="demo/stream") as b:
        await b.press("O")
        await b.shows("has no end", "[:1000]")
        await b.press("escape")
        assert b.explore.view.order is None


async def test_another_dataset_is_not_sorted():
    async with bench(dataset="demo/test[:60]") as b:
        await sort_by(b, "text length")
        b.explore.open_split("demo/dev[:60]")
        await b.settle()
        assert b.explore.view.order is None and shown(b) == list(range(8))


async def test_the_picker_offers_both_directions_and_every_column():
    make_run()
    async with bench((120, 60), dataset="demo/test[:9]") as b:
        await b.press("O")
        await b.shows(
            "label ↑", "label ↓", "text length ↑", "confidence ↓", "loss ↑", "as it comes"
        )
        await b.press("escape")
