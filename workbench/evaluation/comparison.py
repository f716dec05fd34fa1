"""Two runs over the same samples: what differs between them, and by how much their figures do.

For: `wb runs compare`, the bench and reports, which all say the same because they all ask here.
Guarantee: runs of different tasks are refused, never compared by a figure that one of them has
not; right and wrong are paired by UID (`sessions.compare`), other metrics by the paired
bootstrap, over clusters where the samples come in clusters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sessions.clusters import clusters_of
from sessions.compare import Paired, compare_predictions, paired_lines
from sessions.errors import RecordError
from sessions.estimate import Estimate
from sessions.verdict import verdict
from workbench.evaluation.power import Power, power_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

Line = Mapping[str, Any]
PEOPLE = 10
BOOTSTRAP = "paired bootstrap"
# What a run's config says of how its answers came about, in the order in which it is told.
COMPARED = (
    *("dataset", "split", "dataset_revision", "images_digest", "limit", "random", "model"),
    *("adapter", "revision", "quantization", "dtype", "image_min_pixels", "image_max_pixels"),
    *("template", "template_version", "template_digest", "shot_uids", "answer"),
    *("control", "vary"),
)
# What nobody wrote down of answers that were imported: how the model was held and asked. The
# knobs of decoding belong to it too.
_NOT_OF_IMPORTS = frozenset(
    {
        *("limit", "random", "adapter", "revision", "quantization", "dtype", "image_min_pixels"),
        *("image_max_pixels", "shot_uids", "answer", "control", "vary", "seed", "shots"),
    }
)
# What a run of a version before the setting did.
_BEFORE = {"answer": "generate"}
SETTING_NAMES = {
    "dataset_revision": "data revision",
    "images_digest": "images",
    "template_version": "template version",
    "template_digest": "template wording",
    "shot_uids": "examples",
    "answer": "answers by",
    "identity": "model identity",
}


@dataclass(frozen=True)
class SettingDifference:
    """A setting that two runs do not share."""

    name: str
    first: Any
    second: Any


@dataclass(frozen=True)
class Change:
    """One figure in both runs, over the samples that both have.

    Attributes:
        difference: Of the second less the first; its `p_value` is of `test`.
    """

    name: str
    first: Estimate
    second: Estimate
    difference: Estimate
    test: str

    def to_json(self) -> dict[str, Any]:
        """As the document of a comparison holds it."""
        found = {name: getattr(self, name).to_json() for name in ("first", "second", "difference")}
        return {"name": self.name, **found, "test": self.test}


@dataclass(frozen=True)
class RunComparison:
    """What two runs say about each other.

    Attributes:
        differences: The settings that differ, the data before the model before the prompt.
        paired: Right and wrong, sample by sample; its `n` is 0 where there is no such thing.
        changes: The runs' figures, the one that they are judged by first.
        power: How small a difference could be found; `None` where nothing is right or wrong.
        notes: What there is to know of the result.
        imported: One of them was imported: its settings are unknown, which is no difference.
    """

    differences: tuple[SettingDifference, ...]
    paired: Paired
    changes: tuple[Change, ...]
    power: Power | None = None
    notes: tuple[str, ...] = ()
    imported: bool = False

    @property
    def no_difference(self) -> str:
        """What is said where no setting differs."""
        return f"no {'known ' if self.imported else ''}setting differs"

    def to_json(self) -> dict[str, Any]:
        """What `wb runs compare --json` prints, less the runs' ids."""
        return {
            "differs": {d.name: [d.first, d.second] for d in self.differences},
            "metrics": [change.to_json() for change in self.changes],
            **self.paired.to_json(),
            "power": self.power.to_json() if self.power else None,
            "notes": list(self.notes),
        }


def compare_runs(
    first: tuple[Mapping[str, Any], Iterable[Line]],
    second: tuple[Mapping[str, Any], Iterable[Line]],
    names: tuple[str, str] = ("the first", "the second"),
) -> RunComparison:
    """Compare two runs, each given as its config and its lines of `predictions.jsonl`.

    Args:
        first: The one that is compared with.
        second: The one that is compared.
        names: What an error calls them.

    Raises:
        RecordError: They share no sample, or are of different tasks.
    """
    (config_a, lines_a), (config_b, lines_b) = first, second
    lines_a, lines_b = list(lines_a), list(lines_b)
    pairs, _, _ = paired_lines(lines_a, lines_b)
    if not pairs:
        configs = zip(names, (config_a, config_b), strict=True)
        raise _no_pairs([name for name, config in configs if config.get("train")])
    tasks = _task(config_a, [a for _, a, _ in pairs]), _task(config_b, [b for _, _, b in pairs])
    if tasks[0] != tasks[1]:
        raise RecordError(
            f"the runs are judged by different figures: one is of a {tasks[0]} task, the other "
            f"of a {tasks[1]} task",
            hint="compare runs of the same dataset and task",
            kind="other_metric",
        )
    paired = compare_predictions(lines_a, lines_b)
    # In the order of the UIDs: no interval depends on the order of the lines.
    pairs.sort(key=lambda pair: pair[0])
    changes = _captions(pairs) if tasks[0] == "caption" else _labels(paired, pairs)
    power = power_of(paired, [(a, b) for _, a, b in pairs])
    told = tuple(differences(config_a, config_b))
    notes = [*_notes(paired, pairs), *_of_imports((config_a, config_b), names)]
    return RunComparison(
        told,
        paired,
        tuple(changes),
        power,
        tuple(notes),
        any(map(is_imported, (config_a, config_b))),
    )


