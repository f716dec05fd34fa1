"""What the Runs place reads from the record, off the event loop.

Guarantee: nothing here touches a widget. A run's predictions are read by whole lines from where
the last reading ended, so a file of 100,000 lines shows its first screenful at once and a running
evaluation is followed for the cost of what is new. Bad lines are counted, never raised.
Not for: writing. Repair of a torn file is `sessions`' own.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sessions.estimate import Estimate
from sessions.json_line import load_json
from sessions.plain_files import open_plain
from sessions.verdict import ERRORS, Verdict
from workbench.reports.prediction import Prediction, read_prediction
from workbench.reports.run import RunNames, names_of, run_name
from workbench.reports.tally import Tally, cell_of

FIRST = 1 << 16  # bytes read before the screen hears of a run: a few hundred lines
CHUNK = 1 << 19  # bytes read in one go after that
SLOWEST = 500  # how many the view of the slowest holds
WORDS = 160  # characters of a raw answer kept in memory; the whole is read again when looked at

View = Literal["errors", "unparsed", "failed", "slowest", "all", "cell"]


@dataclass(frozen=True)
class RunSummary:
    """One line of the list of runs.

    Attributes:
        metric: The name of `figure`, by which it is judged; empty before there is any.
        truncated: Answers cut off at the limit of new tokens.
        notes: What there is to know of its figures.
        standing: `running`, `pausing` or `paused` of an evaluation that some process is at.
        done, total: Samples (or steps) done; `total` 0 where unknown.
        created: A timestamp as the record holds it.
        predictions: The file of its answers.
    """

    id: str
    path: Path
    predictions: Path
    kind: str = "eval"
    state: str = "running"
    standing: str = ""
    created: object = None
    done: int = 0
    total: int = 0
    metric: str = ""
    figure: Estimate | None = None
    unparsed: int = 0
    failed: int = 0
    truncated: int = 0
    notes: tuple[str, ...] = ()
    metrics: Mapping[str, Estimate] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def names(self) -> RunNames:
        """What it is about."""
        return names_of(self.config, self.id)

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        return run_name(self.config, self.id)

    @property
    def where(self) -> str:
        """Dataset and split in a word."""
        return self.names.where or "–"

    @property
    def word(self) -> str:
        """How it stands, in a word."""
        return self.standing or self.state

    @property
    def who(self) -> str:
        """Model and adapter in a word, without folders."""
        return self.names.who_short


@dataclass(slots=True)
class PredictionRow:
    """One prediction, as much of it as a list needs.

    Attributes:
        label: What was read from the answer, `None` for unparsed.
        verdict: As `sessions.verdict` has it.
        judged: Whether something says what is right, of a failed sample too.
        seconds: How long it took, 0 where the line does not say.
        offset: Where its line begins in the file, in bytes.
        placed: Its label is boxes or points, which are no classes.
    """

    uid: str
    target: str
    label: str | None
    verdict: Verdict
    judged: bool
    error: str
    seconds: float
    words: str
    offset: int
    placed: bool = False

    @property
    def is_error(self) -> bool:
        """Whether it belongs among a run's errors: wrong, unparsed or failed."""
        return self.verdict in ERRORS


@dataclass
class Selection:
    """The rows of a view, in lists that only grow: one thread adds while another draws.

    Attributes:
        indices: Into the rows of the file.
        uids: The same rows' UIDs; never longer than `indices`.
        upto: How many rows were looked at.
        replaced: How many rows had been replaced by then.
    """

    indices: list[int] = field(default_factory=list)
    uids: list[str] = field(default_factory=list)
    upto: int = 0
    replaced: int = 0

    def add(self, index: int, uid: str) -> None:
        """One more row."""
        self.indices.append(index)
        self.uids.append(uid)


def _test_of(view: View, cell: tuple[str, str | None] | None) -> Callable[[PredictionRow], bool]:
    """Whether a row belongs to a view."""
    tests: dict[View, Callable[[PredictionRow], bool]] = {
        "errors": lambda r: r.is_error,
        "unparsed": lambda r: r.verdict == "unparsed",
        "failed": lambda r: r.verdict == "failed",
        "all": lambda r: True,
        "cell": lambda r: cell is not None and cell_of(r) == cell,
    }
    return tests[view]


class PredictionFile:
    """A run's `predictions.jsonl`, read as far as it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[PredictionRow] = []
        self.tally = Tally()
        self.bad = 0
        self._offset = 0
        self._places: dict[str, int] = {}
        self._replaced = 0
        self._selections: dict[tuple[View, tuple[str, str | None] | None], Selection] = {}

    def read(self, chunk: int = CHUNK) -> Iterator[int]:
        """Read what is new, giving way after each chunk with the number of rows so far."""
        try:
            with open_plain(self.path) as file:
                while True:
                    file.seek(self._offset)
                    size = chunk if self.rows else min(chunk, FIRST)
                    block = file.read(size)
                    end = block.rfind(b"\n") + 1
                    if end == 0 and len(block) == size:  # one line longer than a chunk
                        block += file.readline()
                        end = len(block) if block.endswith(b"\n") else 0
                    if end == 0:
                        return
                    self._take(block[:end])
                    yield len(self.rows)
        except OSError:
            return  # not written yet, or its run was deleted: there is nothing to show

    def _take(self, block: bytes) -> None:
        start = self._offset
        for raw in block[:-1].split(b"\n"):  # JSON escapes its own line ends
            offset, start = start, start + len(raw) + 1
            if not raw.strip():
                continue
            try:
                line = load_json(raw.decode())
                row = make_row(line, offset)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                self.bad += 1
                continue
            known = self._places.get(row.uid)
            if known is None:
                self._places[row.uid] = len(self.rows)
                self.rows.append(row)
            else:  # asked again after a resume: the last line counts
                self.tally.count(self.rows[known], -1)
                self.rows[known] = row
                self._replaced += 1
            self.tally.count(row)
        self._offset = start

    def select(self, view: View, cell: tuple[str, str | None] | None = None) -> Selection:
        """The rows of a view; asked again it looks at new rows only, and grows the same lists."""
        if view == "slowest":
            timed = ((row.seconds, -i) for i, row in enumerate(self.rows) if row.seconds > 0)
            found = Selection()
            for _, minus in heapq.nlargest(SLOWEST, timed):
                found.add(-minus, self.rows[-minus].uid)
            return found
        known = self._selections.get((view, cell))
        if known is None or known.replaced != self._replaced:
            known = Selection(replaced=self._replaced)
            self._selections[view, cell] = known
        test = _test_of(view, cell)
        for i in range(known.upto, len(self.rows)):
            if test(self.rows[i]):
                known.add(i, self.rows[i].uid)
        known.upto = len(self.rows)
        return known

    def whole(self, row: PredictionRow) -> Prediction | None:
        """The whole line of a row, read again from the file; `None` where it is gone."""
        try:
            with open_plain(self.path) as file:
                file.seek(row.offset)
                return read_prediction(load_json(file.readline().decode()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def make_row(line: Mapping[str, Any], offset: int) -> PredictionRow:
    """A row from a line of `predictions.jsonl`. Raises `KeyError` without a UID."""
    read = read_prediction(line)
    return PredictionRow(
        uid=read.uid,
        target=read.target or "",
        label=read.label,
        verdict=read.verdict,
        judged=read.judged,
        error=read.error,
        seconds=read.seconds,
        words=" ".join(read.text[: WORDS * 2].split())[:WORDS],
        offset=offset,
        placed=read.placed,
    )
