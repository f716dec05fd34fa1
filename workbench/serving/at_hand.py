"""Whether an adapter's name means one that the running engine keeps, before anything is asked.

Guarantee: starts no engine and loads nothing.
"""

from __future__ import annotations

from workbench.errors import EngineError
from workbench.models.spec import ModelSpec
from workbench.serving import process
from workbench.serving.client import Engine
from workbench.serving.protocol import absolute


def is_at_hand(spec: ModelSpec) -> bool:
    """Whether the engine keeps `spec.adapter` by its name, over that model.

    An engine that cannot say so yet, since it starts or loads, is believed: it refuses an unknown
    name itself.
    """
    if process.lock_owner() is None:
        return False
    try:
        with Engine.connect(start=False, wait_s=5) as engine:
            status = engine.status()
    except EngineError:
        return True
    model = status.get("model")
    if not model:
        return status.get("state") not in ("empty", "idle")
    names = {one["name"] for one in model["adapters"]}
    return model["model"] == absolute(spec).model and spec.adapter in names
