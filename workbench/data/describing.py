"""What can be said of a dataset by opening it: its splits, and whether its samples are whole."""

from __future__ import annotations

from typing import Any

from sessions.redact import redacted
from workbench.data.base import DatasetInfo
from workbench.data.permutation import draw
from workbench.data.registry import find_dataset
from workbench.data.source import open_source
from workbench.data.understood import Prompt, Understood, understand
from workbench.data.user_datasets import TableDataset
from workbench.errors import DataError, ImageError, UnknownName

TRIED = 20  # samples that are read whole after a dataset was added


def describe_dataset(name: str) -> dict[str, Any]:
    """What `wb data info --json` prints: the registry's facts and those of each split.

    A split that cannot be opened has its `error` in its place. Raises `UnknownName`.
    """
    dataset = find_dataset(name)
    body = dataset.info().to_json()
    if body["kind"] == "hub":  # its splits are not opened, which could fetch much
        from workbench.data.hub.dataset import hub_details

        return body | hub_details(name)
    if body["kind"] == "stream":
        counted = {split: {"length": rows} for split, rows in body["splits"].items()}
        return redacted(body | {"mode": "streamed", "split_details": counted})
    details: dict[str, dict[str, Any]] = {}
    for split in body["splits"]:
        try:
            source = dataset.open(split)
        except (DataError, UnknownName) as error:
            details[split] = {"length": None, "error": error.message, "hint": error.hint}
            continue
        details[split] = {
            "length": source.length,
            "bad": getattr(source, "bad", 0),
            "notes": getattr(source, "notes", []),
            "revision": source.revision,
        }
        if roots := getattr(source, "image_roots", ()):
            details[split]["images_in"] = list(roots)
        if prefix := getattr(source, "image_prefix", ""):
            details[split]["image_prefix"] = prefix
        body["splits"][split] = source.length
    return redacted(body | {"split_details": details})


def understood(name: str, prompt: Prompt | None = None) -> Understood | None:
    """The tables of a dataset's splits; `None` for one that is made, or of a hub, or damaged.

    Raises `UnknownName`.
    """
    dataset = find_dataset(name)
    if not isinstance(dataset, TableDataset):
        return None
    try:
        mapping = dataset.mapping()
        return understand(mapping, prompt) if not mapping.is_remote else None
    except DataError:
        return None  # `describe_dataset` says why


def try_samples(name: str, count: int = TRIED) -> tuple[int, dict[str, str]]:
    """Read some samples of each split whole, images too, drawn by a fixed seed.

    Returns:
        How many were read, and what is wrong, by UID. An image at a URL that was not asked to
        be fetched is no problem.
    """
    problems: dict[str, str] = {}
    tried = 0
    info = find_dataset(name).info()
    remote = info.kind in ("hub", "stream")
    splits, count = (_smallest(info), 2) if remote else (info.splits, count)
    for split in splits:
        source = open_source(name, split)
        for ordinal in draw(source.length, count, seed=0):
            sample = source.at(ordinal)
            tried += 1
            problem = sample.error
            for ref in () if problem else sample.images:
                if ref.url is not None and not ref.url.startswith("data:"):
                    continue
                try:
                    ref.load()
                except ImageError as error:
                    problem = error.message
            if problem:
                problems[sample.uid] = problem
    return tried, problems


def _smallest(info: DatasetInfo) -> list[str]:
    """The split that costs the least to open where it lies on the hub."""
    counts = {split: rows for split, rows in info.splits.items() if rows}
    return [min(counts, key=lambda split: counts[split])] if counts else list(info.splits)[:1]
