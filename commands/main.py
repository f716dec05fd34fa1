"""The `wb` command: a lazy click group.

Guarantee: `wb --help` imports click, this file and `groups.py`, nothing else; a command's module is
imported only when that command runs or shows its own help. So the one-line helps are in this file,
and a test compares them with the commands themselves.
"""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module

import click

from commands.groups import Group

# name -> (module under `commands`, one-line help); the attribute in the module is `command`.
COMMANDS: dict[str, tuple[str, str]] = {
    "prompt": ("prompt", "Ask a model about a sample or about images."),
    "prompts": ("prompts", "List, show and try prompt templates."),
    "replay": ("replay", "Ask a session's prompts again and show what changed."),
    "gallery": ("gallery", "Show samples in the terminal, or save them."),
    "inspect": ("inspect", "Show everything known about one sample."),
    "similar": ("similar", "List the samples that are most like one."),
    "bookmark": ("bookmark", "Bookmark samples with tags and notes, and step through them."),
    "gradcam": ("gradcam", "Draw where in the image an answer comes from."),
    "run-eval": ("run_eval", "Evaluate a model on a split, as a run that can be resumed."),
    "infer": ("infer", "Caption every image of a folder, or of a split, into a file."),
    "train": ("train", "Train a model from a config file."),
    "ablate": ("ablate", "Train several variants of a training, and compare them."),
    "runs": ("runs", "List, show and compare runs."),
    "jobs": ("jobs", "List, follow, cancel and retry background jobs."),
    "engine": ("engine", "Start, stop and inspect the engine, the process that holds the model."),
    "sessions": ("sessions", "List, show and search the record of all questions."),
    "data": ("data", "List, add and describe datasets."),
    "models": ("models", "List models and adapters, and what each supports."),
    "plugins": ("plugins", "List what other packages add to wb."),
    "config": ("config", "Show and change the settings."),
    "completion": ("completion", "Print the shell completion script."),
}


# The two that are typed most, as what they are short for.
SHORT: dict[str, tuple[str, str]] = {"compare": ("runs", "compare"), "report": ("runs", "report")}
HABITS = {
    **{"eval": "run-eval", "evaluate": "run-eval", "test": "run-eval", "ask": "prompt"},
    **{"caption": "infer", "finetune": "train", "fine-tune": "train", "explain": "gradcam"},
    **{"list": "runs list", "ls": "runs list", "show": "runs show", "results": "runs list"},
    **{"dataset": "data list", "datasets": "data list", "add": "data add", "log": "jobs log"},
    **{"settings": "config list", "import": "runs import", "export": "runs export"},
    **{"diff": "compare", "templates": "prompts list", "search": "sessions search"},
    **{"history": "sessions list", "serve": "engine serve", "load": "models load"},
    **{"status": "engine status", "cancel": "jobs cancel", "note": "sessions note"},
}


class LazyGroup(Group):
    """A group whose commands are imported when they are needed."""

    habits = HABITS

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of a day's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, by its name or what is short for it."""
        if cmd_name in SHORT:
            group, name = SHORT[cmd_name]
            return import_module(f"commands.{COMMANDS[group][0]}").command.commands[name]
        if cmd_name not in COMMANDS:
            return None
        return import_module(f"commands.{COMMANDS[cmd_name][0]}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])
        with formatter.section("Short for"):
            formatter.write_dl([(name, f"wb {' '.join(path)}") for name, path in SHORT.items()])


@click.group(cls=LazyGroup, invoke_without_command=True)
@click.version_option(package_name="vlm-workbench", prog_name="wb")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The bench for vision-language models. Without a command it opens in the terminal.

    \b
    Example:
      wb                                   open the bench
      wb prompt demo/test/0 --seed 7       ask the demo model about a sample
      wb run-eval --dataset demo --split test --model demo --limit 100
    """
    if ctx.invoked_subcommand is not None:
        from commands.defaults import settings_for
        from commands.progress_line import show_reading

        show_reading(ctx)
        name = ctx.invoked_subcommand
        ctx.default_map = settings_for(name, cli.get_command(ctx, name))
        return
    if not sys.stdout.isatty():
        click.echo(
            "wb opens on a terminal: run it in one, or use a command (see wb --help).", err=True
        )
        ctx.exit(2)
    from workbench.app.app import run_bench

    ctx.exit(run_bench())


def main() -> None:
    """Entry point of the `wb` script: errors become one message and an exit code."""
    from commands.errors import run_guarded

    # However it was started, usage and errors name it as the user types it.
    run_guarded(partial(cli, prog_name="wb"))


if __name__ == "__main__":
    main()
