"""Whether an adapter's name means one that the running engine keeps, before anything is asked.

Guarantee: starts no engine and loads nothing.
"""

from __future__ import annotations

from workbench.errors import EngineError
from workbench.models.spec import ModelSpec
from workbench.serving import process
from workbench.serving.client import Engine
from workbench.serving.protocol import absolute

WAIT_S = 5.0


def is_kept(spec: ModelSpec) -> bool | None:
    """Whether the engine keeps `spec.adapter` by its name, over that model.

    `None` if a running engine cannot say: it starts, loads a model, or did not answer within
    `WAIT_S` seconds. It refuses an unknown name itself later.
    """
    if process.lock_owner() is None:
        return False
    try:
        with Engine.connect(start=False, wait_s=WAIT_S) as engine:
            status = engine.status()
    except EngineError:
        return None
    model = status.get("model")
    if not model:
        return False if status.get("state") in ("empty", "idle") else None
    names = {one["name"] for one in model["adapters"]}
    return model["model"] == absolute(spec).model and spec.adapter in names
