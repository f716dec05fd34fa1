"""The options for few-shot examples, shared by the commands that take them.

Guarantee: an option means the same in all of them. Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from commands.completing import complete_runs, complete_splits, complete_tags

if TYPE_CHECKING:
    from workbench.prompts.shots import ShotWish


def shot_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--shots`, and where the examples come from."""
    for option in reversed(
        (
            click.option(
                "--shots",
                default=0,
                help="Examples per label (in all for open answers), drawn by --seed.",
            ),
            click.option(
                "--shots-from",
                default="",
                metavar="DATASET/SPLIT",
                help="Draw the examples from this split.  [the dataset's train split]",
                shell_complete=complete_splits,
            ),
            click.option(
                "--shot",
                "shot_uids",
                multiple=True,
                metavar="UID",
                help="Use this sample as an example; repeat for several.",
            ),
            click.option(
                "--shots-tag",
                default="",
                metavar="TAG",
                help="Use bookmarks with this tag; with --shots, that many of each label.",
                shell_complete=complete_tags,
            ),
            click.option(
                "--shots-right-in",
                default="",
                metavar="RUN",
                help="Draw from the samples that RUN got right.",
                shell_complete=complete_runs,
            ),
        )
    ):
        function = option(function)
    return function


def shot_wish(flags: dict[str, Any]) -> ShotWish:
    """What the options ask for, `--seed` included. Raises `UsageError`."""
    from workbench.errors import UsageError
    from workbench.prompts.shots import ShotWish

    wish = ShotWish(
        count=flags["shots"],
        seed=flags["seed"],
        source=flags["shots_from"],
        uids=tuple(flags["shot_uids"]),
        tag=flags["shots_tag"],
        right_in=flags["shots_right_in"],
    )
    if problems := wish.problems():
        raise UsageError("; ".join(problems), kind="bad_knob")
    return wish
