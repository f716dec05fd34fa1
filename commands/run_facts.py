"""A run in words and figures, for the commands that print it.

Guarantee: a run of any kind and age gives something; what it lacks is empty. Not for computing:
the figures are those that the run's own files hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from commands.printing import duration
from sessions.estimate import NONE, Estimate, main_figure, read_estimates

if TYPE_CHECKING:
    from sessions.runs import Run


def document(run: Run) -> dict[str, Any]:
    """What `metrics.json` holds, and beside it what the folder says."""
    metrics = run.metrics()
    counts = metrics.get("counts")
    body = {key: value for key, value in metrics.items() if key != "v"}
    if "metrics" not in body:
        body = {"metrics": body}
    # An older version wrote zeros where there was nothing to count.
    nothing = {name: f.to_json() for name, f in figures(run).items() if f.value is None}
    body["metrics"] = {**body["metrics"], **nothing}
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
        "metrics": {name: figure.to_json() for name, figure in figures(run).items()},
    }


def figures(run: Run) -> dict[str, Estimate]:
    """Its figures by name."""
    return read_estimates(run.metrics())


def figure_rows(found: Mapping[str, Estimate]) -> list[tuple[str, ...]]:
    """Name, value, interval, n and a note of each, as tables print them; see `FIGURE_HEADERS`."""
    return [
        (name, figure.words(), figure.interval(), str(figure.n or ""), figure.note)
        for name, figure in found.items()
    ]


FIGURE_HEADERS = ("METRIC", "VALUE", "95%", "N", "")


def label_rows(per_label: object) -> list[tuple[Any, ...]]:
    """Label, precision, recall, F1 and n of each; see `LABEL_HEADERS`."""
    if not isinstance(per_label, Mapping):
        return []
    return [
        (label, *(_share(row.get(key)) for key in ("precision", "recall", "f1")), row.get("n"))
        for label, row in per_label.items()
        if isinstance(row, Mapping)
    ]


LABEL_HEADERS = ("LABEL", "PRECISION", "RECALL", "F1", "N")


def _share(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, (int, float)) else NONE


def counted_words(counts: Mapping[str, Any]) -> str:
    """`10 of 10 samples, 0 unparsed, 0 failed, 2 truncated`; what is not counted is left out."""
    names = ("unparsed", "failed", "truncated", "unlabelled")
    words = [f"{counts[name]} {name}" for name in names if name in counts]
    return ", ".join([f"{counts.get('done', 0)} of {counts.get('total', 0)} samples", *words])


def main_words(run: Run) -> str:
    """The figure that it is judged by, with its interval."""
    found = main_figure(figures(run))
    return f"{found[0]} {found[1].words(3)} {found[1].interval()}".strip() if found else ""


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
    """Model and adapter, and how it was asked where that was not as the samples are."""
    words = " + ".join(word for word in (named(run, "model"), named(run, "adapter")) if word)
    variant = named(run, "control") or named(run, "vary")
    return f"{words} ({variant})" if variant else words


def progress(run: Run) -> str:
    """How many are done, of how many."""
    done, total = run.progress()
    words = f"{done}/{total}" if total else str(done)
    return words if run.state != "running" else f"{words} in {duration(run.seconds)}"


def target_and_label(line: Mapping[str, Any]) -> tuple[Any, Any]:
    """The gold label and the one that was read."""
    return line.get("target"), line.get("label")


def error_or_text(line: Mapping[str, Any]) -> str:
    """Why it failed, else what the model said."""
    error = line.get("error")
    if isinstance(error, Mapping):
        return str(error.get("message", ""))
    return str(error or line.get("text") or "")


def say(name: str, value: Any) -> None:
    """One fact on a line, cleaned."""
    import click

    from workbench.text import clean

    click.echo(f"{name:<9} {clean(value, newlines=False)}")
