"""What the list of runs and the metrics have room for; no app is started."""

from types import SimpleNamespace

from sessions.estimate import Estimate
from workbench.app.lists.palette import PALETTE
from workbench.app.runs.figures import label_lines, ledger_lines, metric_lines
from workbench.app.runs.reading import RunSummary
from workbench.app.runs.run_table import MODEL, RunTable, score
from workbench.evaluation.ledger import Control, LedgerLine
from workbench.reports.tally import Tally

FIGURES = {
    name: Estimate(0.9, 0.8, 0.95, 40) for name in ("accuracy", "explanation_right/distinct2")
}


class Row:
    """A prediction, as far as a tally looks."""

    def __init__(self, target, label):
        self.target, self.label, self.verdict = target, label, "wrong"
        self.judged, self.placed, self.error = True, False, ""


def run(ident, template, **more):
    config = {"dataset": "shapes", "split": "shapes-test", "model": "demo", "template": template}
    figure = Estimate(0.875, 0.7, 0.95, 40)
    return RunSummary(ident, None, None, config=config, figure=figure, state="done", **more)


def lines_of(table, width):
    return [table._join(table._cells(i), width).plain for i in range(len(table.keys))]


def test_runs_that_differ_by_their_template_say_it_before_they_draw_a_bar():
    table = RunTable()
    table.show_runs([run("a", "question/vqa"), run("b", "statement/label-only")])
    for width in (65, 78):  # of the list at 160 and at 80 columns
        one, other = lines_of(table, width)
        assert "shapes/shapes-test demo  question/vqa" in one and "0.875" in one
        assert "demo  statement/label-only" in other
    counted = [run("a", "question/vqa", failed=3), run("b", "statement/label-only")]
    table.show_runs(counted)
    assert lines_of(table, 65)[0].split()[-2] == "3"  # what is counted keeps its column
    assert "━" not in lines_of(table, 65)[0] and "━" in lines_of(table, 84)[0]
    assert sum(w + 1 for w in table.layout_columns(65) if w) - 1 <= 65
    assert table.layout_columns(65)[MODEL] >= 22


def test_how_far_a_run_is_cannot_be_taken_for_its_figure():
    for width in (9, 19):
        for state, done in (("cancelled", 1), ("running", 21), ("running", 100)):
            at = RunSummary("a", None, None, state=state, done=done, total=100)
            drawn = score(at, width, PALETTE)
            assert drawn.plain.startswith(f"{done}% done") and drawn.cell_len <= width


def test_a_line_of_a_labels_figures_fits_into_the_box_of_the_metrics():
    tally = Tally()
    for label in ("True", "False", "a label of many many words"):
        tally.count(Row(label, label))
    for width in (42, 51):
        lines = label_lines(tally, PALETTE, width)
        assert len(lines) == 5 and all(line.cell_len <= width for line in lines)
        assert lines[1].plain.split() == ["label", "n", "prec", "recall", "F1"]
        found = metric_lines(FIGURES, width, PALETTE)
        assert all(line.cell_len <= width and "0.800 – 0.950" in line.plain for line in found)


def test_names_of_figures_and_labels_are_whole_where_there_is_room():
    long = "a label of so many words that no column is as wide"
    tally = Tally()
    tally.count(Row(long, long))
    for width, bars in ((60, False), (100, True), (156, True)):
        lines = [line.plain for line in metric_lines(FIGURES, width, PALETTE)]
        for name, line in zip(FIGURES, lines, strict=True):
            assert line.startswith(f"{name} ") and ("━" in line) == bars
    assert label_lines(tally, PALETTE, 100)[2].plain.startswith(f"{long} ")
    part = LedgerLine("image and text", 5, Estimate(0.5, 0.4, 0.6, 9), 0.2)
    control = Control("text-only-by-another-name", "x", Estimate(0.5, 0.4, 0.6, 9), None)
    told = ledger_lines(SimpleNamespace(parts=[part], controls=[control]), 100, PALETTE)
    assert told[-1].plain.startswith("accuracy text-only-by-another-name ")
