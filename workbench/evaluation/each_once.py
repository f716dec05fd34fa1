"""That each run of several is named once: a run beside itself has nothing to tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sessions.runs import Run
from workbench.errors import UsageError


def refuse_twice(runs: Sequence[Run]) -> None:
    """Raise `UsageError` if a run is among them twice, under whatever names."""
    twice = [ident for ident, count in Counter(run.id for run in runs).items() if count > 1]
    if twice:
        raise UsageError(
            f"run {twice[0]} is named twice",
            hint="name each run once; `last` is the newest one: wb runs list",
        )
