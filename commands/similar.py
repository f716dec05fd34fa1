"""`wb similar`: the samples that are most like one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from commands.asking import check_exists, model_options, spec_from, tell_loading
from commands.mode_option import mode_option
from commands.printing import echo_json, echo_table

if TYPE_CHECKING:
    from workbench.similar.neighbours import Neighbours

_TEXT = 70  # characters of a text that a line shows


@click.command()
@click.argument("uid")
@click.option(
    "--by",
    type=click.Choice(["image", "pixels", "text"]),
    default="image",
    show_default=True,
    help="The model's image features, the pictures themselves, or the texts.",
)
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@click.option(
    "--splits",
    help="Splits to look in, or parts of them: train[:500],test (default: all but endless ones).",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Compare at most this many samples of each split, the first ones.",
)
@model_options()
@mode_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    uid: str, by: Any, top: int, splits: str | None, limit: int, as_json: bool, **model: Any
) -> None:
    """List the samples that are most like one.

    The samples of all splits of its dataset are compared. A duplicate in another split is marked
    as a leak. By image asks the engine for the mean output of the model's vision tower; the answers
    are kept, so a second question asks nothing. By pixels and by text need no model.

    \b
    Example:
      wb similar demo/test/000012 --by text
      wb similar nlvr1/dev/1572-0 --by pixels --top 5
      wb similar demo/test/000012 --by image --model demo --splits 'train[:500],test' --json
    """
    from commands.progress_line import Line
    from workbench.data.source import get_sample
    from workbench.similar.compare import Listeners, compare, split_names
    from workbench.similar.neighbours import neighbours

    sample = get_sample(uid)
    line, engine = Line(), None
    try:
        engine = _engine(model) if by == "image" else None
        scan = compare(
            uid.partition("/")[0],
            split_names(splits),
            sample=sample,
            pictures=by != "text" or bool(sample.images),
            model=engine,
            limit=limit,
            tell=Listeners(on_progress=line, on_load=tell_loading()),
        )
        found = neighbours(scan, sample.uid, by, top)
    finally:
        line.clear()
        if engine is not None:
            engine[0].close()
    if as_json:
        echo_json(found.to_json())
        return
    _show(found)


def _engine(flags: dict[str, Any]) -> Any:
    from workbench.models.remote_model import refuse_weights
    from workbench.serving.client import Engine

    spec = spec_from(flags)
    check_exists(spec)
    refuse_weights(spec, "image features")
    return Engine.connect(specs=[spec]), spec


def _show(found: Neighbours) -> None:
    from workbench.similar.neighbours import BY
    from workbench.text import clean, counted

    rows = []
    for one in found.found:
        said = one.in_common.words()
        shares = f"leak: {said}" if one.leak else said or "–"
        label = "–" if one.sample.label is None else one.sample.label
        text = clean(one.sample.text, newlines=False)
        row = (f"{one.similarity:.4f}", one.sample.uid, label, shares, text[:_TEXT] or "–")
        rows.append(row)
    nothing = f"nothing to list: {found.problem}" if found.problem else ""
    echo_table(("SIMILARITY", "UID", "LABEL", "SHARES", "TEXT"), rows, empty=clean(nothing))
    click.echo(f"by the {BY[found.by]}; compared: {clean(found.scanned_words)}", err=True)
    if found.leaks:
        click.echo(f"{counted(found.leaks, 'duplicate')} in another split", err=True)
    if found.undefined:
        click.echo(f"{counted(found.undefined, 'sample')} could not be compared by that", err=True)
