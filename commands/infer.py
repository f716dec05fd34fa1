"""`wb infer`: caption a folder of images, or a split, into a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.asking import knob_options, model_options, spec_from
from commands.completing import complete_splits, complete_templates
from commands.inference_option import inference_option, tell_taken
from commands.mode_option import mode_option
from commands.paths import WriteFile
from commands.printing import echo_json
from commands.run_eval import KNOBS, typed

if TYPE_CHECKING:
    from workbench.evaluation.columns import OutputColumn
    from workbench.evaluation.config import EvalConfig

_MOST_TOLD = 10


@click.command()
@click.argument("what", metavar="FOLDER|DATASET/SPLIT", shell_complete=complete_splits)
@click.option("--out", required=True, type=WriteFile(), help="The file to write.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["map", "list", "jsonl", "csv"]),
    help="map is {image: caption}.  [by the ending of --out]",
)
@click.option(
    "--columns",
    default="",
    metavar="NAMES",
    help="By commas, SOURCE or NAME=SOURCE: image, uid, caption, error, texts of the samples.",
)
@inference_option
@model_options()
@click.option(
    "--template",
    default="",
    help="The prompt template.  [the model's own for captions]",
    shell_complete=complete_templates,
)
@click.option(
    "--limit", type=click.IntRange(min=0), default=0, help="Only the first N images; 0 for all."
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=16,
    help="Images per batch; changes no caption.  [16]",
)
@knob_options()
@click.option("--retry-failed", is_flag=True, help="Ask again about images that failed before.")
@click.option("--fresh", is_flag=True, help="Ask again about every image, whatever is on record.")
@click.option("--threads", default=0, help="CPU threads; 0 lets torch decide.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=1,
    help="Processes that ask, each with a model, on a GPU each; changes no caption.  [1]",
)
@click.option("--detach", is_flag=True, help="Run as a background job and print its id.")
@mode_option
@click.option("--json", "as_json", is_flag=True, help="Print counts and failures as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    what: str,
    out: Path,
    form: str | None,
    detach: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Caption every image of a folder, or of a split, into a file.

    An image that cannot be read is counted and named with its reason; the others go on. After a
    kill the same command continues. The file is written whole at the end. The captions are also a
    run: `wb runs show` has the tokens and the time of each.

    \b
    Example:
      wb infer photos --out captions.json
      wb infer photos --model nlpconnect/vit-gpt2-image-captioning --num-beams 4 --out c.jsonl
      wb infer demo/test[:20] --adapter RUN --out captions.csv
      wb infer esnlive_exp/test --config esnlive_paligemma --adapter RUN --out answers.csv
    """
    from workbench.evaluation.columns import read_columns
    from workbench.evaluation.infer import format_of

    wanted, columns = format_of(str(out), form or ""), read_columns(flags["columns"])
    config = _config(what, flags, columns, wanted)
    tell_taken(ctx, config.inference_config)
    if detach:
        from workbench.evaluation.would_start import refuse, standings

        refuse(standings(config))
        _detach(ctx, what, out, as_json)
        return
    from sessions.atomic import atomic_write
    from workbench.evaluation.infer import captions_of, infer, text_of, twins
    from workbench.progress import StderrLine

    line = StderrLine()
    try:
        run = infer(config, on_progress=line)
    finally:
        line.end()
    if run.state == "cancelled":
        click.echo("cancelled; the same command goes on", err=True)
        ctx.exit(1)
    captions = captions_of(run)
    atomic_write(out.absolute(), text_of(captions, wanted, columns))
    failed = [caption for caption in captions if caption.caption is None]
    facts = {
        "run": run.id,
        "out": str(out.absolute()),
        "format": wanted,
        "images": len(captions),
        "captioned": len(captions) - len(failed),
        "failed": [{"image": c.image, "uid": c.uid, "error": c.error} for c in failed],
        "keys": "uid" if wanted == "map" and twins(captions) else "image",
    }
    if as_json:
        echo_json(facts)
    _tell(facts)
    if captions and len(failed) == len(captions):
        ctx.exit(1)


def _tell(facts: dict[str, Any]) -> None:
    """Counts and failures on stderr; the captions are in the file."""
    from workbench.text import clean, counted

    for entry in facts["failed"][:_MOST_TOLD]:
        said = f"{entry['image']}: {entry['error']}"
        click.echo(f"failed: {clean(said, newlines=False)}", err=True)
    if (more := len(facts["failed"]) - _MOST_TOLD) > 0:
        click.echo(f"failed: {more} more; see: wb runs show {facts['run']} --errors", err=True)
    if facts["keys"] == "uid":
        click.echo("note: several samples show the same image: the keys are their UIDs", err=True)
    words = f"{counted(facts['captioned'], 'caption')}, {len(facts['failed'])} failed"
    click.echo(f"{words}, run {facts['run']}, written to {clean(facts['out'])}", err=True)


def _config(
    what: str, flags: dict[str, Any], columns: Sequence[OutputColumn], form: str
) -> EvalConfig:
    """Of what is to be captioned; what cannot be written is told before a model is loaded."""
    from workbench.evaluation.config import EvalConfig
    from workbench.evaluation.infer import check_columns
    from workbench.inference.decoding import Decoding
    from workbench.serving.protocol import absolute

    knobs = {name: flags[name] for name in KNOBS} | {"top_logprobs": 0}
    names = (
        "template",
        "limit",
        "batch_size",
        "retry_failed",
        "threads",
        "processes",
        "seed",
        "fresh",
    )
    config = EvalConfig(
        **_place(what),
        **{name: flags[name] for name in (*names, "inference_config")},
        spec=absolute(spec_from(flags)),
        decoding=Decoding.from_json(knobs),
    )
    check_columns(config, columns, form)
    return config


def _place(what: str) -> dict[str, str]:
    """`{"dataset"}` or `{"folder"}`. Raises `UsageError` where it could be both."""
    from workbench.data.registry import find_dataset
    from workbench.errors import UnknownName, UsageError

    path = Path(what).expanduser()
    try:
        find_dataset(what.partition("/")[0])
        known = not what.startswith((".", "/", "~"))
    except (UnknownName, UsageError):
        known = False
    if path.is_dir() and known:
        raise UsageError(f"{what} is a folder and a dataset", hint=f"write ./{what} for the folder")
    if path.is_file():
        raise UsageError(f"{what} is a file", hint=f"one image is asked about by: wb prompt {what}")
    if path.is_dir():
        return {"dataset": "", "folder": str(path.absolute())}
    return {"dataset": what}


def _detach(ctx: click.Context, what: str, out: Path, as_json: bool) -> None:
    from sessions.jobs import start
    from workbench.reports.job_title import job_title

    # What is a path is said whole: it holds wherever the job runs.
    place = str(Path(what).expanduser().absolute()) if Path(what).expanduser().is_dir() else what
    given = [word if word != str(out) else str(out.absolute()) for word in typed(ctx)]
    words = ["wb", "infer", place, *given]
    job = start(words, title=job_title(words))
    if as_json:
        echo_json({"job": job.id})
    else:
        click.echo(job.id)
        click.echo(f"follow it: wb jobs log -f {job.id}", err=True)


command.params = [param for param in command.params if param.name != "top_logprobs"]
