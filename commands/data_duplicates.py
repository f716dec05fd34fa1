"""`wb data duplicates`: the same and nearly the same samples of a dataset, across splits first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from commands.asking import check_exists, tell_loading
from commands.completing import complete_datasets
from commands.printing import echo_json, echo_table

if TYPE_CHECKING:
    from workbench.similar.duplicates import Duplicates
    from workbench.similar.scan import Scan


@click.command()
@click.argument("dataset", shell_complete=complete_datasets)
@click.option(
    "--by",
    "what",
    type=click.Choice(["pictures", "texts"]),
    multiple=True,
    help="Compare these alone; repeat for both (the default).",
)
@click.option(
    "--splits",
    help="Splits to compare, or parts of them: train[:500],test (default: all but endless ones).",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Compare at most this many samples of each split, the first ones.",
)
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many pairs to print; --json holds all.",
)
@click.option("--model", help="Compare the image features of this model too; needs --threshold.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="The cosine from which on features count as nearly the same; it depends on the model.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def duplicates(
    dataset: str,
    what: tuple[str, ...],
    splits: str | None,
    limit: int,
    top: int,
    model: str | None,
    threshold: float | None,
    as_json: bool,
) -> None:
    """List samples that are duplicates of others, across splits first.

    Each sample is named once for each split in which it has a duplicate, with the closest one.
    Same file and same pixels are certain. A near picture is one whose correlation at 16 x 16
    pixels is at least 0.98. Questions recur, so a question alone is no duplicate, and neither is
    a text that three or more different pictures share. SAME says what is the same: both, the
    image alone, or the text alone.

    \b
    Example:
      wb data duplicates demo --limit 500
      wb data duplicates nlvr1 --by pictures --json
      wb data duplicates mine --splits train,test --model demo --threshold 0.995
    """
    from commands.progress_line import Line
    from workbench.similar.compare import Listeners, compare, split_names
    from workbench.similar.duplicates import WHAT
    from workbench.similar.duplicates import duplicates as look_for

    if (model is None) != (threshold is None):
        raise click.UsageError("--model and --threshold go together")
    kinds, line, engine = what or WHAT, Line(), None
    try:
        engine = _engine(model) if model else None
        scan = compare(
            dataset,
            split_names(splits),
            pictures="pictures" in kinds,
            model=engine,
            limit=limit,
            tell=Listeners(on_progress=line, on_load=tell_loading()),
        )
        found = look_for(scan, kinds, features_near=threshold, on_progress=line)
    finally:
        line.clear()
        if engine is not None:
            engine[0].close()
    if as_json:
        echo_json(found.to_json())
        return
    _show(found, scan, top)


def _engine(model: str) -> Any:
    from workbench.models.remote_model import refuse_weights
    from workbench.models.spec import ModelSpec, chosen_spec
    from workbench.serving.client import Engine

    spec = chosen_spec({"model": model}, ModelSpec())
    check_exists(spec)
    refuse_weights(spec, "image features")
    return Engine.connect(specs=[spec]), spec


def _show(found: Duplicates, scan: Scan, top: int) -> None:
    from workbench.similar.texts import RECURS
    from workbench.text import clean, counted

    rows = []
    for split, other, kinds in found.counts():
        said = ", ".join(f"{kind} {count:,}" for kind, count in kinds.items())
        read = sum(each.read for each in scan.splits if each.split.partition("[")[0] == split)
        rows.append((split, other, f"{sum(kinds.values()):,} of {read:,}", said))
    echo_table(("SPLIT", "SHARES WITH", "SAMPLES", "KINDS"), rows, empty="no duplicates")
    if rows and top:
        click.echo()
        shown = found.pairs[:top]
        echo_table(
            ("KIND", "SAME", "SIMILARITY", "UID", "LABEL", "OTHER", "OTHER LABEL"),
            [
                (
                    f"leak: {p.kind}" if p.leak else p.kind,
                    p.same,
                    f"{p.similarity:.4f}",
                    p.uid,
                    "–" if p.label is None else p.label,
                    p.other,
                    "–" if p.other_label is None else p.other_label,
                )
                for p in shown
            ],
        )
        if left := len(found.pairs) - len(shown):
            click.echo(f"and {left:,} more: --top N, or --json", err=True)
    click.echo(f"compared: {clean(scan.scanned_words)}", err=True)
    if found.texts_recur:
        click.echo("texts were left out: questions recur about other pictures", err=True)
    if found.texts_left:
        said = f"texts of {counted(found.texts_left, 'sample')} were left out"
        click.echo(f"{said}: each stands beside {RECURS} or more different pictures", err=True)
    if unread := sum(split.unread_pictures for split in scan.splits):
        click.echo(f"{counted(unread, 'picture')} cannot be read", err=True)
