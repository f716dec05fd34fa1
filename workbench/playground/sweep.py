"""One prompt asked in many ways: the grid of some knobs, templates, models; behind `wb prompt`.

Guarantee: torch-free; every answer of a grid is on record under one sweep id, with what the cell
has of each axis. Cells of the same model are sent to the engine at once, which decodes them
together; models come one after the other, for two need not fit together. A cell that fails is
recorded as failed, and the others go on; a cancel keeps what was said. Not for evaluation: a grid
is about one sample.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.ids import new_id
from sessions.records import PromptRecord
from workbench.errors import EngineError, UsageError
from workbench.models.spec import ModelSpec
from workbench.playground.ask import append, ask
from workbench.playground.question import Question
from workbench.sample import Answer, Token

if TYPE_CHECKING:
    from sessions.session_log import SessionLog
    from workbench.serving.client import Engine

MAX_CELLS = 64
AT_ONCE = 32  # as many as the engine decodes together: more would only wait there
# After these the engine answers nobody: the rest would fail the same way.
_GONE = {"engine_died", "engine_silent", "engine_off"}

Event = Token | Answer | PromptRecord | WbError


@dataclass(frozen=True)
class Cell:
    """One place of a grid.

    Attributes:
        number: From 0, the last axis running fastest.
        values: Axis to what this cell has of it.
        question: What is asked; `None` where these values cannot go together.
        error: Why not.
    """

    number: int
    values: Mapping[str, Any]
    question: Question | None = None
    error: WbError | None = None


@dataclass(frozen=True)
class Sweep:
    """A grid to be asked.

    Attributes:
        axes: Name to values, in the order given.
        cells: All of them, in the order of the grid.
        id: Shared by their records.
    """

    axes: Mapping[str, tuple[Any, ...]]
    cells: tuple[Cell, ...]
    id: str = field(default_factory=new_id)


def combinations(axes: Mapping[str, Sequence[Any]], most: int = MAX_CELLS) -> list[dict[str, Any]]:
    """What each cell has of the axes, the last axis running fastest.

    Raises:
        UsageError: More than `most` cells, or an axis without or with repeated values.
    """
    for name, values in axes.items():
        if not values or len(set(values)) < len(values):
            shown = ", ".join(map(str, values)) or "nothing"
            raise UsageError(f"{name} wants different values, got {shown}", kind="bad_knob")
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > most:
        sizes = " x ".join(f"{len(values)} {name}" for name, values in axes.items())
        raise UsageError(
            f"{sizes} are {count:,} cells; at most {most:,} are asked",
            hint="leave out some values, or allow more: --max-cells",
            kind="too_many_cells",
        )
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def plan(
    axes: Mapping[str, Sequence[Any]],
    build: Callable[[dict[str, Any]], Question],
    most: int = MAX_CELLS,
) -> Sweep:
    """A grid of questions.

    Args:
        axes: Name to values.
        build: The question of a cell, from its values.
        most: The most cells that are meant.

    Raises:
        UsageError: As `combinations`.
        WbError: No cell at all can be asked: what `build` said of the first.
    """
    sweep = Sweep({name: tuple(values) for name, values in axes.items()}, ())
    cells = []
    for number, values in enumerate(combinations(axes, most)):
        try:
            question = replace(build(values), sweep=sweep.id, cell=values)
            cells.append(Cell(number, values, question))
        except WbError as error:
            cells.append(Cell(number, values, error=error))
    if cells and all(cell.error is not None for cell in cells):
        raise cells[0].error or UsageError("nothing to ask")
    return replace(sweep, cells=tuple(cells))


def pair(questions: Sequence[Question]) -> Sweep:
    """A grid of questions that differ in whom they ask: one after the other, under one id."""
    cells = [{"model": q.spec.model, "adapter": q.spec.adapter} for q in questions]
    axes = {name: tuple(dict.fromkeys(cell[name] for cell in cells)) for name in cells[0]}
    sweep = Sweep(axes, ())
    return replace(
        sweep,
        cells=tuple(
            Cell(number, cell, replace(question, sweep=sweep.id, cell=cell))
            for number, (cell, question) in enumerate(zip(cells, questions, strict=True))
        ),
    )


def failed_record(sweep: Sweep, cell: Cell, error: WbError) -> PromptRecord:
    """The line of a cell that could not even be asked."""
    like = next(c.question for c in sweep.cells if c.question is not None)
    values = cell.values
    return PromptRecord(
        uid=like.uid,
        model=str(values.get("model", like.spec.model)),
        adapter=values.get("adapter", like.spec.adapter),
        template=values.get("template", like.template),
        decoding=like.decoding.to_json()
        | {name: value for name, value in values.items() if name in like.decoding.to_json()},
        target=like.target,
        sweep=sweep.id,
        cell=dict(values),
        error=error.to_json()["error"],
    )


def run(
    engine: Engine,
    sweep: Sweep,
    *,
    log: SessionLog | None,
    cancelled: Callable[[], bool] | None = None,
    on_progress: Callable[[str, float], None] | None = None,
    on_problem: Callable[[WbError], None] | None = None,
) -> Iterator[tuple[Cell, Event]]:
    """Ask all cells; yields what happens in each: tokens, its `Answer`, its record last.

    A cell that fails gives its record, then its `WbError`. Cells that were not asked when a
    cancel came give nothing.

    Args:
        engine: Connected; used from several threads.
        sweep: What is asked.
        log: Where the records go; `None` keeps none.
        cancelled: Ends those under way within a token and starts no more.
        on_progress: As in `ask`; called from several threads.
        on_problem: Likewise.

    Raises:
        EngineError: The engine is gone; what was answered is on record.
    """
    for cell in sweep.cells:
        if cell.error is not None:
            record = failed_record(sweep, cell, cell.error)
            lost = append(log, record)
            if lost is not None and on_problem is not None:
                on_problem(lost)
            yield cell, record
            yield cell, cell.error
    groups: dict[ModelSpec, list[Cell]] = {}
    for cell in sweep.cells:
        if cell.question is not None:
            groups.setdefault(cell.question.spec, []).append(cell)
    for cells in groups.values():
        crew = _Crew(engine, cells, log, cancelled, on_progress, on_problem)
        yield from crew.work()


class _Crew:
    """Threads that ask the cells of one model, and the one queue of what they hear."""

    def __init__(
        self,
        engine: Engine,
        cells: Sequence[Cell],
        log: SessionLog | None,
        cancelled: Callable[[], bool] | None,
        on_progress: Callable[[str, float], None] | None,
        on_problem: Callable[[WbError], None] | None,
    ) -> None:
        self._engine, self._log = engine, log
        self._cancelled = cancelled or (lambda: False)
        self._tell = {"on_progress": on_progress, "on_problem": on_problem}
        self._waiting: queue.SimpleQueue[Cell] = queue.SimpleQueue()
        for cell in cells:
            self._waiting.put(cell)
        self._heard: queue.SimpleQueue[tuple[Cell, Event] | Exception | None] = queue.SimpleQueue()
        self._left = threading.Event()
        self._size = min(AT_ONCE, len(cells))

    def work(self) -> Iterator[tuple[Cell, Event]]:
        """Start the threads and hand on what they hear, until the last of them has ended."""
        threads = [
            threading.Thread(target=self._ask_all, name=f"sweep-{n}", daemon=True)
            for n in range(self._size)
        ]
        for thread in threads:
            thread.start()
        gone: Exception | None = None
        running = len(threads)
        try:
            while running:
                heard = self._heard.get()
                if heard is None:
                    running -= 1
                elif isinstance(heard, Exception):
                    gone = gone or heard
                else:
                    yield heard
            if gone is not None:
                raise gone
        finally:
            self._left.set()  # whoever reads us has gone: end what is under way
            for thread in threads:
                thread.join()

    def _stopped(self) -> bool:
        return self._left.is_set() or self._cancelled()

    def _ask_all(self) -> None:
        try:
            while not self._stopped():
                try:
                    cell = self._waiting.get_nowait()
                except queue.Empty:
                    break
                self._ask(cell)
        except Exception as error:
            self._left.set()
            self._heard.put(error)
        finally:
            self._heard.put(None)

    def _ask(self, cell: Cell) -> None:
        assert cell.question is not None
        try:
            for event in ask(
                self._engine, cell.question, log=self._log, cancelled=self._stopped, **self._tell
            ):
                self._heard.put((cell, event))
        except WbError as error:
            self._heard.put((cell, error))
            if isinstance(error, EngineError) and error.kind in _GONE:
                raise
