"""What there is to know of a run's figures, in words: said beside them, never instead of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sessions.errors import WbError
from workbench.errors import UsageError
from workbench.evaluation import controls, orders
from workbench.evaluation.config import EvalConfig
from workbench.inference.decoding import Decoding
from workbench.models.standing import other_base
from workbench.prompts.pool import TASKS
from workbench.times import duration

Line = Mapping[str, Any]


def all_failed(lines: Sequence[Line]) -> str:
    """Why a run has no answer at all: its commonest error; empty where it has one."""
    errors = [line["error"] for line in lines if line.get("error")]
    if not errors or len(errors) < len(lines):
        return ""
    kind, count = Counter(str(error.get("kind")) for error in errors).most_common(1)[0]
    first = next(error for error in errors if str(error.get("kind")) == kind)
    return (
        f"all {len(lines)} samples failed; the commonest error, {count} times ({kind}): "
        f"{first.get('message', '')}"
    )


def notes_of(config: Mapping[str, Any], lines: Sequence[Line]) -> list[str]:
    """Notes of a run.

    Args:
        config: As its `config.json` holds it.
        lines: Of its `predictions.jsonl`.
    """
    return [
        *_variant(config),
        *_one_label(config, lines),
        *_unseen(config),
        *_other_task(config),
        *_other_base(config),
        *_idle(config),
        *_unnamed(config, lines),
        *_recorded(config, lines),
        *_imported(config),
        *_sharded(config),
        *_processes(config),
        *_places(lines),
    ]


def notes_ahead(config: EvalConfig) -> list[str]:
    """Those of a run's notes that its settings alone tell, in the same words; opens no data.

    What cannot be read is left for the run itself to refuse.
    """
    known = {
        "template": config.template.partition("@")[0],
        "task": _task_of(config),
        "adapter_note": other_base(config.spec.adapter or "", config.spec.model),
    }
    return [*_other_task(known), *_other_base(known)]


def _task_of(config: EvalConfig) -> str:
    """The task of the data that are judged; empty where nothing is, or where they are not known."""
    from workbench.data.source import chosen_split

    if config.folder or not config.template:
        return ""
    try:
        task = str(chosen_split(config.dataset, config.split or None)[0].info().task)
    except WbError:
        return ""
    return "" if config.captions and task != "caption" else task


def _variant(config: Mapping[str, Any]) -> list[str]:
    """How the samples were asked, where it was not as they are."""
    control, vary = str(config.get("control") or ""), str(config.get("vary") or "")
    if control in controls.MEANS:
        return [f"control {control}: {controls.MEANS[control]}"]
    means = orders.MEANS.get(vary.partition(":")[0])
    return [f"{vary}: {means}"] if means else []


def _unseen(config: Mapping[str, Any]) -> list[str]:
    """Texts of the samples that the prompt leaves out; older runs do not say."""
    roles = config.get("texts_unseen")
    if not isinstance(roles, list) or not roles:
        return []
    names = ", ".join(repr(str(role)) for role in roles)
    return [f"the prompt ({config.get('template')}) does not show the text {names} of a sample"]


def _other_task(config: Mapping[str, Any]) -> list[str]:
    """A template of another task than the data's: what it asks for may be no label of theirs."""
    said = other_task(str(config.get("template") or ""), str(config.get("task") or ""))
    return [said] if said and not config.get("imported") else []


def other_task(template: str, task: str) -> str:
    """That a template is one of another task, by its name; empty where it is not."""
    asks, slash, _ = template.partition("/")
    if not slash or asks == task or task in ("", "other") or asks not in TASKS:
        return ""
    return (
        f"the template {template} asks for a {asks}, and the data are of the task {task}: its "
        f"answers may be none of theirs; see: wb prompts list --task {task}"
    )


def _other_base(config: Mapping[str, Any]) -> list[str]:
    """An adapter over another model than its own; older runs do not say."""
    said = config.get("adapter_note")
    return [f"the adapter was {said}"] if isinstance(said, str) and said else []


