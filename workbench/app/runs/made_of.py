"""The modality ledger of the chosen run, as lines beside its figures.

Guarantee: read in a worker, from the controls that there are; a run without any costs a look at
the list of runs.
"""

from __future__ import annotations

from rich.text import Text

from sessions.errors import WbError
from workbench.app.lists.draw import plain
from workbench.app.lists.palette import Palette
from workbench.app.runs.figures import metric_line
from workbench.app.runs.reading import RunSummary
from workbench.evaluation.ledger import Ledger, ledger_of_run


def read_ledger(run: RunSummary) -> Ledger | None:
    """The ledger, `None` where the run has no controls. Blocks: for workers."""
    from sessions.runs import Run

    if run.kind != "eval":
        return None
    try:
        return ledger_of_run(Run(run.path))
    except (WbError, OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # a record that is damaged says so elsewhere


def ledger_lines(ledger: Ledger | None, width: int, palette: Palette) -> list[Text]:
    """What right answers need, then each control's accuracy; none without a ledger."""
    if ledger is None:
        return []
    lines: list[Text] = [Text()]
    if ledger.parts:
        lines.append(plain("right answers need", palette.dim))
    for part in ledger.parts:
        line = metric_line(part.name, part.share, width, palette)
        if part.luck is not None:
            line.append(f"  by luck {part.luck:.3f}", palette.dim)
        lines.append(line)
    lines += [
        metric_line(f"accuracy {control.name}", control.accuracy, width, palette)
        for control in ledger.controls
    ]
    return lines
