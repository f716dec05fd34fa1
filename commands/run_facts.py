"""A run in words and figures, for the commands that print it.

Guarantee: a run of any kind and age gives something; what it lacks is empty. Not for computing:
the figures are those that the run's own files hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from commands.printing import duration

if TYPE_CHECKING:
    from sessions.runs import Run

# What a list shows of a run, the first that it has.
_MAIN = ("accuracy", "vqa_accuracy", "exact_match", "f1", "bleu4", "eval_accuracy", "eval_loss")


def document(run: Run) -> dict[str, Any]:
    """What `metrics.json` holds, and beside it what the folder says."""
    metrics = run.metrics()
    counts = metrics.get("counts")
    body = {key: value for key, value in metrics.items() if key != "v"}
    if "metrics" not in body:
        body = {"metrics": body}
    return {
        "run": run.id,
        **row(run),
        **body,
        "state": run.state,
        "counts": counts if isinstance(counts, Mapping) else counts_of(run),
        "seconds": metrics.get("seconds", round(run.seconds, 3)),
        "damaged_lines": run.damaged(),
        "config": run.config,
        "environment": run.environment(),
    }


def counts_of(run: Run) -> dict[str, int]:
    """Its counts, `{}` where its predictions cannot be read (see `Run.damage`)."""
    from sessions.errors import RecordError

    try:
        return run.counts()
    except RecordError:
        return {}


def row(run: Run) -> dict[str, Any]:
    """What a list prints of it, `id` first."""
    done, total = run.progress()
    return {
        "id": run.id,
        "run": run.id,
        "kind": run.kind,
        "state": run.state,
        "reason": run.reason,
        "damage": run.damage,
        "path": str(run.path),
        "dataset": named(run, "dataset"),
        "split": named(run, "split"),
        "model": named(run, "model"),
        "adapter": named(run, "adapter"),
        "key": run.key,
        "created": run.created,
        "done": done,
        "total": total,
        "metrics": figures(run),
    }


def figures(run: Run) -> dict[str, dict[str, Any]]:
    """Name -> {value, low?, high?, n?} of what is a figure."""
    whole = run.metrics()
    inner = whole.get("metrics", whole)
    out: dict[str, dict[str, Any]] = {}
    for name, entry in inner.items() if isinstance(inner, Mapping) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("value"), (int, float)):
            out[str(name)] = dict(entry)
        elif isinstance(entry, (int, float)) and not isinstance(entry, bool) and name != "v":
            out[str(name)] = {"value": entry}
    return out


def main_figure(run: Run) -> str:
    """The figure that it is judged by, with its interval."""
    metrics = figures(run)
    name = next((name for name in _MAIN if name in metrics), next(iter(metrics), ""))
    if not name:
        return ""
    return f"{name} {metrics[name]['value']:.3f} {interval(metrics[name])}".strip()


def interval(entry: Mapping[str, Any]) -> str:
    """`[low, high]`, empty where it has none."""
    low, high = entry.get("low"), entry.get("high")
    if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        return ""
    return f"[{low:.3f}, {high:.3f}]"


def named(run: Run, what: str) -> str:
    """Dataset, split, model or adapter, wherever the kind of run keeps it."""
    config = run.config
    for place in (config, config.get("spec"), config.get("model"), config.get("data")):
        if isinstance(place, Mapping) and isinstance(place.get(what), str):
            return place[what]
    return ""


def where(run: Run) -> str:
    """Dataset and split."""
    return "/".join(word for word in (named(run, "dataset"), named(run, "split")) if word)


def who(run: Run) -> str:
    """Model and adapter."""
    return " + ".join(word for word in (named(run, "model"), named(run, "adapter")) if word)


def progress(run: Run) -> str:
    """How many are done, of how many."""
    done, total = run.progress()
    words = f"{done}/{total}" if total else str(done)
    return words if run.state != "running" else f"{words} in {duration(run.seconds)}"


def what_is_wrong(line: Mapping[str, Any]) -> str:
    """`failed`, `unparsed` or `wrong`."""
    if line.get("error"):
        return "failed"
    return "unparsed" if line.get("label") is None else "wrong"


def target_and_label(line: Mapping[str, Any]) -> tuple[Any, Any]:
    """The gold label and the one that was read."""
    return line.get("target"), line.get("label")


def error_or_text(line: Mapping[str, Any]) -> str:
    """Why it failed, else what the model said."""
    error = line.get("error")
    if isinstance(error, Mapping):
        return str(error.get("message", ""))
    return str(error or line.get("text") or "")
