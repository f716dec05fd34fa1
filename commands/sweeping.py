"""Options that take several values with commas, and the grid of their combinations.

Guarantee: an option with one value works as any other option. Imports nothing heavy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from workbench.playground.sweep import Cell, Sweep
    from workbench.sample import Sample

# In this order they stand in a table; the last runs fastest.
SWEPT = (
    *("model", "adapter", "quantization", "dtype", "attention"),
    *("image_min_pixels", "image_max_pixels", "template", "shots"),
    *("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "num_beams"),
    *("max_new_tokens", "seed"),
)
_WORDS = {"model", "adapter", "template"}  # free text: a comma may belong to a folder's name


class Several(tuple):
    """The values of an option that was given several, by commas."""


class Commas(click.ParamType):
    """One value of another type, or several of them by commas."""

    def __init__(self, inner: click.ParamType) -> None:
        self.inner = inner
        self.name = inner.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A value of the inner type, or `Several` of them."""
        if isinstance(value, Several) or not isinstance(value, str) or "," not in value:
            return self.inner.convert(value, param, ctx)
        if self.inner.name == "text" and Path(value).exists():
            return self.inner.convert(value, param, ctx)
        parts = [part.strip() for part in value.split(",")]
        if not all(parts):
            self.fail(f"{value!r} has an empty value between its commas", param, ctx)
        return Several(self.inner.convert(part, param, ctx) for part in parts)

    def get_metavar(self, param: click.Parameter, *args: Any, **named: Any) -> str | None:
        """As the inner type has it."""
        return self.inner.get_metavar(param, *args, **named)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        """Complete the first value."""
        return self.inner.shell_complete(ctx, param, incomplete)


def take_several(command: click.Command) -> None:
    """Let the options that can be swept take several values by commas."""
    for param in command.params:
        if isinstance(param, click.Option) and param.name in SWEPT and not param.multiple:
            param.type = Commas(param.type)


def axes_of(
    flags: dict[str, Any], sample_of: Callable[[], Sample | None]
) -> dict[str, tuple[Any, ...]]:
    """The options that were given several values; stars in a template's name count as such.

    Args:
        flags: Name to value.
        sample_of: Gives what is asked about; asked where a template's name has stars.
    """
    axes: dict[str, tuple[Any, ...]] = {}
    for name in SWEPT:
        value = flags.get(name)
        if name == "template" and "*" in str(value):
            value = _templates(value, sample_of())
        if isinstance(value, Several):
            axes[name] = tuple(None if name == "adapter" and v == "none" else v for v in value)
    return axes


def _templates(value: Any, sample: Sample | None) -> Several:
    from workbench.prompts.pool import Template, templates_about
    from workbench.prompts.wording import words_of_left

    names: list[str] = []
    left: list[Template] = []
    for word in value if isinstance(value, Several) else (value,):
        found = templates_about(word, sample, left) if "*" in word else ()
        names += [t.name for t in found] or [word]
    if sample is not None and left:
        click.echo(f"note: templates {words_of_left(left, sample)}", err=True)
    return Several(dict.fromkeys(names))


# -- the table -------------------------------------------------------------------------------------


def shown(value: Any) -> str:
    """A value of an axis in a table."""
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return Path(text).name if text.startswith("/") else text


def grid_table(axes: Sequence[str], records: Sequence[PromptRecord]) -> None:
    """The answers of a grid on stdout: a line each, its place in the grid first."""
    from commands.printing import echo_table
    from workbench.reports.silence import answered_nothing

    labelled = any(r.label is not None for r in records)
    headers = [name.replace("_", "-") for name in axes] + ["label"] * labelled
    rows = []
    for record in records:
        row = [shown(record.cell.get(name)) for name in axes]
        if labelled:
            row.append(_reading(record))
        nothing = answered_nothing(len(record.tokens), record.finish_reason)
        rows.append([*row, record.said if record.said.strip() else f"({nothing})"])
    echo_table([h.upper() for h in [*headers, "answer"]], rows, empty="no answers")


def _reading(record: PromptRecord) -> str:
    """The label read from an answer, against the sample's own."""
    from sessions.verdict import answer_verdict

    found = answer_verdict(record)
    sign = {"failed": "-", "right": "✓", "wrong": "✗"}.get(found, "")
    label = "" if found == "failed" else record.label or ("unparsed" if found != "none" else "")
    return " ".join(word for word in (sign, label) if word)


def axes_of_records(records: Sequence[PromptRecord]) -> list[str]:
    """The axes of recorded cells, in the order in which they were recorded."""
    names: dict[str, None] = {}
    for record in records:
        names.update(dict.fromkeys(record.cell))
    return list(names)


class Teller:
    """Says on stderr how far a grid is: one moving line on a terminal, else a line per answer."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep, self.done = sweep, 0
        self._moves = sys.stderr.isatty()

    def loading(self, stage: str, share: float) -> None:
        """A model is being loaded."""
        from workbench.serving.protocol import loading_words

        if self._moves and (words := loading_words(stage, share)):
            self._move(words)

    def tell(self, cell: Cell, record: PromptRecord) -> None:
        """One more has ended."""
        from workbench.text import clean

        self.done += 1
        place = f"{self.done}/{len(self.sweep.cells)}"
        if self._moves:
            self._move(f"{place} answers")
            return
        values = ", ".join(f"{n.replace('_', '-')} {shown(v)}" for n, v in cell.values.items())
        said = record.failure or record.text
        click.echo(f"{place}  {values}: {clean(said, newlines=False)[:80]}", err=True)

    def end(self) -> None:
        """The moving line goes."""
        if self._moves:
            self._move("")

    def _move(self, words: str) -> None:
        from workbench.terminal import redraw

        redraw(words)


def ask_grid(
    sweep: Sweep,
    connect: Callable[[], Any],
    *,
    log: Any,
    cancelled: Callable[[], bool],
    on_problem: Callable[[Any], None],
) -> Iterator[tuple[Cell, PromptRecord]]:
    """The records as they come, told on stderr meanwhile."""
    from sessions.records import PromptRecord
    from workbench.playground.sweep import run

    teller = Teller(sweep)
    try:
        with connect() as engine:
            for cell, event in run(
                engine,
                sweep,
                log=log,
                cancelled=cancelled,
                on_progress=teller.loading,
                on_problem=on_problem,
            ):
                if isinstance(event, PromptRecord):
                    teller.tell(cell, event)
                    yield cell, event
    finally:
        teller.end()
