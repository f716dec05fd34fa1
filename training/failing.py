"""Why a training failed: in its run, and in words that say what to do."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from sessions.atomic import write_json
from sessions.runs import Run
from training.checkpoints import cannot_save


def write_down(run: Run, error: BaseException) -> None:
    """Why the run failed; the samples of a step that diverged, all of them."""
    from training.finite import Diverged

    if isinstance(error, Diverged):
        facts = {"v": 1, "message": error.message, "step": error.step, "uids": error.uids}
        write_json(run.path / "diverged.json", facts)
    run.set_state("failed", reason=str(error)[:500])


@contextlib.contextmanager
def explained(run: Run) -> Any:
    """Out of memory or of disk, in words that say what to do."""
    from workbench.errors import ModelError
    from workbench.inference.generate import out_of_memory_explained

    try:
        with out_of_memory_explained():
            yield
    except OSError as error:
        # The curves and the answers of the dev set; data that cannot be read is told apart before.
        raise cannot_save(Path(error.filename or run.path), run.id, error) from error
    except ModelError as error:
        if error.kind != "out_of_memory":
            raise
        raise ModelError(
            "out of memory while training",
            hint="use on_oom: halve, a smaller batch_size with more gradient_accumulation, "
            "activation_checkpointing, or quantization: 4bit",
            kind="out_of_memory",
        ) from error
