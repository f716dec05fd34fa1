"""The model that the bench opens with."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sessions.errors import WbError

if TYPE_CHECKING:
    from workbench.app.settings import Settings
    from workbench.app.state import BenchState
    from workbench.models.spec import ModelSpec


def last_model(state: BenchState, settings: Settings) -> ModelSpec:
    """The model of last time, else that of the settings, else the default."""
    from dataclasses import fields

    from workbench.models.spec import ModelSpec, as_recorded, chosen_spec

    saved = state.place("app").get("model")
    if isinstance(saved, dict):
        with contextlib.suppress(WbError, TypeError):
            return ModelSpec.from_json(as_recorded(saved))
    with contextlib.suppress(WbError):
        values = {f.name: getattr(settings, f.name) for f in fields(ModelSpec)}
        return chosen_spec(values, ModelSpec())
    return ModelSpec()
