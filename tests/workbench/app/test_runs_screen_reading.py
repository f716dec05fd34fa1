"""Reading predictions: by whole lines, incrementally, and fast enough for long runs."""

import json
import threading

from tests.workbench.app.bench_host import Host, until
from tests.workbench.app.make_records import make_run, predictions
from workbench.app.runs.reading import PredictionFile
from workbench.app.runs.screen import RunsScreen
from workbench.reports.prediction import read_prediction

MANY = 100_000


def write(path, lines, mode="w"):
    with path.open(mode) as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def read_all(file):
    return [count for count in file.read()]


def test_only_what_is_new_is_read_and_half_a_line_waits_for_its_end(tmp_path):
    path = tmp_path / "predictions.jsonl"
    lines = list(predictions(10, failed=0, unparsed=0))
    write(path, lines[:6])
    file = PredictionFile(path)
    read_all(file)
    whole = json.dumps(lines[6])
    with path.open("a") as out:
        out.write(whole[:20])
    read_all(file)
    assert len(file.rows) == 6
    with path.open("a") as out:
        out.write(whole[20:] + "\n")
    read_all(file)
    assert [row.uid for row in file.rows] == [line["uid"] for line in lines[:7]]
    assert file.whole(file.rows[6]) == read_prediction(lines[6])


def test_of_two_lines_of_a_uid_the_last_counts_once(tmp_path):
    path = tmp_path / "predictions.jsonl"
    line = {"uid": "d/s/1", "label": "true", "target": "false"}
    write(path, [line, {**line, "label": "false"}])
    file = PredictionFile(path)
    read_all(file)
    assert (file.tally.n, file.tally.right) == (1, 1)
    assert file.tally.cells["false", "true"] == 0


def test_captions_are_neither_right_nor_wrong(tmp_path):
    path = tmp_path / "predictions.jsonl"
    line = {"label": None, "target": "a cat", "correct": None, "text": "a cat"}
    write(path, [{**line, "uid": "d/s/1"}, {**line, "uid": "d/s/2", "error": {"message": "gone"}}])
    file = PredictionFile(path)
    read_all(file)
    assert (file.tally.n, file.tally.judged, file.tally.unparsed, file.tally.failed) == (2, 0, 0, 1)
    assert file.select("errors").indices == [1]


def test_per_label_figures_agree_with_counting_by_hand(tmp_path):
    path = tmp_path / "predictions.jsonl"
    said = [("a", "a"), ("a", "a"), ("a", "b"), ("b", "b"), ("b", None), ("b", "a")]
    write(path, [{"uid": f"d/s/{i}", "target": t, "label": p} for i, (t, p) in enumerate(said)])
    file = PredictionFile(path)
    read_all(file)
    assert file.tally.labels() == ["a", "b"]
    a, b = file.tally.per_label(["a", "b"])
    assert a == ("a", 3, 2 / 3, 2 / 3, 2 / 3)
    assert b == ("b", 3, 1 / 2, 1 / 3, 2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))
    assert file.tally.accuracy.value == 0.5


async def test_a_run_of_100000_predictions_shows_its_first_screen_at_once(monkeypatch):
    # The rest of the file is held back until the first screen stands: no clock decides.
    gate, read = threading.Event(), PredictionFile.read

    def halting(self, *args):
        chunks = read(self, *args)
        yield next(chunks)
        assert gate.wait(60)
        yield from chunks

    monkeypatch.setattr(PredictionFile, "read", halting)
    run = make_run(0, state="running", total=MANY)
    block = [json.dumps(line) for line in predictions(1000, right=0.5)]
    with run.predictions_path.open("w") as out:
        for i in range(MANY // 1000):
            for j, line in enumerate(block):
                head, _, rest = line.partition('", ')
                out.write(f'{head.rpartition("/")[0]}/{i * 1000 + j}", {rest}\n')
    app = Host(RunsScreen())
    async with app.run_test(size=(200, 60)) as pilot:
        screen = app.place
        await until(pilot, lambda: len(screen.detail.samples.keys) > 0, 30)
        assert screen.detail.tally.n < MANY  # what is in sight does not wait for the rest
        gate.set()
        await until(pilot, lambda: screen.detail.tally.n == MANY, 60)
        await pilot.press("enter", "end")
        await pilot.pause()
        assert screen.detail.samples.cursor == len(screen.detail.samples.keys) - 1 > 40_000
    run.close()
