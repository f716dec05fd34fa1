"""Boxes in the Runs place: over the picture of the row, and in no matrix of labels."""

from sessions.runs import Run
from tests.workbench.app.bench_host import Host, drawn, until
from workbench.app.runs.picture import RunPicture
from workbench.app.runs.screen import RunsScreen


def make_run() -> None:
    """Two wrong answers, one of them unparsed."""
    box = {"box": [16, 16, 48, 32]}
    with Run.create({"task": "grounding", "dataset": "demo_vqa", "split": "test"}, "k") as run:
        for number, regions in enumerate([[box], []]):
            told = {"v": 1, "regions": regions, "gold": [{"box": [16, 16, 48, 64]}]}
            line = {"uid": f"demo_vqa/test/00000{number}", "target": "[16, 16, 48, 64]"}
            label = "[16, 16, 48, 32]" if regions else None
            run.append(line | {"label": label, "correct": False, "text": "t", "grounding": told})
        run.set_state("done", total=2)


async def test_the_rows_boxes_lie_over_its_picture_and_go_with_it():
    make_run()
    app = Host(RunsScreen())
    async with app.run_test(size=(200, 60)) as pilot:
        picture = app.place.query_one(RunPicture)
        await until(pilot, lambda: app.place.detail.tally.n == 2)
        await pilot.press("enter")
        await until(pilot, lambda: picture._places is not None and picture._places.answered.regions)
        await until(pilot, lambda: "━ answer [16, 16, 48, 32]  IoU 0.33" in drawn(app))
        assert "╍ gold" in drawn(app)  # its numbers may stand on the next line
        assert not app.place.detail.tally.cells
        await pilot.press("j")
        await until(pilot, lambda: picture.uid == "demo_vqa/test/000001")
        await until(pilot, lambda: picture._places is not None)
        assert picture._places.answered.regions == ()
        assert picture._places.gold
