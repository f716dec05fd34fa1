"""Would an evaluation start? Each thing that its line names, looked at before there is a job.

The one check of the bench's forms and of `wb run-eval --detach`. Guarantee: torch-free, asks no
hub and no server, loads nothing. What only they can tell is `not checked`: see
`workbench.models.standing`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.data.readiness import readiness
from workbench.data.source import chosen_split
from workbench.errors import UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.notes import notes_ahead
from workbench.models.remote_model import is_remote
from workbench.models.standing import Standing, specs_standings

if TYPE_CHECKING:
    from workbench.evaluation.importing import ImportWish


def dataset_standing(dataset: str, split: str = "", about: str = "--dataset") -> Standing:
    """Of a dataset and a split, or of `dataset/split`. Never raises."""
    try:
        provider, wanted, _ = chosen_split(dataset, split or None)
    except WbError as error:
        is_split = error.message.startswith(f"{dataset} has ") and about == "--dataset"
        flag = "--split" if is_split else about
        return Standing("cannot", error.message, error.hint or "", flag)
    name = provider.info().name
    fact = readiness(name)
    if fact.state in ("missing", "broken"):
        return Standing("cannot", f"{name}: {fact.error}", fact.needs, about)
    if fact.needs and fact.state in ("hub", "streamed"):
        return Standing("not checked", f"{name}/{wanted} needs {fact.needs}", about=about)
    return Standing("here", fact.words(wanted), about=about)


def standings(config: EvalConfig) -> list[Standing]:
    """Of all that an evaluation names, in the order of a line: data, prompt, model, adapter.

    Where the data lie here and nothing else is against it, the samples are opened and the prompt
    is filled for the first of them, as the evaluation does before it loads the model.
    """
    found = [] if config.folder else [dataset_standing(config.dataset, config.split)]
    if config.template:
        found.append(_template(config.template))
    found += specs_standings([config.spec])
    if found[0].state == "here" and not faults(found):
        found += _samples(config)
    if not faults(found):
        found += [Standing("noted", note) for note in notes_ahead(config)]
    return found


def import_standings(wish: ImportWish) -> list[Standing]:
    """Of all that `wb runs import` names, its file read; rows are matched when it starts."""
    from workbench.evaluation.given import read_given

    found = [dataset_standing(wish.dataset, wish.split)]
    if is_remote(wish.model):
        found.append(Standing("cannot", f"{wish.model} is a server", "give a name", "--model"))
    if wish.template:
        found.append(_template(wish.template))
    try:
        given = read_given(
            wish.path, wish.form, id_column=wish.id_column, answer_column=wish.answer_column
        )
    except WbError as error:
        about = next((f for f in ("--id-column", "--answer-column") if f in error.message), "")
        return [*found, Standing("cannot", error.message, error.hint or "", about)]
    return [*found, Standing("here", f"{len(given.rows):,} rows")]


def faults(found: Iterable[Standing]) -> list[Standing]:
    """Those that would end it at its start."""
    return [one for one in found if one.state == "cannot"]


def unchecked(found: Iterable[Standing]) -> list[Standing]:
    """Those that only its start will tell."""
    return [one for one in found if one.state == "not checked"]


def refuse(found: Iterable[Standing]) -> None:
    """Raise `UsageError` with all that would end it at its start."""
    if wrong := faults(found):
        raise UsageError(
            "; ".join(one.said for one in wrong),
            hint="; ".join(one.hint for one in wrong if one.hint),
            kind="would_not_start",
        )


def _template(name: str) -> Standing:
    from workbench.prompts.pool import get_template

    try:
        found = get_template(name)
    except WbError as error:
        return Standing("cannot", error.message, error.hint or "", "--template")
    return Standing("here", f"{found.name}@{found.version}", about="--template")


def _samples(config: EvalConfig) -> list[Standing]:
    from workbench.evaluation.check_samples import check_samples

    try:
        _, _, total = check_samples(config)
    except WbError as error:
        about = "--split" if config.split else "--dataset"
        other = "--model" if error.kind == "unsupported" else "--template"
        about = about if error.kind == "no_samples" else _flag_in(error.message, other)
        return [Standing("cannot", error.message, error.hint or "", about)]
    if told := beyond(config.limit, total):
        return [Standing("noted", told, about="--limit")]
    return [Standing("here", f"{total:,} samples", about="--limit")]


def beyond(limit: int, total: int) -> str:
    """What to say of a limit above the samples that there are; empty where there are as many.

    Args:
        limit: As `--limit`; 0 for all.
        total: How many are asked.
    """
    return f"--limit {limit:,}: the split has {total:,}, all of them are asked" * (
        limit > total > 0
    )


def _flag_in(message: str, other: str) -> str:
    """The flag that a message begins with, `other` where it names none."""
    word = message.split(" ", 1)[0].rstrip(":,")
    return word if word.startswith("--") else other
