"""`wb runs rate`: what there is to rate, blind to the model, and a rating of one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from commands.completing import complete_runs

if TYPE_CHECKING:
    from workbench.evaluation.rating_queue import RatingItem, RatingQueue

RATER = click.option(
    "--rater", default="", metavar="NAME", help="Who rates.  [$WB_RATER, else the user's name]"
)
SCALE = click.option(
    "--scale",
    type=click.Choice(["1-5", "good-bad"]),
    default="1-5",
    show_default=True,
    help="What a rating can be.",
)


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
@RATER
@SCALE
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=0,
    help="Only N samples, drawn by --seed; all runs' answers; 0 for all.",
)
@click.option("--seed", default=0, show_default=True, help="Of the draw and of the order.")
@click.option("--item", default="", metavar="ITEM", help="Rate this one, by its name in the list.")
@click.option("--value", default="", help="With --item: 1 to 5; good or bad.")
@click.option("--note", default="", help="With --item: a note beside the rating.")
@click.option("--skip", is_flag=True, help="With --item: leave it out.")
@click.option("--undo", is_flag=True, help="Take the newest rating back, of any scale.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def rate(runs: tuple[str, ...], limit: int, seed: int, as_json: bool, **said: Any) -> None:
    """List the answers of runs to be rated, blind to the model, or rate one.

    The answers of all runs are shuffled by --seed; nothing says whose an answer is. The same
    command lists what is left; after a rating it shows the next. In the bench, `*` in Runs rates
    by keys.

    \b
    Example:
      wb runs rate 3f2a9k 8h1m0q --limit 50 --rater ann
      wb runs rate 3f2a9k 8h1m0q --limit 50 --rater ann --item 5f0c19ab2e --value 4
    """
    from sessions.ratings import check_rater, default_rater
    from sessions.runs import Run
    from workbench.errors import UsageError
    from workbench.evaluation.rating_queue import rating_queue

    queue = rating_queue(
        [Run.open(name) for name in dict.fromkeys(runs)],
        check_rater(said["rater"] or default_rater()),
        scale=said["scale"],
        seed=seed,
        limit=limit,
    )
    given = [f"--{name}" for name in ("value", "note", "skip") if said[name]]
    done = ""
    if said["item"] or (said["undo"] and not given):
        queue, done = _say(queue, said)
    elif given:
        raise UsageError(f"{', '.join(given)} wants --item: which answer is rated")
    _show(queue, as_json, done)


def _say(queue: RatingQueue, said: dict[str, Any]) -> tuple[RatingQueue, str]:
    """The queue after what was said, and that in words."""
    from sessions.ratings import check_value
    from workbench.errors import UsageError

    if sum((bool(said["value"]), said["skip"], said["undo"])) != 1:
        raise UsageError("--item wants one of --value, --skip and --undo")
    item = queue.find(said["item"]) if said["item"] else None
    if item is None or said["undo"]:
        queue, item, gone = queue.take_back(item)
        was = "a skip" if gone.skipped else gone.words
        return queue, f"taken back {item.name}: {was} on the scale {gone.scale}"
    value = check_value(queue.scale, said["value"]) if said["value"] else None
    queue = queue.say(item, value, skipped=said["skip"], note=said["note"])
    rating = queue.find(item.name).rating
    done = "skipped" if rating is None or rating.skipped else "rated"
    return queue, f"{done} {item.name}" + (
        f": {rating.words}" if rating and value is not None else ""
    )


def _show(queue: RatingQueue, as_json: bool, done: str = "") -> None:
    """The list of what is left; after a rating what was done, and the next item alone."""
    from commands.printing import echo_json, echo_table

    if as_json:
        facts = {"rater": queue.rater, "scale": queue.scale, "seed": queue.seed}
        counts = {"total": len(queue.items), "rated": queue.rated}
        echo_json({**facts, **counts, "items": [_row(item) for item in queue.items]})
        return
    rows = []
    for item in [item for item in queue.items if not item.done][: 1 if done else None]:
        asked = " · ".join(_row(item)["asked"].values())
        rows.append((item.name, item.uid, asked, item.answer))
    if done:
        click.echo(f"{done} · {queue.rated} of {len(queue.items)}", err=True)
    echo_table(("ITEM", "UID", "ASKED", "ANSWER"), rows, empty="all are rated")
    if not done:
        click.echo(f"{queue.rated} of {len(queue.items)} rated by {queue.rater}", err=True)


def _row(item: RatingItem) -> dict[str, Any]:
    """An item without its run."""
    from workbench.evaluation.rating_queue import asked_of

    sample, missing = asked_of(item.uid)
    rating = item.rating
    return {
        "item": item.name,
        "uid": item.uid,
        "asked": dict(sample.texts) if sample else {},
        "missing": missing,
        "answer": item.answer,
        "value": rating.value if rating else None,
        "skipped": bool(rating and rating.skipped),
        "note": rating.note if rating else "",
    }
