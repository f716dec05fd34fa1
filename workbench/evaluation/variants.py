"""The runs that asked the same samples another way, by the run that they belong to.

A control (`controls.py`) or a change of order (`orders.py`) is a run of its own, whose config says
of which run it is a variant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sessions.runs import Run


def name_of(run: Run) -> str:
    """The name of a variant: `blank`, `options:2`, `template:NAME`; empty for a plain run."""
    return variant_named(run.config)


def variant_named(config: Mapping[str, Any]) -> str:
    """The same of a run's config."""
    vary = str(config.get("vary") or "")
    if vary == "template":
        return f"template:{config.get('template')}"
    return str(config.get("control") or "") or vary


def variants_of(run: Run, runs: Iterable[Run] | None = None) -> dict[str, Run]:
    """The finished variants of a run by name, the newest of each.

    Args:
        run: A plain run.
        runs: To look among, the newest first; all where not given.
    """
    from sessions.runs import list_runs

    config = run.config
    key = config.get("settings_key") or run.key
    if not key or name_of(run):
        return {}
    found: dict[str, Run] = {}
    for other in list_runs() if runs is None else runs:
        theirs = other.config
        if theirs.get("variant_of") != key or other.state != "done":
            continue
        if theirs.get("images_digest") == config.get("images_digest"):
            found.setdefault(name_of(other), other)
    return found
