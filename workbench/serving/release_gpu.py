"""Make room on the GPU: have the engine let its model go before another process loads one.

Evaluation and training load the model in a process of their own; beside an engine that holds one
as well, a GPU that fits one model once runs out of memory. An engine on another GPU than theirs is
left alone. Not for a CPU, where memory is the kernel's business and a model that waits costs the
next `wb prompt` nothing.
"""

from __future__ import annotations

from sessions.errors import WbError
from workbench.models.spec import ModelSpec
from workbench.serving.client import Engine


def release_gpu(spec: ModelSpec) -> bool:
    """Ask the running engine, if it is in the way, to release its model; whether it did.

    What is under way there is finished first, and its next request loads the model again. GPUs
    are told apart by their UUIDs: which is `cuda:0` depends on what a process may see.

    Args:
        spec: What this process is going to load.

    Raises:
        UnknownName, ModelError: As loading it would, but for a lack of memory.
    """
    from workbench.models.placement import wanted_gpus

    wanted = set(wanted_gpus(spec))
    if not wanted:
        return False
    try:
        engine = Engine.connect(start=False)
        model = engine.status().get("model") or {}
        if not wanted & set(model.get("gpus", ())):
            return False
        engine.release_gpu()
    except WbError:
        # None runs, or it does not answer: then loading tells what room there is.
        return False
    return True
