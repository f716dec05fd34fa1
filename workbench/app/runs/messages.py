"""What the workers of the Runs place tell its screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.message import Message

from workbench.app.runs.reading import Row, RunSummary, Selection, Tally

if TYPE_CHECKING:
    from workbench.evaluation.comparison import RunComparison
    from workbench.evaluation.ledger import Ledger


class RunsRead(Message):
    """The list of runs was read."""

    def __init__(self, runs: list[RunSummary]) -> None:
        super().__init__()
        self.runs = runs


class PredictionsRead(Message):
    """A part of a run's predictions was read and the view chosen from it."""

    def __init__(
        self, run_id: str, rows: list[Row], tally: Tally, selection: Selection, done: bool
    ) -> None:
        super().__init__()
        self.run_id, self.rows, self.tally = run_id, rows, tally
        self.selection, self.done = selection, done


class LedgerRead(Message):
    """What a run's score is made of was read; `None` without controls."""

    def __init__(self, run_id: str, ledger: Ledger | None) -> None:
        super().__init__()
        self.run_id, self.ledger = run_id, ledger


class AnswerRead(Message):
    """The whole line of one prediction was read."""

    def __init__(self, row: Row, line: dict[str, Any]) -> None:
        super().__init__()
        self.row, self.line = row, line


class Compared(Message):
    """Two runs were compared, or cannot be: then `problem` says why."""

    def __init__(
        self, ids: tuple[str, str], comparison: RunComparison | None, problem: str = ""
    ) -> None:
        super().__init__()
        self.ids, self.comparison, self.problem = ids, comparison, problem
