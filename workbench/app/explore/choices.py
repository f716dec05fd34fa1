"""What can be chosen: models, and adapters over them. For worker threads: reads folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.app.widgets.choice import Choice, offered

if TYPE_CHECKING:
    from workbench.prompts.template import Template


def model_choices(present: Any, default: str) -> list[Choice]:
    """The model in use, that of the settings, those at hand, and adapters that runs left."""
    from workbench.models.names import spec_name
    from workbench.models.offers import adapter_offers, model_offers
    from workbench.models.spec import ModelSpec, chosen_spec

    first: dict[Any, str] = {present: "in use"}
    first.setdefault(chosen_spec({"model": default}, ModelSpec()), "from the settings")
    named = {spec_name(spec): Choice(spec_name(spec), about, spec) for spec, about in first.items()}
    for offer in [*model_offers(), *adapter_offers(present.model, own_base=True)]:
        choice = offered(offer, lambda spec: spec)
        known = named.get(choice.title)
        if known is not None:  # one name, one line: with its checkpoints
            about = f"{known.about} · {choice.about}"
            choice = Choice(known.title, about, known.value, choice.problem, choice.under)
        named[choice.title] = choice
    return list(named.values())


def spec_chosen(value: Any, present: Any) -> Any:
    """The model that was chosen, or typed over the present one. Raises `UsageError`."""
    from workbench.models.spec import typed_spec

    return typed_spec(value, present) if isinstance(value, str) else value


def misfit(template: Template, task: str) -> str:
    """Why a template is not for a task, empty where it is or nobody knows the task."""
    fits = not task or template.task == task
    return "" if fits else f"for the task {template.task}, not {task}"


def server_warning(spec: Any) -> str:
    """Why a server's model is worth a second thought; mostly empty."""
    from sessions.errors import WbError
    from workbench.serving.remote.known_servers import warning
    from workbench.text import clean

    try:
        return clean(warning(spec.model))
    except WbError as error:  # a key that cannot be sent
        return clean(error.message)
