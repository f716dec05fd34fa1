"""What leaves the Runs place: the samples in view as a file, a report, a text for the clipboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sessions.ids import short_id
from workbench.app.runs.detail import RunDetail
from workbench.text import clean, counted

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.runs.reading import RunSummary
    from workbench.reports.tally import Tally

FORMS = "file: .csv, .jsonl or .json"
BRIEF = 120  # characters of a text that the list of texts shows


class SampleExport:
    """Writes and copies what the chosen run shows."""

    def __init__(self, bench: WbApp, detail: RunDetail) -> None:
        self._bench, self._detail = bench, detail

    def samples(self) -> None:
        """Write the samples in view, as narrowed and in their order, to a file."""
        from workbench.app.widgets.path_form import ask_path

        run, uids, view = self._detail.run, self._detail.samples.uids, self._detail.view
        if run is None or not uids:
            self._bench.notify("no samples in this view to export", severity="warning")
            return

        def write(path: Path) -> str:
            from sessions.atomic import atomic_write
            from sessions.runs import Run
            from workbench.evaluation.export import export, form_of

            atomic_write(path, export(Run.open(run.id), form_of(path.name), uids=uids))
            return f"{counted(len(uids), 'sample')} written to {path}"

        title = f"Export {counted(len(uids), 'sample')} ({view})"
        name = f"{view}-{short_id(run.id)}.csv"
        ask_path(self._bench, title, FORMS, write, paths={}, kept="", default=name)

    def report(self) -> None:
        """Write a report of the run, as a job."""
        from workbench.app.lists.dialogs import LineDialog

        run = self._detail.run
        if run is None:
            return
        name = f"report of the run {run.name}"

        def done(line: str | None) -> None:
            if line and (path := Path(line.strip()).expanduser().absolute()):
                self._bench.start_job(["runs", "report", run.id, "--out", str(path)], name)

        body = "A page with pictures (.html), a text (.md), or a folder for both, CSV and JSON."
        value = str(Path.cwd() / f"report-{short_id(run.id)}.html")
        self._bench.push_screen(LineDialog(f"Write a {name}", body, value=value), done)

    def copy(self) -> None:
        """Choose what is copied of all that stands here."""
        from workbench.app.widgets.choice import Choice
        from workbench.app.widgets.picker import Picker

        run = self._detail.run
        texts = self._texts(run) if run is not None else {}
        if not texts:
            self._bench.notify("this run has nothing to copy yet", severity="warning")
            return
        choices = [
            Choice(name, clean(text, newlines=False)[:BRIEF], name) for name, text in texts.items()
        ]

        def take(name: str | None) -> None:
            if name is not None:
                self._bench.copy_text(texts[name], name, panel=False)

        self._bench.push_screen(Picker("Copy", choices), take)

    def _texts(self, run: RunSummary) -> dict[str, str]:
        """Name -> text; tables with tabs, which a spreadsheet takes."""
        row, texts = self._detail.samples.row, {}
        if row is not None:
            line = self._detail.answer.line
            said = (line.text if line is not None and line.uid == row.uid else "") or row.words
            texts["answer"] = said or row.error
            facts = (row.uid, row.target, row.label, row.verdict, row.seconds or "", said)
            texts["row"] = _table(("uid", "target", "label", "verdict", "seconds", "text"), [facts])
        if run.metrics:
            head = ("metric", "value", "low", "high", "n")
            found = [(n, m.value, m.low, m.high, m.n or "") for n, m in run.metrics.items()]
            texts["figures"] = _table(head, found)
        if labels := self._detail.tally.labels():
            texts["confusion matrix"] = _matrix(self._detail.tally, labels)
        return {name: text for name, text in texts.items() if text}


def _table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    """Rows with tabs between their cells, each cell on one line."""
    lines = [head, *rows]
    cells = (["" if c is None else clean(c, newlines=False) for c in line] for line in lines)
    return "".join("\t".join(cell.replace("\t", " ") for cell in line) + "\n" for line in cells)


def _matrix(tally: Tally, labels: list[str]) -> str:
    """Targets down, what was read across; unparsed last."""
    across: list[str | None] = [*labels, *([None] if tally.unparsed else [])]
    head = ("target", *("unparsed" if label is None else label for label in across))
    rows = [(target, *(tally.cells[target, label] for label in across)) for target in labels]
    return _table(head, rows)
