"""What a run is and what came of it, in words and figures: for commands, bench and notebook alike.

Guarantee: a run of any kind and age gives something; what it lacks is empty. Torch-free. Not for
computing: the figures are those that the run's own files hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sessions.estimate import NONE, Estimate, main_figure, read_estimates
from sessions.ids import short_id
from workbench.evaluation.variants import variant_named
from workbench.models.names import short_names, trained_name

if TYPE_CHECKING:
    from sessions.runs import Run


@dataclass(frozen=True)
class RunNames:
    """What a run is about, by the names that its settings give.

    Attributes:
        dataset: Of a training on several the first one, and how many more.
        adapter: Of a training its own name, where it began from no adapter.
        variant: How it was asked where that was not as the samples are.
        run: The id of a training that is named by itself, where it is known.
    """

    dataset: str = ""
    split: str = ""
    model: str = ""
    adapter: str = ""
    variant: str = ""
    run: str = ""

    @property
    def where(self) -> str:
        """Dataset and split."""
        return "/".join(word for word in (self.dataset, self.split) if word)

    @property
    def who(self) -> str:
        """Model and adapter, and the variant."""
        return self._with_variant(" + ".join(word for word in (self.model, self.adapter) if word))

    @property
    def who_short(self) -> str:
        """The same without folders, for a column: see `workbench.models.names`."""
        if self.run:
            own = trained_name(self.adapter, self.run)
            return self._with_variant(f"{short_names(self.model, '')} +{own}")
        return self._with_variant(short_names(self.model, self.adapter))

    def _with_variant(self, who: str) -> str:
        return f"{who} ({self.variant})" if self.variant else who


def names_of(config: Mapping[str, Any], run: str = "") -> RunNames:
    """The names in a run's settings, wherever its kind keeps them.

    Args:
        config: The settings.
        run: Its id: a training is called by its name and the end of that.
    """
    dataset = _named(config, "dataset")
    if not dataset:
        train = config.get("train") or ""
        parts = [train] if isinstance(train, str) else [str(part) for part in train]
        dataset = parts[0] + (f" +{len(parts) - 1}" if len(parts) > 1 else "")
    adapter, own = _named(config, "adapter"), _named(config, "name")
    return RunNames(
        dataset=dataset,
        split=_named(config, "split"),
        model=_named(config, "model"),
        adapter=adapter or own,
        variant=variant_named({what: _named(config, what) for what in _ASKED}),
        run=run if own and not adapter else "",
    )


# Which variant of another run it is.
_ASKED = ("control", "vary", "template")


def _named(config: Mapping[str, Any], what: str) -> str:
    for place in (config, config.get("spec"), config.get("model"), config.get("data")):
        if isinstance(place, Mapping) and isinstance(place.get(what), str):
            return place[what]
    return ""


def run_name(config: Mapping[str, Any], run: str, *, data: bool = True) -> str:
    """How a run is called in a sentence or a list: `demo/test demo +lora ku8z3k`.

    Its end is what tables show as RUN and what every command takes.

    Args:
        config: Its settings.
        run: Its id.
        data: Whether to name its data, which a reader of one split knows.
    """
    names = names_of(config, run)
    who = names.who_short
    known = short_id(run) in who  # a training's own name ends in it
    words = (names.where if data else "", who, "" if known else short_id(run))
    return " ".join(word for word in words if word)


def figures(run: Run) -> dict[str, Estimate]:
    """Its figures by name."""
    return read_estimates(run.metrics())


def main_words(run: Run) -> str:
    """The figure that it is judged by, with its interval."""
    found = main_figure(figures(run))
    return f"{found[0]} {found[1].words(3)} {found[1].interval()}".strip() if found else ""


def state_of(run: Run) -> str:
    """How it stands, in a word: its state, or `paused` of one that holds still."""
    return "paused" if run.paused else run.state


FIGURE_HEADERS = ("METRIC", "VALUE", "95%", "N", "")


def figure_rows(found: Mapping[str, Estimate]) -> list[tuple[str, ...]]:
    """Name, value, interval, n and a note of each, as tables print them; see `FIGURE_HEADERS`.

    Numbers stand one under the other by their last digit.
    """
    values = [figure.words() for figure in found.values()]
    counts = [str(figure.n or "") for figure in found.values()]
    value, count = max(map(len, values), default=0), max(map(len, counts), default=0)
    return [
        (name, words.rjust(value), figure.interval(), n.rjust(count), figure.note)
        for (name, figure), words, n in zip(found.items(), values, counts, strict=True)
    ]


LABEL_HEADERS = ("LABEL", "PRECISION", "RECALL", "F1", "N")


def label_rows(per_label: object) -> list[tuple[Any, ...]]:
    """Label, precision, recall, F1 and n of each; see `LABEL_HEADERS`."""
    if not isinstance(per_label, Mapping):
        return []
    return [
        (label, *(_share(row.get(key)) for key in ("precision", "recall", "f1")), row.get("n"))
        for label, row in per_label.items()
        if isinstance(row, Mapping)
    ]


def _share(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, (int, float)) else NONE


def counts_of(run: Run) -> dict[str, int]:
    """Samples in all, done, unparsed, failed; `{}` where the answers cannot be read."""
    from sessions.errors import RecordError

    counts = run.metrics().get("counts")
    if isinstance(counts, Mapping):
        return dict(counts)
    try:
        return run.counts()
    except RecordError:
        return {}  # `Run.damage` says why


def notes_of(run: Run) -> list[str]:
    """What there is to know of its figures."""
    return [str(note) for note in run.metrics().get("notes") or ()]


def row(run: Run) -> dict[str, Any]:
    """What a list prints of it, `id` first."""
    done, total = run.progress()
    return {
        "id": run.id,
        "run": run.id,
        "kind": run.kind,
        "state": run.state,
        "paused": run.paused,
        "reason": run.reason,
        "damage": run.damage,
        "path": str(run.path),
        **{what: _named(run.config, what) for what in ("dataset", "split", "model", "adapter")},
        "key": run.key,
        "created": run.created,
        "done": done,
        "total": total,
        "metrics": {name: figure.to_json() for name, figure in figures(run).items()},
    }


def document(run: Run) -> dict[str, Any]:
    """What `metrics.json` holds, and beside it what the folder says."""
    metrics = run.metrics()
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
        "counts": counts_of(run),
        "seconds": metrics.get("seconds", round(run.seconds, 3)),
        "damaged_lines": run.damaged(),
        "config": run.config,
        "environment": run.environment(),
        **_control(run),
    }


def _control(run: Run) -> dict[str, Any]:
    """What it was asked while it went on; `{}` for nothing."""
    from workbench.evaluation.control_requests import requests_of

    asked = [request.to_json() for request in requests_of(run)]
    return {"control": asked} if asked else {}
