"""A sweep that shows itself: the same question with every combination of some values.

Guarantee: the grid, its records and their order are those of `workbench.playground.sweep`, as for
`wb prompt --temperature 0,0.7 --template a,b`; a cell that cannot be asked says why in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from workbench import markup
from workbench.images.in_html import images_row
from workbench.notebook.answers import Said, tokens_html, told, warn
from workbench.notebook.display import Live, Shown, interruptible
from workbench.sample import Answer
from workbench.text import clean, counted

if TYPE_CHECKING:
    from sessions.errors import WbError
    from sessions.session_log import SessionLog
    from workbench.playground.question import Question
    from workbench.playground.sweep import Sweep

# These take several values of themselves, so a list is one value.
_ONE_VALUE = {"stop", "shots"}


class Grid(Shown, Sequence[Said]):
    """The answers of a sweep, the last axis running fastest; those that failed left out.

    Attributes:
        sweep: What was asked; `.id` finds its records again, `.axes` names the values.
        errors: Number of a cell to why it failed.
    """

    def __init__(
        self, sweep: Sweep, answers: Mapping[int, Said], errors: Mapping[int, WbError]
    ) -> None:
        self.sweep = sweep
        self.errors = dict(errors)
        self._answers = dict(sorted(answers.items()))

    @overload
    def __getitem__(self, index: int) -> Said: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Said]: ...
    def __getitem__(self, index: int | slice) -> Said | Sequence[Said]:
        return list(self._answers.values())[index]

    def __len__(self) -> int:
        return len(self._answers)

    def _html(self) -> str:
        axes = list(self.sweep.axes)
        first = next(iter(self._answers.values()), None)
        question = first.question if first is not None else None
        images = [ref for m in question.messages for ref in m.images] if question else []
        cells = {cell.number: self._cell(cell.number) for cell in self.sweep.cells}
        read = ["read as"] if any(words for words, _ in cells.values()) else []
        rows = [
            (
                *(markup.esc(cell.values[axis], 200) for axis in axes),
                *cells[cell.number][0 if read else 1 :],
            )
            for cell in self.sweep.cells
        ]
        head = markup.heading(first.uid or "sweep" if first else "sweep", self._counted())
        return head + images_row(images, width=140) + markup.table([*axes, *read, "answer"], rows)

    def _cell(self, number: int) -> tuple[str, str]:
        if number in self.errors:
            return markup.badge("failed", markup.BAD), markup.esc(self.errors[number].message, 400)
        said = self._answers.get(number)
        if said is None:
            return markup.badge("not asked"), ""
        judged = said.label is not None or said.right is not None
        read = markup.badge(said.label or "unparsed") if judged else ""
        words = tokens_html(said.tokens, said.text)
        if said.places is not None:  # each answer's own boxes, over the pictures that it is about
            words += said.pictures(140)
        return f"{read} {markup.verdict(said.right)}".strip(), words

    def _counted(self) -> str:
        words = f"{len(self)} of {counted(len(self.sweep.cells), 'cell')}"
        different = len({said.text for said in self})
        failed = f", {len(self.errors)} failed" if self.errors else ""
        if len(self) < 2:
            return words + failed
        said = "all the same" if different == 1 else counted(different, "different answer")
        return f"{words}{failed}, {said}"

    def _plain(self) -> str:
        lines = [self._counted()]
        for cell in self.sweep.cells:
            said = self._answers.get(cell.number)
            values = ", ".join(f"{name} {value}" for name, value in cell.values.items())
            error = self.errors.get(cell.number)
            words = said.text if said else error.message if error else "not asked"
            lines.append(f"{values}: {words}")
        return "\n".join(clean(line, newlines=False) for line in lines)


def axes_of(words: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """The words that have several values, in the order given."""
    return {
        name: tuple(value)
        for name, value in words.items()
        if isinstance(value, (list, tuple)) and name not in _ONE_VALUE
    }


def ask_all(
    axes: Mapping[str, Sequence[Any]],
    build: Callable[[dict[str, Any]], Question],
    log: SessionLog | None,
) -> Grid:
    """Ask every combination, the grid filling under the cell.

    Raises:
        UsageError: There are too many cells, or none that can be asked.
        EngineError: The engine is gone.
        KeyboardInterrupt: The cell was interrupted; what was said so far stays drawn.
    """
    from sessions.errors import WbError
    from sessions.records import PromptRecord
    from workbench.playground.sweep import plan, run
    from workbench.serving.client import Engine

    sweep = plan(axes, build)
    answers: dict[int, Answer] = {}
    said: dict[int, Said] = {}
    errors: dict[int, WbError] = {}
    live = Live()
    specs = [cell.question.spec for cell in sweep.cells if cell.question is not None]
    with Engine.connect(start=True, specs=specs) as engine, interruptible() as pressed:
        try:
            for cell, event in run(engine, sweep, log=log, cancelled=pressed, on_problem=warn):
                if isinstance(event, Answer):
                    answers[cell.number] = event
                elif isinstance(event, WbError):
                    errors[cell.number] = event
                elif isinstance(event, PromptRecord) and cell.number in answers:
                    answer = answers[cell.number]
                    said[cell.number] = told(answer, cell.question, event, log)
                    live.draw(Grid(sweep, said, errors)._html)
        except BaseException:
            live.clear()
            raise
        grid = Grid(sweep, said, errors)
        if pressed():
            live.draw(grid._html, now=True)
        else:
            live.clear()
    return grid
