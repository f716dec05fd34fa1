"""Make room on the GPU: have the engine let its model go before another process loads one.

Evaluation and training load the model in a process of their own; beside an engine that holds one
as well, a GPU that fits one model once runs out of memory. Not for a CPU, where memory is the
kernel's business and a model that waits costs the next `wb prompt` nothing.
"""

from __future__ import annotations

from sessions.errors import WbError
from workbench.engine.client import Engine


def make_room(device_type: str) -> bool:
    """Ask the running engine, if there is one, to release its model; whether it did.

    What is under way there is finished first, and its next request loads the model again.

    Args:
        device_type: `cuda`, or another for which nothing is done.
    """
    if device_type != "cuda":
        return False
    try:
        engine = Engine.connect(start=False)
        if (engine.status().get("model") or {}).get("device", "cpu") == "cpu":
            return False
        engine.release_gpu()
    except WbError:
        # None runs, or it does not answer: then loading tells what room there is.
        return False
    return True