def _one_label(config: Mapping[str, Any], lines: Sequence[Line]) -> list[str]:
    targets = {str(line["target"]) for line in lines if line.get("target") is not None}
    if config.get("task") in ("question", "caption") or len(targets) != 1 or len(lines) < 2:
        return []
    words = f"{len(lines)} samples hold one label alone ({targets.pop()})"
    limit, part = config.get("limit"), "[" in str(config.get("split"))
    if config.get("random") or not (limit or part):
        return [f"all {words}"]
    offer = f"--random --limit {limit or len(lines)} --seed {config.get('seed') or 0}"
    return [f"the first {words}: the data may be sorted; draw from all of them with {offer}"]


def _idle(config: Mapping[str, Any]) -> list[str]:
    try:
        return list(Decoding.from_json(config.get("decoding") or {}).idle.values())
    except (UsageError, TypeError):
        return []  # knobs of another version


def _places(lines: Sequence[Line]) -> list[str]:
    """What was left out of the boxes and points of all answers, or changed; each kind counted."""
    found: Counter[str] = Counter()
    answers = 0
    for line in lines:
        told = line.get("grounding")
        problems = told.get("problems") if isinstance(told, Mapping) else None
        if not isinstance(problems, list) or not problems:
            continue
        answers += 1
        for problem in map(str, problems):
            count, _, what = problem.partition(" ")
            found[what if count.isdigit() else problem] += int(count) if count.isdigit() else 1
    if not found:
        return []
    said = ", ".join(f"{count:,} {what}" for what, count in found.most_common())
    return [f"boxes and points in {answers:,} answers: {said}"]


def _imported(config: Mapping[str, Any]) -> list[str]:
    """Where answers come from that were given elsewhere, and which samples have none."""
    given = config.get("imported")
    if not isinstance(given, Mapping):
        return []
    counts = given.get("counts")
    counts = counts if isinstance(counts, Mapping) else {}
    notes = [f"imported from {given.get('file')} ({given.get('format')})"]
    left = {name: counts.get(name) for name in ("unmatched", "ambiguous", "repeated", "unreadable")}
    if said := ", ".join(f"{count} {name}" for name, count in left.items() if count):
        notes.append(f"of its {counts.get('rows')} rows were left out: {said}")
    if count := counts.get("differing"):
        notes.append(f"{count} rows have another gold answer or text than their sample")
    if count := counts.get("unanswered"):
        notes.append(f"{count} samples of the split have no row: the figures are of the others")
    return notes


def _sharded(config: Mapping[str, Any]) -> list[str]:
    """That a run is a part, or was made of parts."""
    if shard := config.get("shard"):
        return [f"shard {shard} of the evaluation; wb runs merge puts all of them together"]
    parts, seconds = config.get("merged_from"), config.get("merged_seconds")
    if not isinstance(parts, list):
        return []
    spent = sum(seconds) if isinstance(seconds, list) else 0.0
    return [f"merged from {len(parts)} shards, which took {duration(spent)} in all"]


def _recorded(config: Mapping[str, Any], lines: Sequence[Line]) -> list[str]:
    """Answers that nobody asked for anew, and why none could be kept."""
    notes = []
    if count := sum(bool(line.get("recorded")) for line in lines):
        notes.append(
            f"{count} of {len(lines)} answers are from the record of earlier runs; "
            "--fresh asks for them again"
        )
    if problem := config.get("answers_unkept"):
        notes.append(f"answers were not kept, or not all of them: {problem}")
    return notes


def _unnamed(config: Mapping[str, Any], lines: Sequence[Line]) -> list[str]:
    """Answers of a version that did not record their pictures, in a run that does."""
    old = sum(not line.get("error") and "images" not in line for line in lines)
    if not config.get("images_digest") or not old:
        return []
    return [f"{old} answers do not say which pictures they are of: an older version made them"]


def _processes(config: Mapping[str, Any]) -> list[str]:
    """Processes that died on the way."""
    lost = config.get("processes_lost")
    return [str(told) for told in lost] if isinstance(lost, list) else []