def _no_pairs(trainings: Sequence[str]) -> RecordError:
    """Why there is nothing to compare, where some of the runs are trainings."""
    said, hint = "the runs share no sample", "evaluate both on the same split"
    if trainings:
        verb = "are trainings" if len(trainings) > 1 else "is a training"
        said = f"{said}: {' and '.join(trainings)} {verb}"
        hint = "compare an evaluation of what was trained: wb run-eval --adapter TRAINING"
    return RecordError(said, hint=hint, kind="no_pairs")


def _notes(paired: Paired, pairs: _Pairs) -> list[str]:
    """Where a difference is one of form: answers that cannot be read."""
    unread = sum("unparsed" in (verdict(flip.before), verdict(flip.after)) for flip in paired.flips)
    if not unread:
        return []
    words = f"{unread} of {len(paired.flips)} samples that changed sides are unparsed in one run"
    read = [(a, b) for _, a, b in pairs if {verdict(a), verdict(b)} <= {"right", "wrong"}]
    if read:
        both = compare_predictions([a for a, _ in read], [b for _, b in read])
        words += (
            f"; of the {both.n:,} that can be read in both, {both.only_b:,} are fixed and "
            f"{both.only_a:,} broken (p {p_words(both.p_value)})"
        )
    return [f"{words}: look at how answers are read before at what the models know"]


