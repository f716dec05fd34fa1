"""`wb run-eval`: evaluate a model on a split, as a run that can be killed and resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.asking import MODEL_FLAGS, knob_options, model_options, read_spec
from commands.completing import complete_runs, complete_splits, complete_templates
from commands.inference_option import inference_option, show_configs, tell_taken
from commands.mode_option import mode_option
from commands.paths import WriteFile
from commands.printing import echo_json
from commands.run_eval_prompts import ask_prompts, check_prompts
from commands.run_notes import tell_ahead, tell_notes
from commands.shots import shot_options

if TYPE_CHECKING:
    from workbench.models.spec import ModelSpec

KNOBS = (
    *("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "num_beams"),
    *("max_new_tokens", "stop", "seed"),
)


@click.command()
@click.option(
    "--dataset", default="", help="A dataset, or dataset/split.", shell_complete=complete_splits
)
@click.option("--split", default="", help="test, or a part of it: test[:200].")
@inference_option
@model_options()
@click.option(
    "--template",
    default="",
    help="The prompt template; name@version for an older one.",
    shell_complete=complete_templates,
)
@click.option(
    "--prompts",
    default="",
    metavar="NAMES",
    help="Several templates by commas, each a run: NAME or A1=NAME. Figures, mean and spread.",
)
@click.option(
    "--out-csv",
    type=WriteFile(),
    help="With --prompts: write Dataset_Index,A1,A2,… of the answers.",
)
@click.option(
    "--limit", type=click.IntRange(min=0), default=0, help="Only the first N samples; 0 for all."
)
@click.option(
    "--shard", default="", metavar="I/N", help="Ask part I of N alone; wb runs merge joins them."
)
@click.option("--random", is_flag=True, help="Draw --limit samples by --seed from all of them.")
@click.option(
    "--batch-size", type=click.IntRange(min=1), help="Prompts per batch; changes no answer.  [16]"
)
@shot_options
@click.option(
    "--answer",
    type=click.Choice(["generate", "score", "both"]),
    default="generate",
    help="Read the label from the text, take the label with the best score, or both.  [generate]",
)
@click.option("--label-scores", is_flag=True, help="The same as --answer both.")
@click.option(
    "--samples",
    default=1,
    help="Answers per sample, at --temperature with consecutive seeds; the majority decides.",
)
@click.option(
    "--control",
    type=click.Choice(["blank", "shuffled", "text-only", "image-only"]),
    help="Ask with grey pictures, another sample's, none, or without the text.",
)
@click.option(
    "--vary",
    default="",
    metavar="WHAT",
    help="Ask with images, options, shots or labels in another order.",
)
@click.option("--positive", default="", help="The label that AUROC counts as positive.")
@click.option(
    "--metrics",
    default="",
    help="Text metrics of captions and explanations, by commas; see wb runs score.",
)
@click.option(
    "--bertscore-model",
    default="",
    metavar="MODEL",
    help="A folder or a cached hub id; with bertscore.  [roberta-large]",
)
@knob_options()
@click.option(
    "--resume",
    default="",
    metavar="RUN",
    help="Go on with a run; auto finds it by its settings, or starts one.",
    shell_complete=complete_runs,
)
@click.option("--retry-failed", is_flag=True, help="With --resume: ask the failed samples again.")
@click.option(
    "--retry",
    multiple=True,
    metavar="UID",
    help="With --resume RUN: ask this sample again; repeat for several.",
)
@click.option(
    "--fresh", is_flag=True, help="Ask the model again, whatever runs and answers are on record."
)
@click.option("--threads", default=0, help="CPU threads; 0 lets torch decide.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    help="Processes that ask, each with a model, on a GPU each; changes no answer.  [1]",
)
@click.option(
    "--no-prefix-cache",
    is_flag=True,
    help="Read every prompt whole, --shots included; changes no answer.",
)
@click.option("--list", "listed", is_flag=True, help="List what --config can name.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked; load and ask no model.")
@click.option("--detach", is_flag=True, help="Run as a background job and print its id.")
@mode_option
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    as_json: bool,
    listed: bool,
    dry_run: bool,
    detach: bool,
    resume: str,
    prompts: str,
    out_csv: Path | None,
    **flags: Any,
) -> None:
    """Evaluate a model on a split, as a run that can be resumed.

    Each sample leaves a line in the run's predictions.jsonl when its batch ends. A sample that
    cannot be read is recorded as failed and counted. After a kill the run continues with
    --resume RUN or --resume auto. SIGTERM ends it cleanly after the batch.

    A finished run of the same settings is shown instead of being made again, and answers that were
    given before to the very same question are taken from the record (wb runs answers); --fresh
    asks for all of them again.

    \b
    Example:
      wb run-eval --dataset demo --split test --limit 100
      wb run-eval --dataset demo --split test --shots 2 --answer both --json
      wb run-eval --list
      wb run-eval --config esnlive_llava_3shot --limit 200 --dry-run
      wb run-eval --config esnlive_paligemma --adapter RUN
      wb run-eval --dataset cifar10/train --prompts A1,A2,A3,A4,A5 --out-csv captions.csv
      wb run-eval --resume 01k2
    """
    if listed:
        show_configs(as_json)
        return
    check_prompts(prompts, out_csv, resume, {**flags, "dry_run": dry_run})
    if dry_run:
        _show_plan(ctx, as_json, resume, flags)
        return
    if resume and flags["fresh"]:
        from workbench.errors import UsageError

        raise UsageError(
            f"--fresh starts a new run, --resume {resume} goes on with one", hint="leave one out"
        )
    if detach:
        _detach(ctx, as_json, resume, flags)
        return
    from workbench.evaluation.runner import evaluate
    from workbench.evaluation.would_start import beyond
    from workbench.progress import StderrLine
    from workbench.text import clean

    config = config_of(ctx, resume, flags)
    tell_taken(ctx, flags["inference_config"])
    if prompts:
        ask_prompts(ctx, config, prompts, out_csv, as_json)
        return
    ahead = tell_ahead(config)
    line, known = StderrLine(), []
    try:
        run = evaluate(config, on_progress=line, resume=resume, on_known=known.append)
    finally:
        line.end()
    for one in known:
        click.echo(f"run {one.id} has these answers already; --fresh asks for them again", err=True)
    found = {key: value for key, value in run.metrics().items() if key != "v"}
    if as_json:
        echo_json(found)
    else:
        _show(found)
    told = "" if config.shard else beyond(config.limit, found["counts"]["total"])
    tell_notes([told] * bool(told) + found["notes"], but=ahead)
    if found["state"] == "failed":
        click.echo(f"error: {clean(run.reason, newlines=False)}", err=True)
        ctx.exit(1)
    if found["state"] == "cancelled":
        click.echo(f"cancelled; go on with: wb run-eval --resume {run.id}", err=True)
        ctx.exit(1)


def config_of(
    ctx: click.Context,
    resume: str,
    flags: dict[str, Any],
    make_spec: Callable[[dict[str, Any]], ModelSpec] = read_spec,
) -> Any:
    """The config from the flags, or from the run to resume with what flags say beside it.

    Args:
        ctx: Knows which flags were typed.
        resume: A run, or `auto`.
        flags: Name to value.
        make_spec: The model that the flags name; `read_spec` remembers a server among them.

    Raises:
        UsageError: Flags that cannot be meant, or not with each other.
        NoSuchRecord: There is no run to resume.
    """
    from workbench.errors import UsageError
    from workbench.evaluation.config import EvalConfig
    from workbench.inference.decoding import Decoding
    from workbench.serving.protocol import absolute

    typed = {name for name in flags if _said(ctx, name)}
    if resume and resume != "auto" and "dataset" not in typed:
        from sessions.runs import Run
        from workbench.evaluation.resuming import resumed_config

        known = {"batch_size", "retry_failed", "retry", "threads", "processes"}
        if typed - known:
            flag = {str(option.name): option.opts[0] for option in ctx.command.params}
            names = ", ".join(sorted(flag[name] for name in typed - known))
            raise UsageError(
                f"{names} with --resume {resume}: the run says that itself",
                hint="leave them out, or give all settings, --dataset included",
            )
        return resumed_config(
            Run.open(resume),
            batch_size=flags["batch_size"] or 0,
            retry_failed=flags["retry_failed"],
            retry=flags["retry"],
            processes=flags["processes"] or 0,
        )
    if flags["retry"]:
        raise UsageError(
            "--retry wants --resume RUN alone, which says the rest",
            hint="wb run-eval --resume RUN --retry UID",
        )
    if flags["label_scores"] and "answer" in typed and flags["answer"] != "both":
        raise UsageError(f"--label-scores is --answer both, not --answer {flags['answer']}")
    answer = "both" if flags["label_scores"] else flags["answer"]
    own = set(flags) - set(MODEL_FLAGS) - set(KNOBS) - {"label_scores"}
    values: dict[str, Any] = {name: flags[name] for name in own} | {"seed": flags["seed"]}
    values |= {"answer": answer, "control": flags["control"] or ""}
    values["batch_size"] = flags["batch_size"] or 16
    values["processes"] = flags["processes"] or 1
    values["prefix_cache"] = not values.pop("no_prefix_cache")
    # No alternatives of tokens are kept in a run, so none are worked out.
    knobs = {name: flags[name] for name in KNOBS} | {"top_logprobs": 0}
    return EvalConfig(**values, spec=absolute(make_spec(flags)), decoding=Decoding.from_json(knobs))


def _show_plan(ctx: click.Context, as_json: bool, resume: str, flags: dict[str, Any]) -> None:
    """What would be asked: the settings, and the first prompt."""
    from commands.run_words import say
    from workbench.evaluation.plan import plan
    from workbench.models.spec import spoken
    from workbench.text import clean

    config = config_of(ctx, resume, flags)
    tell_taken(ctx, flags["inference_config"])
    tell_ahead(config)
    found = plan(config)
    if as_json:
        echo_json(found)
        return
    say("data", f"{found['dataset']}/{found['split']}, {found['samples']} samples")
    model = {spoken(name): value for name, value in found["model"].items()}
    say("model", f"{model.pop('model')} {' '.join(f'{n} {v}' for n, v in model.items())}".strip())
    say("template", found["template"])
    say("labels", ", ".join(found["labels"]) or "open")
    say("examples", ", ".join(found["shot_uids"]) or "none")
    say("answer", found["answer"])
    say("decoding", " ".join(f"{name} {value}" for name, value in found["decoding"].items()))
    say("metrics", ", ".join(found["metrics"]))
    say("command", found["command"])
    if first := found["prompt"]:
        click.echo(f"\nprompt of {clean(first['uid'], newlines=False)}:")
        for turn in first["turns"]:
            click.echo(f"{turn['role']}: {clean(turn['text'])}")


def _said(ctx: click.Context, name: str) -> bool:
    """Whether an option was typed, rather than a default or a setting."""
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _detach(ctx: click.Context, as_json: bool, resume: str, flags: dict[str, Any]) -> None:
    """Start the same command as a job."""
    from sessions.jobs import start
    from workbench.evaluation.resuming import check_resumed
    from workbench.evaluation.would_start import refuse, standings
    from workbench.reports.job_title import job_title

    # What would fail at once is told here, not in the job's log.
    config = config_of(ctx, resume, flags)
    check_resumed(resume)
    refuse(standings(config))
    tell_taken(ctx, flags["inference_config"])
    tell_ahead(config)
    argv = ["wb", "run-eval", *typed(ctx)]
    job = start(argv, title=job_title(argv))
    if as_json:
        echo_json({"job": job.id})
    else:
        click.echo(job.id)
        click.echo(f"follow it: wb jobs log -f {job.id}", err=True)


def typed(ctx: click.Context) -> list[str]:
    """The options that were typed, once more as words, without --detach and --json."""
    words: list[str] = []
    for option in ctx.command.params:
        name = str(option.name)
        source = ctx.get_parameter_source(name)
        if name in ("detach", "as_json") or source is not click.core.ParameterSource.COMMANDLINE:
            continue
        value, flag = ctx.params.get(name, ctx.meta.get(name)), option.opts[0]
        if isinstance(value, tuple):
            words += [word for item in value for word in (flag, str(item))]
        elif value is True:
            words.append(flag)
        elif value is not None and value is not False:
            words += [flag, str(value)]
    return words


def _show(found: dict[str, Any]) -> None:
    """The figures for people: name, value, interval, n, and what there is to know of them."""
    from commands.printing import echo_table
    from sessions.estimate import read_estimates
    from workbench.evaluation.counted import counted_words
    from workbench.models.names import short_names
    from workbench.reports.run import (
        FIGURE_HEADERS,
        LABEL_HEADERS,
        figure_rows,
        label_rows,
    )
    from workbench.text import clean
    from workbench.times import duration

    where = f"{found['dataset']}/{found['split']}"
    who = short_names(str(found["model"] or ""), str(found["adapter"] or ""))
    click.echo(f"run {found['run']}  {clean(where)}  {clean(who)}  {found['state']}")
    click.echo(f"{counted_words(found['counts'])}, {duration(found['seconds'])}")
    echo_table(FIGURE_HEADERS, figure_rows(read_estimates(found)))
    if rows := label_rows(found.get("per_label")):
        click.echo("")
        echo_table(LABEL_HEADERS, rows)


command.params = [param for param in command.params if param.name != "top_logprobs"]
