"""Shell completion of the ids of sessions, runs and jobs.

Guarantee: never raises, and stays fast: ids come from folder names alone. A record that cannot be
read offers nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_MOST = 100


def complete_runs(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Ids of runs, the newest first."""
    from sessions.runs import run_ids

    return _offer(run_ids, incomplete)


def complete_jobs(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Ids of jobs, the newest first."""
    from sessions.jobs import job_ids

    return _offer(job_ids, incomplete)


def complete_sessions(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Names of sessions."""
    from sessions.session_log import session_ids

    return _offer(session_ids, incomplete)


def complete_bookmarks(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """UIDs that are bookmarked."""

    def known() -> list[str]:
        from sessions.uid_cache import UidCache

        with UidCache.open() as cache:
            return [mark.uid for mark in cache.list() if mark.uid.isprintable()]

    return _offer(known, incomplete)


def complete_splits(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """`dataset/split` of every dataset."""

    def known() -> list[str]:
        from workbench.data.registry import list_datasets

        return [f"{info.name}/{split}" for info in list_datasets() for split in info.splits]

    return [word for word in _offer(known, incomplete) if word != "last"]


def complete_datasets(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Names of datasets."""

    def known() -> list[str]:
        from workbench.data.registry import list_datasets

        return [info.name for info in list_datasets()]

    return [word for word in _offer(known, incomplete) if word != "last"]


def complete_tags(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Tags of bookmarks."""

    def known() -> list[str]:
        from sessions.uid_cache import UidCache

        with UidCache.open() as cache:
            return [tag for tag in cache.tag_counts() if tag.isprintable()]

    return [word for word in _offer(known, incomplete) if word != "last"]


def complete_templates(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Names of prompt templates, the user's own too."""

    def known() -> list[str]:
        from workbench.prompts.pool import list_templates

        return list({t.name: None for t in reversed(list_templates())})

    return [word for word in _offer(known, incomplete) if word != "last"]


def _offer(known: Callable[[], list[str]], incomplete: str) -> list[Any]:
    from sessions.errors import WbError

    try:
        found = ["last", *reversed(known())]
    except (OSError, WbError):
        return []
    return [word for word in found if word.startswith(incomplete)][:_MOST]
