"""A run's figures, from its predictions alone: a resumed run gives the same ones.

Counting, said once and held everywhere:

- `accuracy` is over all samples with a known target. An unparsed answer is wrong; so is a failed
  sample (an unreadable image, a prompt too long), which is also counted apart in `failed`.
- `accuracy_answered` leaves the failed ones out; it is given where there are any.
- Per-label figures and the confusion matrix are of the samples that did not fail; the matrix's
  last column is `unparsed`.
- Question tasks are right by exact match after the official VQA normalisation; where a sample has
  ten answers of people there is `vqa_accuracy` too.
- Where samples belong to groups (NLVR2: the pairs of one sentence) `consistency` is the share of
  groups that are right throughout; a failed sample makes its group wrong, and
  `consistency_answered` leaves failed ones out, as `accuracy_answered` does.
- Where the model has a classification head, `head_accuracy` and `text_accuracy` stand side by side,
  over the same samples and by the same rules: see `.head`.
- Boxes and points (the task `grounding`) are right by their overlap with gold: see `.grounding`.
- Captions have BLEU-4, ROUGE-L and the metrics of `.texts` over the answered ones, and no accuracy.
- Label scores give probabilities and their calibration: `.label_scores`.
- Explanations are scored where the data has some and the model gave some: over all answered
  samples (`explanation/cider`) and over those whose label was right (`explanation_right/cider`).
- A figure of nothing has no value and says why; nothing is not zero.
- Samples are taken in the order of their UIDs: no interval depends on the order of the lines.
  Where samples share an image, a sentence or a set, intervals are over those clusters.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sessions.clusters import clusters_of
from sessions.compare import accuracy
from sessions.estimate import Estimate, undefined
from sessions.label_figures import label_figures
from sessions.verdict import is_judged, is_right, is_truncated, verdict
from workbench.evaluation.metrics.consistency import consistency
from workbench.evaluation.metrics.correctness import PEOPLE, macro_f1
from workbench.evaluation.metrics.grounding import grounding_figures
from workbench.evaluation.metrics.head import head_metrics
from workbench.evaluation.metrics.label_scores import score_figures
from workbench.evaluation.metrics.texts import USUAL, TextWish, caption_figures, explanation_figures
from workbench.evaluation.metrics.votes import vote_figures
from workbench.evaluation.metrics.vqa_text import vqa_accuracy
from workbench.evaluation.statistics import bootstrap, mean, ratio

Line = Mapping[str, Any]
UNPARSED = "unparsed"
# An open task may have thousands of answers: a matrix of them says nothing.
MAX_LABELS = 40


def last_lines(lines: Iterable[Line]) -> list[Line]:
    """One line per UID, its last, in the order of the UIDs."""
    by_uid = {str(line["uid"]): line for line in lines}
    return [by_uid[uid] for uid in sorted(by_uid)]


def compute_metrics(
    predictions: Iterable[Line],
    *,
    task: str,
    labels: Sequence[str] = (),
    positive: str | None = None,
    wish: TextWish = USUAL,
) -> dict[str, Any]:
    """`{"metrics", "counts", "confusion", "per_label"}` of a run.

    Args:
        predictions: Lines of `predictions.jsonl`.
        task: Of the dataset.
        labels: Its closed set of labels, empty where open.
        positive: The label whose scores give the AUROC; for two labels it can be told.
        wish: Which text metrics captions and explanations get.
    """
    lines = last_lines(predictions)
    answered = [line for line in lines if not line.get("error")]
    counts = {
        "total": len(lines),
        "done": len(lines),
        "unparsed": sum(verdict(line) == "unparsed" for line in lines),
        "failed": len(lines) - len(answered),
        "truncated": sum(map(is_truncated, lines)),
    }
    unlabelled = sum(line.get("target") is None for line in lines)
    if unlabelled:
        counts["unlabelled"] = unlabelled
    if recorded := sum(bool(line.get("recorded")) for line in lines):
        counts["recorded"] = recorded
    if task == "caption":
        metrics, extra = _caption_metrics(answered) | caption_figures(answered, wish), {}
    elif task == "grounding":
        known, alive = (list(filter(is_judged, some)) for some in (lines, answered))
        metrics, extra = _accuracies(known, alive) | grounding_figures(answered), {}
        metrics |= _by_kind(known, "accuracy", accuracy)
    else:
        metrics, extra = _label_metrics(lines, answered, task, labels)
        metrics |= vote_figures(lines)
        scored, beside = score_figures(answered, labels, positive)
        metrics |= scored
        extra |= beside
        metrics |= head_metrics(lines, task, positive)
        metrics |= explanation_figures(answered, wish)
    metrics |= _speed(answered)
    return {
        "metrics": {name: estimate.to_json() for name, estimate in metrics.items()},
        "counts": counts,
    } | extra


def _label_metrics(
    lines: Sequence[Line], answered: Sequence[Line], task: str, labels: Sequence[str]
) -> tuple[dict[str, Estimate], dict[str, Any]]:
    known = [line for line in lines if line.get("target") is not None]
    alive = [line for line in answered if line.get("target") is not None]
    out = _accuracies(known, alive) | _consistency(known, alive)
    many = [
        line for line in known if task == "question" and len(line.get("references") or ()) >= PEOPLE
    ]
    if many:
        out["vqa_accuracy"] = _vqa_accuracy(many)
        out |= _by_kind(many, "vqa_accuracy", _vqa_accuracy)
    out |= _by_kind(known, "accuracy", accuracy)
    names = _label_names(alive, labels)
    if not names or len(names) > MAX_LABELS:
        return out, {}
    table = confusion(alive, names)
    per_label = label_table(alive, names)
    if task != "question":
        out["macro_f1"] = _macro_f1(alive, table)
    return out, {"confusion": table, "per_label": per_label}


def _accuracies(known: Sequence[Line], alive: Sequence[Line]) -> dict[str, Estimate]:
    """Over all samples that say what is right, and over those that could be asked."""
    out = {"accuracy": accuracy(known)}
    if len(alive) < len(known):
        out["accuracy_answered"] = accuracy(alive)
    return out


def _vqa_accuracy(lines: Sequence[Line]) -> Estimate:
    if all(line.get("error") for line in lines):
        return undefined("all samples failed", len(lines))
    return mean(
        [
            0.0 if line.get("error") else vqa_accuracy(line.get("label"), line["references"])
            for line in lines
        ],
        clusters_of(lines),
    )


def _consistency(known: Sequence[Line], alive: Sequence[Line]) -> dict[str, Estimate]:
    """Over all samples, and over those that could be asked where some could not."""
    found = {"consistency": consistency(known)}
    if len(alive) < len(known):
        found["consistency_answered"] = consistency(alive)
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def _by_kind(
    lines: Sequence[Line], name: str, score: Callable[[Sequence[Line]], Estimate]
) -> dict[str, Estimate]:
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.get("kind"):
            groups[str(line["kind"])].append(line)
    return {f"{name}/{kind}": score(group) for kind, group in sorted(groups.items())}


def _macro_f1(lines: Sequence[Line], table: Mapping[str, Any]) -> Estimate:
    """The mean F1 of the labels that occur; the others are named as left out."""
    if not lines:
        return undefined()
    names = table["labels"]
    absent = [label for label, row in zip(names, table["rows"], strict=True) if not sum(row)]
    targets = [str(line["target"]) for line in lines]
    said = [
        t if is_right(line) else line.get("label") for t, line in zip(targets, lines, strict=True)
    ]
    found = macro_f1(targets, said, clusters_of(lines))
    return replace(found, left_out=tuple(absent))


def _label_names(lines: Sequence[Line], labels: Sequence[str]) -> list[str]:
    seen = Counter(str(line["target"]) for line in lines)
    said = Counter(str(line["label"]) for line in lines if line.get("label") is not None)
    if labels:
        return [*labels, *sorted(set(seen) - set(labels))]
    return sorted(set(seen) | {label for label in said if label in seen})


def confusion(lines: Sequence[Line], labels: Sequence[str]) -> dict[str, Any]:
    """`{"labels", "columns", "rows"}`: targets down, what was read across, `unparsed` last.

    An open answer that is none of the labels counts in a column `other` before it; an answer
    that is right in another spelling counts as its target.
    """
    cells: Counter[tuple[str, str]] = Counter()
    for line in lines:
        target, label = str(line["target"]), line.get("label")
        if label is None:
            read = UNPARSED
        elif is_right(line):
            read = target
        else:
            read = str(label) if str(label) in labels else "other"
        cells[target, read] += 1
    columns = list(labels)
    if any(read == "other" for _, read in cells) and "other" not in columns:
        columns.append("other")
    columns.append(UNPARSED)
    rows = [[cells[target, read] for read in columns] for target in labels]
    return {"labels": list(labels), "columns": columns, "rows": rows}


def label_table(lines: Sequence[Line], labels: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Label -> `{"n", "precision", "recall", "f1"}`; `None` where undefined."""
    table = confusion(lines, labels)
    columns, rows = table["columns"], table["rows"]
    out: dict[str, dict[str, float | None]] = {}
    for i, label in enumerate(labels):
        at = columns.index(label)
        hit, wanted, said = rows[i][at], sum(rows[i]), sum(row[at] for row in rows)
        precision, recall, f1 = label_figures(hit, wanted, said)
        out[label] = {"n": wanted, "precision": precision, "recall": recall, "f1": f1}
    return out


def _caption_metrics(answered: Sequence[Line]) -> dict[str, Estimate]:
    from workbench.evaluation.metrics.captions import BLEU, ROUGE, bleu4, rouge_l

    lines = [line for line in answered if line.get("references") or line.get("target")]
    texts = [str(line.get("label") or "") for line in lines]
    references = [list(line.get("references") or [line["target"]]) for line in lines]
    clusters = clusters_of(lines)
    return {
        "bleu4": replace(bleu4(texts, references, clusters), definition=BLEU),
        "rouge_l": replace(rouge_l(texts, references, clusters), definition=ROUGE),
    }


def _speed(answered: Sequence[Line]) -> dict[str, Estimate]:
    """Tokens generated per second of work, all samples of a batch sharing its time."""
    pairs = [
        (float(line["tokens"]), float(line["share_s"]))
        for line in answered
        if line.get("tokens") and line.get("share_s")
    ]
    if not pairs:
        return {}
    return {"tokens_per_s": bootstrap(np.asarray(pairs), ratio)}
