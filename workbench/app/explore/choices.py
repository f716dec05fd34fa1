"""What can be chosen: models, and adapters over them. For worker threads: reads folders."""

from __future__ import annotations

from typing import Any

from workbench.app.widgets.choice import Choice


def model_choices(present: Any, default: str) -> list[Choice]:
    """The model in use, that of the settings, those at hand, and adapters that runs left."""
    from workbench.models.catalog import to_choose
    from workbench.models.names import spec_name
    from workbench.models.spec import ModelSpec, chosen_spec

    specs: dict[Any, str] = {present: "in use"}
    specs.setdefault(chosen_spec({"model": default}, ModelSpec()), "from the settings")
    for spec, about in to_choose(present):
        specs.setdefault(spec, about)
    return [Choice(spec_name(spec), about, spec) for spec, about in specs.items()]


def server_warning(spec: Any) -> str:
    """Why a server's model is worth a second thought; mostly empty."""
    from sessions.errors import WbError
    from workbench.serving.remote.known_servers import warning
    from workbench.text import clean

    try:
        return clean(warning(spec.model))
    except WbError as error:  # a key that cannot be sent
        return clean(error.message)
