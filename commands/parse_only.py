"""Check whether a `wb …` line is valid and would start, without running it.

`python -P -m commands.parse_only run-eval --dataset demo …` prints one JSON object: `problem`
(empty where nothing is wrong), `hint`, `about` (the flag or key that it is about), `notes` (what
was not checked) and `told` (a limit above what there is, a template of another task).
Guarantee: parses with the commands themselves, so that it cannot disagree with them; runs none and
asks no network. The config of a training is read, and datasets, models, adapters, templates and
sessions that a line names are looked for.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from sessions.errors import WbError

if TYPE_CHECKING:
    from workbench.models.standing import Standing


def problem_of(argv: Sequence[str]) -> str:
    """What is wrong with the words after `wb`, empty where nothing is; names are not looked at."""
    try:
        _context_of(argv)
    except Refused as error:
        return str(error)
    return ""


class Refused(Exception):
    """A line that a command would refuse, in its words."""

    def __init__(self, message: str, hint: str = "", about: str = "") -> None:
        super().__init__(message)
        self.hint, self.about = hint, about


def _context_of(argv: Sequence[str]) -> click.Context:
    """The line as its command understands it. Raises `Refused`."""
    from commands.main import cli

    try:
        return _parse(cli, "wb", list(argv), None)
    except click.exceptions.NoArgsIsHelpError as error:
        path = error.ctx.command_path if error.ctx else "wb"
        raise Refused(f"a command is missing after {path}") from error
    except click.exceptions.Exit as error:
        raise Refused("this only prints: there is nothing to do as a job") from error
    except click.ClickException as error:
        param = getattr(error, "param", None)
        about = param.opts[0] if isinstance(param, click.Option) else ""
        raise Refused(error.format_message(), about=about) from error
    except WbError as error:
        raise Refused(error.message, error.hint, error.about) from error


def _parse(
    command: click.Command, name: str, argv: list[str], parent: click.Context | None
) -> click.Context:
    context = command.make_context(name, argv, parent=parent)
    if not isinstance(command, click.Group):
        return context
    # What the group itself did not take: its command, and the words of that.
    rest = [*context._protected_args, *context.args]
    if not rest:
        raise Refused(f"a command is missing after {context.command_path}")
    found, sub, words = command.resolve_command(context, rest)
    return context if sub is None else _parse(sub, found or "", words, context)


def looked_at(argv: Sequence[str]) -> dict[str, Any]:
    """What is wrong with the words after `wb`, and what was not checked: see the module."""
    from workbench.models.standing import Standing

    try:
        context = _context_of(argv)
        with context:
            found = _standings(context)
    except Refused as error:
        found = [Standing("cannot", str(error), error.hint, error.about)]
    except WbError as error:
        found = [Standing("cannot", error.message, error.hint, error.about)]
    wrong = next((one for one in found if one.state == "cannot"), Standing("here"))
    notes = [one.words for one in found if one.state == "not checked"]
    told = [one.said for one in found if one.state == "noted"]
    said = {"problem": wrong.said, "hint": wrong.hint, "about": wrong.about}
    return {**said, "notes": notes, "told": told}


def _standings(context: click.Context) -> list[Standing]:
    """Of what the line names. Raises `Refused` and `WbError`."""
    params, name = context.params, context.info_name
    if name == "run-eval":
        return _of_evaluation(context)
    if name == "train":
        return _of_training(params)
    if name == "import" and context.parent and context.parent.info_name == "runs":
        return _of_import(params)
    found = _of_model(params) if "quantization" in params else []
    if name == "replay":
        from sessions.session_log import find_session

        find_session(params["session"])
    return found


def _of_evaluation(context: click.Context) -> list[Standing]:
    from inspect import signature

    from commands.asking import model_values
    from commands.run_eval import command, config_of
    from commands.run_eval_prompts import check_prompts
    from workbench.evaluation.notes import notes_ahead
    from workbench.evaluation.wordings import configs_of, read_wordings
    from workbench.evaluation.would_start import faults, standings
    from workbench.models.spec import ModelSpec, chosen_spec
    from workbench.models.standing import Standing

    if context.params["listed"] or context.params["dry_run"]:
        raise Refused("this only prints: there is nothing to do as a job")
    # What the command takes by name is its own; all others are settings.
    other = set(signature(command.callback or command).parameters)
    flags = {name: value for name, value in context.params.items() if name not in other}
    prompts, out_csv = context.params["prompts"], context.params["out_csv"]
    check_prompts(prompts, out_csv, context.params["resume"], {**flags, "dry_run": False})

    def named(values: dict[str, Any]) -> ModelSpec:  # `read_spec` would remember a server
        return chosen_spec(model_values(values), ModelSpec())

    config = config_of(context, context.params["resume"], flags, named)
    found = standings(config)
    if prompts and not faults(found):
        try:
            wordings = read_wordings(prompts, config)
        except WbError as error:
            raise Refused(error.message, error.hint or "", "--prompts") from error
        said = [note for one in configs_of(config, wordings).values() for note in notes_ahead(one)]
        found += [Standing("noted", note) for note in dict.fromkeys(said)]
    return found


def _of_import(params: Mapping[str, Any]) -> list[Standing]:
    from commands.runs_import import wish_of
    from workbench.evaluation.would_start import import_standings

    return import_standings(wish_of(params))


def _of_training(params: Mapping[str, Any]) -> list[Standing]:
    from commands.train import settings_of
    from training.would_start import standings

    if params["listed"] or params["schema"] or params["init"]:
        raise Refused("this only prints: there is nothing to do as a job")
    return standings(settings_of(params["config"], params["resume"], params["changes"]))


def _of_model(params: Mapping[str, Any]) -> list[Standing]:
    from commands.asking import model_values
    from workbench.models.spec import ModelSpec, chosen_spec
    from workbench.models.standing import adapter_standing, model_standing

    said = {name: value for name, value in model_values(dict(params)).items() if value is not None}
    spec = chosen_spec(said, ModelSpec())
    found = [model_standing(spec.model, spec.revision)] if "model" in said else []
    if spec.adapter and spec.adapter != "none":
        found.append(adapter_standing(spec.adapter, spec.model))
    return found


if __name__ == "__main__":
    answer = looked_at(sys.argv[1:])
    click.echo(json.dumps(answer))
    sys.exit(2 if answer["problem"] else 0)
