"""What the score of a run is made of: its modality ledger.

Guarantee: read in a worker, from the controls that there are; a run without any costs a look at
the list of runs.
"""

from __future__ import annotations

from sessions.errors import WbError
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
