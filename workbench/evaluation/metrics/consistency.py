"""Consistency: the share of groups of which every member is right.

For NLVR2 (Suhr et al. 2019) a group is one sentence with all its pairs of images: the identifier
without its third field. For NLVR (Suhr et al. 2017) it is one sentence with its images: the
identifier before its last field. Not for reading data: the group stands in the line of each
prediction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sessions.clusters import clusters_of
from sessions.compare import proportion
from sessions.estimate import Estimate, undefined
from sessions.uid import Uid
from sessions.verdict import is_right
from workbench.sample import Sample

_NLVR2 = re.compile(r"((?:train|dev|test\d?)-\d+)-\d+(-\d+)")
_NLVR1 = re.compile(r"(\d+)-\d+")


def group_of(sample: Sample) -> str:
    """The group that a sample belongs to, empty for none.

    As its metadata say (`consistency_group`), else by an identifier of NLVR2's form, which copies
    of the data have without knowing of groups, or of NLVR's beside its column `evals`.
    """
    named = sample.metadata.get("consistency_group")
    if isinstance(named, str) and named:
        return named
    if sample.task != "statement":
        return ""
    native = Uid.parse(sample.uid).native
    if match := _NLVR2.fullmatch(native):
        return match[1] + match[2]
    match = _NLVR1.fullmatch(native) if "evals" in sample.metadata else None
    return match[1] if match else ""


def set_of(sample: Sample) -> str:
    """The set of images that several sentences of NLVR2 share, empty for none."""
    match = _NLVR2.fullmatch(Uid.parse(sample.uid).native) if sample.task == "statement" else None
    return match[1] if match else ""


def consistency(lines: Iterable[Mapping[str, Any]]) -> Estimate | None:
    """The share of groups that are right throughout, with Wilson's interval.

    Args:
        lines: Of `predictions.jsonl`, with a known target; a failed one is not right.

    Returns:
        `None` where no line has a group. A group cut by a limit is judged by what is there.
        Groups of one set, or that share an image, are in one cluster.
    """
    grouped = [line for line in lines if line.get("group")]
    if grouped and all(line.get("error") for line in grouped):
        return undefined("all samples failed", len({line["group"] for line in grouped}))
    right: dict[str, bool] = {}
    shared: dict[str, dict[str, Any]] = {}
    for line in grouped:
        group = line["group"]
        right[group] = right.get(group, True) and is_right(line)
        one = shared.setdefault(group, {"images": []})
        one["images"] += line.get("images") or ()
        if line.get("set"):
            one["set"] = line["set"]
    return proportion(right.values(), clusters_of(shared.values())) if right else None