def _of_imports(configs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """That settings of imported answers are not known, which is no difference and no agreement."""
    return [
        f"{name} was imported from {(config['imported'] or {}).get('file', 'a file')}: how its "
        "model was held and asked (weights, decoding, examples) is unknown and not compared"
        for config, name in zip(configs, names, strict=True)
        if is_imported(config)
    ]


def is_imported(config: Mapping[str, Any]) -> bool:
    """Whether a run's answers were given elsewhere."""
    return isinstance(config.get("imported"), Mapping)


def is_known(config: Mapping[str, Any], name: str) -> bool:
    """Whether a run's config can say a setting at all; `decoding.NAME` is a knob of decoding."""
    if not is_imported(config):
        return True
    return name not in _NOT_OF_IMPORTS and not name.startswith("decoding.")


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[SettingDifference]:
    """The settings that two configs do not share; of the model's identity only if nothing told.

    A setting that one of them cannot know (`is_known`) is left out.
    """
    both = (first, second)
    found = [
        SettingDifference(SETTING_NAMES.get(name, name), a, b)
        for name in COMPARED
        for a, b in [(_said(first, name), _said(second, name))]
        if a != b and all(is_known(config, name) for config in both)
    ]
    knobs_a, knobs_b = (config.get("decoding") or {} for config in both)
    found += [
        SettingDifference(name, knobs_a.get(name), knobs_b.get(name))
        for name in dict.fromkeys([*knobs_a, *knobs_b])
        if knobs_a.get(name) != knobs_b.get(name) and name != "top_logprobs"
        if not any(map(is_imported, both))
    ]
    names = {difference.name for difference in found}
    if any(map(is_imported, both)):
        return found  # no identity of weights either
    if not names & {"model", "adapter", "revision", "quantization", "dtype"}:
        a, b = first.get("identity"), second.get("identity")
        if a and b and a != b:  # the same name, other weights
            found.append(SettingDifference(SETTING_NAMES["identity"], a, b))
    return found


def _said(config: Mapping[str, Any], name: str) -> Any:
    """A setting; nothing said is nothing said, however a version wrote it."""
    if name == "answer" and name not in config and config.get("label_scores"):
        return "both"
    return config.get(name) or _BEFORE.get(name)


def _task(config: Mapping[str, Any], lines: Sequence[Line]) -> str:
    """What the run is judged by; of an older run without its task as its lines look."""
    task = str(config.get("task") or "")
    if task:
        return task if task in ("caption", "question") else "label"
    free = all(line.get("correct", False) is None and "references" in line for line in lines)
    return "caption" if free else "label"


_Pairs = Sequence[tuple[str, Line, Line]]


def _labels(paired: Paired, pairs: _Pairs) -> list[Change]:
    accuracy = Change("accuracy", paired.first, paired.second, paired.difference, paired.test)
    many = [
        (uid, a, b)
        for uid, a, b in pairs
        if len(a.get("references") or ()) >= PEOPLE and len(b.get("references") or ()) >= PEOPLE
    ]
    boxed = [pair for pair in pairs if "grounding" in pair[1] and "grounding" in pair[2]]
    if not many and not boxed:
        return [accuracy]
    from workbench.evaluation.metrics.grounding import DEFINITIONS, iou_of
    from workbench.evaluation.statistics import ratio

    # As in a run's own figures: of the answers that have a box, here of those that both have.
    boxed = [(uid, a, b) for uid, a, b in boxed if None not in (iou_of(a), iou_of(b))]
    found = [accuracy]
    if many:
        found.append(_change("vqa_accuracy", many, _vqa_features, ratio))
    if boxed:
        found.append(_change("iou", boxed, _iou_features, ratio, DEFINITIONS["iou"]))
    return found


def _captions(pairs: _Pairs) -> list[Change]:
    from workbench.evaluation.metrics.captions import (
        BLEU,
        ROUGE,
        bleu_features,
        bleu_score,
        rouge_features,
    )
    from workbench.evaluation.statistics import ratio

    # As in a run's own figures: of the answered ones, here of those that both have.
    told = [
        (uid, a, b)
        for uid, a, b in pairs
        if not a.get("error") and not b.get("error") and _references(a) and _references(b)
    ]
    return [
        _change("bleu4", told, _of_texts(bleu_features), bleu_score, BLEU),
        _change("rouge_l", told, _of_texts(rouge_features), ratio, ROUGE),
    ]


def _references(line: Line) -> list[str]:
    target = line.get("target")
    return [str(r) for r in line.get("references") or ([] if target is None else [target])]


def _of_texts(
    features: Callable[[Sequence[str], Sequence[Sequence[str]]], np.ndarray],
) -> Callable[[Sequence[Line]], np.ndarray]:
    """Features of lines rather than of texts."""
    return lambda lines: features(
        [str(line.get("label") or "") for line in lines], [_references(line) for line in lines]
    )


def _iou_features(lines: Sequence[Line]) -> np.ndarray:
    import numpy as np

    from workbench.evaluation.metrics.grounding import iou_of

    scores = [iou_of(line) or 0.0 for line in lines]
    return np.stack([np.array(scores), np.ones(len(scores))], axis=1)


def _vqa_features(lines: Sequence[Line]) -> np.ndarray:
    import numpy as np

    from workbench.evaluation.metrics.vqa_text import vqa_accuracy

    scores = [
        0.0 if line.get("error") else vqa_accuracy(line.get("label"), line["references"])
        for line in lines
    ]
    return np.stack([np.array(scores, dtype=float), np.ones(len(scores))], axis=1)


def _change(
    name: str,
    pairs: _Pairs,
    features: Callable[[Sequence[Line]], np.ndarray],
    score: Callable[[np.ndarray], np.ndarray],
    definition: str = "",
) -> Change:
    from workbench.evaluation.statistics import bootstrap, paired_bootstrap

    a, b = features([a for _, a, _ in pairs]), features([b for _, _, b in pairs])
    clusters = clusters_of({**before, **after} for _, before, after in pairs)
    first, second = (bootstrap(x, score, clusters=clusters, resamples=1_000) for x in (a, b))
    difference = paired_bootstrap(a, b, score, clusters=clusters, resamples=2_000)
    test = f"{BOOTSTRAP} over clusters" if clusters.kind else BOOTSTRAP
    return Change(
        name,
        replace(first, definition=definition),
        replace(second, definition=definition),
        difference,
        test,
    )


def verdict_words(change: Change, names: tuple[str, str] = ("the first", "the second")) -> str:
    """What a p-value says, in words that are true.

    It is the chance of a difference at least as large if both runs were equally good, and no
    chance that they are.
    """
    p, n = change.difference.p_value, change.difference.n
    if p is None or change.difference.value is None:
        return change.difference.reason or "nothing to compare"
    if p >= 0.05:
        return f"no difference could be shown on {n:,} samples"
    better = names[change.difference.value > 0]
    return (
        f"{better} is better; if both were equally good, a difference this large would be seen "
        f"{often(p)}"
    )


def p_words(p_value: float | None) -> str:
    """A p-value in three digits that do not say more than it does; empty where there is none.

    It is never rounded to the other side of 5%, to zero or to one.
    """
    if p_value is None:
        return ""
    if p_value < 1e-4:
        return "<0.0001"
    if 0.9995 <= p_value < 1:
        return ">0.999"
    digits = 3
    while (float(f"{p_value:.{digits}g}") < 0.05) != (p_value < 0.05):
        digits += 1
    return f"{p_value:.{digits}g}"


def often(p_value: float) -> str:
    """`in 3% of such comparisons`."""
    share = f"{p_value:.1%}" if p_value >= 0.001 else "less than 0.1%"
    return f"in {share} of such comparisons"
