"""Consistency: the share of groups of which every member is right (Suhr et al. 2019, for NLVR2).

A group is one sentence with all its pairs of images: the identifier without its third field. Not
for reading data: the group stands in the line of each prediction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sessions.compare import is_right
from sessions.uid import Uid
from workbench.scoring.statistics import Estimate, proportion
from workbench.sample import Sample

_NLVR2 = re.compile(r"((?:train|dev|test\d?)-\d+)-\d+(-\d+)")


def group_of(sample: Sample) -> str:
    """The group that a sample belongs to, empty for none.

    As its metadata say (`consistency_group`), else by an identifier of NLVR2's form, which copies
    of the data have without knowing of groups.
    """
    named = sample.metadata.get("consistency_group")
    if isinstance(named, str) and named:
        return named
    match = _NLVR2.fullmatch(Uid.parse(sample.uid).native) if sample.task == "statement" else None
    return match[1] + match[2] if match else ""


def consistency(lines: Iterable[Mapping[str, Any]]) -> Estimate | None:
    """The share of groups that are right throughout, with Wilson's interval.

    Args:
        lines: Of `predictions.jsonl`, with a known target; a failed one is not right.

    Returns:
        `None` where no line has a group. A group cut by a limit is judged by what is there.
    """
    right: dict[str, bool] = {}
    for line in lines:
        group = line.get("group")
        if group:
            right[group] = right.get(group, True) and is_right(line)
    return proportion(sum(right.values()), len(right)) if right else None
