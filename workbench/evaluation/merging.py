"""The shards of an evaluation, put together to the run that one process would have made.

Guarantee: shards of other evaluations, unfinished, missing or overlapping ones are refused, each by
its name; the merged run has the key of the whole evaluation and its figures are worked out from the
same lines. The shards stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.ids import short_id
from sessions.run_reader import last_per_uid
from sessions.runs import Run, list_runs
from workbench.errors import UsageError
from workbench.evaluation.command import command_of
from workbench.evaluation.notes import all_failed
from workbench.evaluation.shards import Shard, parse_shard

__all__ = ["MergedShards", "merge_runs"]


@dataclass(frozen=True)
class MergedShards:
    """A merge.

    Attributes:
        run: The whole evaluation.
        shards: What it was made of, in their order.
        found: Those among them that were not named.
        known: It was merged before.
    """

    run: Run
    shards: tuple[Run, ...]
    found: tuple[Run, ...] = ()
    known: bool = False


def merge_runs(runs: Sequence[Run]) -> MergedShards:
    """Put the shards of one evaluation together.

    Args:
        runs: One shard at least; the others are found by their key.

    Raises:
        UsageError: They are not the shards of one evaluation, or not all of them, or unfinished.
        RecordError: The run cannot be written.
    """
    shards = {run.id: _shard_of(run) for run in runs}
    if not runs:
        raise UsageError("no run was named", hint="name one shard at least")
    first = runs[0]
    for run in runs[1:]:
        _refuse_other(first, run)
    by_number: dict[int, Run] = {}
    for run in {run.id: run for run in runs}.values():
        other = by_number.setdefault(shards[run.id].number, run)
        if other is not run:
            raise UsageError(
                f"runs {other.id} and {run.id} are both shard {shards[run.id]}",
                hint="name one of them",
            )
    count = shards[first.id].count
    found = _find_others(first, count, by_number)
    by_number |= found
    if missing := [number for number in range(1, count + 1) if number not in by_number]:
        raise UsageError(
            f"{'shard' if len(missing) == 1 else 'shards'} "
            f"{', '.join(f'{number}/{count}' for number in missing)} of this evaluation "
            f"{'is' if len(missing) == 1 else 'are'} missing",
            hint=f"make it: {command_of(first.config | {'shard': f'{missing[0]}/{count}'})}",
        )
    ordered = [by_number[number] for number in range(1, count + 1)]
    lines = _lines(ordered)
    told = tuple(found[number] for number in sorted(found))
    known = _known(first, ordered, lines)
    if known is not None:
        return MergedShards(known, tuple(ordered), told, known=True)
    return MergedShards(_write(ordered, lines), tuple(ordered), told)


def _shard_of(run: Run) -> Shard:
    config = run.config
    if run.kind != "eval" or not config.get("shard"):
        raise UsageError(
            f"run {run.id} is no shard of an evaluation",
            hint="shards are made by: wb run-eval … --shard 1/4",
        )
    return parse_shard(str(config["shard"]))


def _whole(run: Run) -> Mapping[str, Any]:
    whole = run.config.get("whole")
    return whole if isinstance(whole, Mapping) else {}


def _same(first: Run, run: Run) -> bool:
    return (
        _whole(run).get("key") == _whole(first).get("key")
        and _shard_of(run).count == _shard_of(first).count
        and run.config.get("shard_batch") == first.config.get("shard_batch")
    )


def _refuse_other(first: Run, run: Run) -> None:
    if _same(first, run):
        return
    from workbench.evaluation.resuming import difference

    after = first.config | {"shard": ""}
    names = difference(run.config | {"shard": ""}, after)
    parts = [
        f"{what} {a}, not {b}"
        for what, a, b in (
            ("in shards", _shard_of(run).count, _shard_of(first).count),
            ("in batches of", run.config.get("shard_batch"), first.config.get("shard_batch")),
        )
        if a != b
    ]
    raise UsageError(
        f"run {run.id} is no shard of the evaluation of run {first.id}: "
        + "; ".join([*parts, names] if names != "other settings" or not parts else parts),
        hint="name the shards of one evaluation",
        kind="other_run",
    )


def _find_others(first: Run, count: int, by_number: Mapping[int, Run]) -> dict[int, Run]:
    """The newest finished runs of the shards that were not named."""
    found: dict[int, Run] = {}
    if len(by_number) == count:
        return found
    for run in list_runs():
        if run.kind != "eval" or not run.config.get("shard") or not _same(first, run):
            continue
        number = _shard_of(run).number
        if number not in by_number and _is_whole(run):
            found.setdefault(number, run)
    return found


def _is_whole(run: Run) -> bool:
    """Whether all of its samples have a line; one whose samples all failed is `failed`."""
    done, total = run.progress()
    return run.state in ("done", "failed") and not run.interrupted and done == total


def _lines(shards: Sequence[Run]) -> list[dict[str, Any]]:
    lines: dict[str, dict[str, Any]] = {}
    for run in shards:
        own = last_per_uid(run.predictions())
        total = run.progress()[1]
        if not _is_whole(run) or len(own) != total:
            raise UsageError(
                f"run {run.id} (shard {run.config['shard']}) is {run.state} with {len(own)} of "
                f"{total} samples",
                hint=f"go on with it: wb run-eval --resume {short_id(run.id)}",
            )
        if twice := own.keys() & lines.keys():
            raise UsageError(
                f"run {run.id} has {len(twice)} samples of another shard: {min(twice)}",
                hint="their data or their model is not the same: make them anew",
            )
        lines |= own
    total = int(_whole(shards[0]).get("total") or 0)
    if len(lines) != total:
        raise UsageError(f"the shards have {len(lines)} samples, and the evaluation has {total}")
    return [lines[uid] for uid in sorted(lines)]


def _known(first: Run, shards: Sequence[Run], lines: Sequence[Mapping[str, Any]]) -> Run | None:
    """The newest merge of these shards, unless one of them has other lines since."""
    ids = [run.id for run in shards]
    for run in list_runs():
        if run.key == _whole(first).get("key") and run.config.get("merged_from") == ids:
            own = last_per_uid(run.predictions())
            same = list(lines) == [own.get(str(line["uid"])) for line in lines]
            return run if same and _is_whole(run) else None
    return None


def _write(shards: Sequence[Run], lines: Sequence[Mapping[str, Any]]) -> Run:
    from workbench.evaluation.document import document

    first, whole = shards[0], _whole(shards[0])
    total = len(lines)
    config = {name: value for name, value in first.config.items() if name != "whole"}
    problems = [str(run.config.get("answers_unkept") or "") for run in shards]
    config |= {
        "shard": "",
        "shard_batch": 0,
        "settings_key": whole.get("settings_key"),
        "variant_of": whole.get("variant_of"),
        "merged_from": [run.id for run in shards],
        "merged_seconds": [round(run.seconds, 3) for run in shards],
        "answers_unkept": next(filter(None, problems), ""),
    }
    run = Run.create(config, str(whole.get("key")), "eval", total=total)
    with run:
        try:
            run.append_many(lines)
            failure = all_failed(lines)
            state = "failed" if failure else "done"
            run.write_metrics(document(run, total=total, state=state))
            run.set_state(state, total=total, reason=failure)
        except BaseException as error:
            run.set_state("failed", reason=str(error)[:500])
            raise
    return run
