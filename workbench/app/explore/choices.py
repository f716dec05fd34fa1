"""What can be chosen: models, and adapters over them. For worker threads: reads folders."""

from __future__ import annotations

from typing import Any

from workbench.app.widgets.choice import Choice


def model_choices(present: Any, default: str) -> list[Choice]:
    """The model in use, that of the settings, those at hand, and adapters that runs left."""
    from workbench.app.app import model_title
    from workbench.models.catalog import list_models
    from workbench.models.spec import ModelSpec

    specs: dict[Any, str] = {present: "in use"}
    specs.setdefault(ModelSpec(model=default), "from the settings")
    for info in list_models():
        about = f"{info.where} · {info.model_type} · {info.bytes / 1e6:.0f} MB"
        specs.setdefault(ModelSpec(model=info.name), info.problem or about)
    for spec, about in _adapters(present):
        specs.setdefault(spec, about)
    return [Choice(model_title(spec), about, spec) for spec, about in specs.items()]


def typed_model(text: str, present: Any) -> Any:
    """The spec of a model that was typed, held as the present one is where it can be loaded.

    Raises `UsageError` where it can be none.
    """
    from workbench.models.remote_model import is_remote, settled
    from workbench.models.spec import ModelSpec, typed_spec

    if is_remote(text):
        return settled(ModelSpec(model=text))
    return typed_spec(text, present)


def server_warning(spec: Any) -> str:
    """Why a server's model is worth a second thought; mostly empty."""
    from sessions.errors import WbError
    from workbench.serving.remote.known_servers import warning
    from workbench.text import clean

    try:
        return clean(warning(spec.model))
    except WbError as error:  # a key that cannot be sent
        return clean(error.message)


def _adapters(present: Any) -> list[tuple[Any, str]]:
    """(spec, what it is) of every adapter that a run left, newest first."""
    from workbench.demo.paths import MODEL_DIR
    from workbench.models.catalog import list_adapters
    from workbench.models.spec import ModelSpec

    found = []
    for info in reversed(list_adapters()):
        # An adapter of the demo names the folder of this installation, or of another one.
        demo = not info.base or info.base in ("demo", str(MODEL_DIR))
        base = present.base.model if not info.base else "demo" if demo else info.base
        about = f"{info.peft_type} over {base} · {info.name}"
        found.append((ModelSpec(model=base, adapter=info.name), about))
    return found
