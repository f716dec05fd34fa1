"""`wb runs invariance`: how often answers change if only the order or the wording changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from commands.completing import complete_runs
from commands.making_variants import variants_asked
from commands.printing import echo_json, echo_table
from sessions.ids import short_id

if TYPE_CHECKING:
    from sessions.estimate import Estimate
    from sessions.runs import Run
    from workbench.evaluation.invariance import Flips


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.option(
    "--of",
    "names",
    default="",
    metavar="NAMES",
    help="By commas: images, options, shots, labels, template:NAME, repeat.  [all that apply]",
)
@click.option("--circular", is_flag=True, help="Rotate the options through every position.")
@click.option("--existing", is_flag=True, help="Use only existing variants; ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def invariance(
    ctx: click.Context, run: str, names: str, circular: bool, existing: bool, as_json: bool
) -> None:
    """Ask a run's samples again in another order or wording, and count the flips.

    A flip is an answer whose label changed. `repeat` changes only the seed: its flip rate is the
    one to compare with. Each variant is a run of its own: `wb runs compare RUN VARIANT --flips`
    lists the samples that flipped, and two marked runs in the bench lead to them.

    \b
    Example:
      wb runs invariance last
      wb runs invariance last --of images,template:statement/yes-no
      wb runs invariance last --of options --circular
    """
    from sessions.runs import Run
    from workbench.evaluation.invariance import flips_of, right_throughout
    from workbench.evaluation.variants import variants_of

    found = Run.open(run)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if existing:
        runs = {name: made for name, made in variants_of(found).items() if made.config.get("vary")}
    else:
        runs = _make(ctx, found, wanted, circular)
    lines = found.predictions()
    said = {name: made.predictions() for name, made in runs.items()}
    told = [flips_of(name, runs[name].id, lines, said[name]) for name in runs]
    options = [said[name] for name in runs if name.startswith("options")]
    extra: dict[str, Estimate] = {}
    if told:
        extra["right in all"] = right_throughout([lines, *said.values()])
    if circular and options:
        extra["circular accuracy"] = right_throughout([lines, *options])
    if as_json:
        body: dict[str, Any] = {"run": found.id, "variants": [each.to_json() for each in told]}
        echo_json(body | {k.replace(" ", "_"): v.to_json() for k, v in extra.items()})
        return
    _show(told, extra)


def _make(ctx: click.Context, run: Run, wanted: list[str], circular: bool) -> dict[str, Run]:
    from workbench.errors import UsageError
    from workbench.evaluation.orders import problem_of
    from workbench.evaluation.run_variants import options_at_most

    names = wanted or ["images", "options", "shots", "labels", "repeat"]
    for name in names:
        if not name.startswith("template:") and (problem := problem_of(name)):
            raise UsageError(problem.replace("--vary", "--of", 1))
        if name == "template":
            raise UsageError("--of template wants a name", hint="template:statement/yes-no")
    if circular:
        names = [name for name in names if not name.startswith("options")]
        names += [f"options:{step}" for step in range(1, options_at_most(run))]
    try:
        return variants_asked(ctx, run, names, lenient=not wanted)
    except UsageError as error:
        said = error.message.replace("--vary", "--of", 1)
        raise UsageError(said, hint=error.hint, kind=error.kind) from error


def _show(told: list[Flips], extra: dict[str, Estimate]) -> None:
    from workbench.evaluation.comparison import p_words

    rows = [
        (
            each.name,
            each.rate.words(3),
            each.rate.interval(),
            str(each.rate.n),
            str(each.fixed),
            str(each.broken),
            each.accuracy.words(3),
            each.difference.words(3, "+"),
            each.difference.interval(3, "+"),
            p_words(each.difference.p_value),
            short_id(each.run),
        )
        for each in told
    ]
    head = ("VARIANT", "FLIPS", "95%", "N", "FIXED", "BROKEN", "ACCURACY", "CHANGE", "95%", "P")
    echo_table((*head, "RUN"), rows, empty="no variants")
    for name, figure in extra.items():
        beside = ", ".join(word for word in (f"{figure.n:,} samples", figure.note) if word)
        click.echo(f"{name:<18} {figure.words(3)}  {figure.interval()}  over {beside}")
