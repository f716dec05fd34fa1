"""What a run's `metrics.json` holds, made of the run's own files alone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sessions.runs import Run
from workbench.errors import UsageError
from workbench.evaluation.metrics.of_run import compute_metrics
from workbench.evaluation.metrics.text.registry import unknown
from workbench.evaluation.metrics.texts import TextWish
from workbench.evaluation.notes import notes_of
from workbench.models.remote_model import is_remote

if TYPE_CHECKING:
    pass


def rescore(run: Run, wish: TextWish) -> dict[str, Any]:
    """Make a run's figures again from its `predictions.jsonl`, and keep them.

    Args:
        run: An evaluation.
        wish: Which text metrics captions and explanations get beside the usual figures.

    Returns:
        What `metrics.json` holds from now on.

    Raises:
        UsageError: The run is no evaluation, or a name is no metric.
        RecordError: Another process is writing the run, or it cannot be written.
    """
    if run.kind != "eval" or not run.config:
        raise UsageError(f"run {run.id} is no evaluation", hint="see: wb runs list --kind eval")
    if problem := unknown(wish.metrics):
        raise UsageError(problem)
    try:
        found = document(run, wish=wish)
        run.write_metrics(found)
    finally:
        run.close()
    return found


def document(
    run: Run, *, total: int | None = None, state: str = "", wish: TextWish | None = None
) -> dict[str, Any]:
    """What `metrics.json` holds and `--json` prints, from the run's own files alone.

    Args:
        run: An evaluation.
        total: Samples that there were to be; as the run says where not given.
        state: How it ends; as the run says where not given.
        wish: Which text metrics captions and explanations get; as the run's settings say where
            not given.
    """
    config = run.config
    wish = wish or TextWish.named(config.get("metrics"), config.get("bertscore_model"))
    figures = compute_metrics(
        run.predictions(),
        task=str(config.get("task", "other")),
        labels=tuple(config.get("labels") or ()),
        positive=config.get("positive") or None,
        wish=wish,
    )
    figures["counts"]["total"] = run.progress()[1] if total is None else total
    return {
        "run": run.id,
        "path": str(run.path),
        "dataset": config.get("dataset"),
        "split": config.get("split"),
        "model": config.get("model"),
        "adapter": config.get("adapter"),
        "template": f"{config.get('template')}@{config.get('template_version')}",
        "state": state or run.state,
        "key": run.key,
        **figures,
        "notes": notes_of(config, run.predictions()),
        **_served_by(run),
        "seconds": round(run.seconds, 3),
    }


def _served_by(run: Run) -> dict[str, Any]:
    """How many samples each fingerprint of a server answered: more than one is worth knowing."""
    if not is_remote(str(run.config.get("model") or "")):
        return {}
    found = Counter(str(line.get("fingerprint") or "unknown") for line in run.predictions())
    return {"fingerprints": dict(found)}
