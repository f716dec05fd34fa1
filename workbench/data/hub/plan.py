"""Where the files of a split of the hub are read from: settled once, when it is opened.

Guarantee: all files are of one commit; a mode that may not ask the hub never does.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from pathlib import Path

from workbench.data.hub.environment import Remote, is_offline
from workbench.data.hub.file import LocalCopy
from workbench.data.hub.manifest import Manifest, load_manifest
from workbench.data.hub.repository import (
    HubReference,
    find_splits,
    get_listing,
    kept_listing,
    parse_ref,
)
from workbench.data.hub.shared_cache import shared_copy
from workbench.data.hub.state import Mode, folder_of
from workbench.data.tables.mapping import TableMapping
from workbench.errors import DataError


@dataclass(frozen=True)
class FilePlan:
    """Where the files of one split are read from, settled when it is opened.

    Attributes:
        mode: As it was asked for.
        commit: Of the repository.
        files: For each part of the split, its files in order.
        copies: What of them lies here, by etag.
        local_only: Never ask the hub.
        limit: Samples that can be read, where not all were cached; `None` for all.
    """

    mode: Mode
    commit: str
    files: tuple[tuple[Remote, ...], ...]
    copies: dict[str, LocalCopy] = dataclasses.field(default_factory=dict)
    local_only: bool = False
    limit: int | None = None


def make_plan(mapping: TableMapping, split: str, mode: Mode) -> FilePlan:
    """Settle where the files of a split are read from. Raises as `hub.open_hub`."""
    refs = [parse_ref(part.path) for part in mapping.files if part.split == split]
    folder = folder_of(mapping.name)
    manifest = load_manifest(folder) if mode != "streamed" else None
    if manifest is not None and (manifest.repo, manifest.revision) != (
        refs[0].repo,
        refs[0].revision,
    ):
        manifest = None  # cached when the name stood for something else
    there = manifest.splits.get(split) if manifest is not None else None
    sound = manifest is not None and there is not None and manifest.is_whole(split)
    only = mode == "cached" or sound or (there is not None and is_offline())
    if only:
        if manifest is None or there is None:
            shared = _shared_plan(refs, mode)
            if shared is not None:
                return shared
            command = f"wb data cache {mapping.name} --split {split}"
            raise DataError(
                f"{mapping.name}/{split} is not cached: cache it with `{command}`",
                hint=f"{command}, or read it with --mode streamed",
                kind="not_cached",
            )
        return _local_plan(manifest, split, mode, folder)
    files, commit = _remote_files(refs)
    copies = {} if manifest is None else manifest.copies(folder)
    if mode != "streamed":
        # What was found damaged may be the same file there.
        damaged = {f.etag for f in manifest.files.values() if f.differs} if manifest else set()
        shared = _shared_copies(files)
        copies = {etag: c for etag, c in shared.items() if etag not in damaged} | copies
    return FilePlan(mode, commit, files, copies)


def _shared_plan(refs: list[HubReference], mode: Mode) -> FilePlan | None:
    """A plan that reads the cache of Hugging Face's tools alone, where the whole split is there."""
    if kept_listing(refs[0].repo, refs[0].revision) is None:
        return None
    files, commit = _remote_files(refs, kept=True)
    copies = _shared_copies(files)
    if any(remote.etag not in copies for remote in itertools.chain.from_iterable(files)):
        return None
    return FilePlan(mode, commit, files, copies, local_only=True)


def _shared_copies(files: tuple[tuple[Remote, ...], ...]) -> dict[str, LocalCopy]:
    """What of the files lies whole in the cache of Hugging Face's tools, by etag."""
    found = {r.etag: shared_copy(r) for r in itertools.chain.from_iterable(files)}
    return {etag: LocalCopy(path) for etag, path in found.items() if path is not None}


def _local_plan(manifest: Manifest, split: str, mode: Mode, folder: Path) -> FilePlan:
    there = manifest.splits[split]
    files = tuple(manifest.remote(path) for path in there.files)
    limit = None if there.whole else there.cached
    return FilePlan(mode, manifest.commit, (files,), manifest.copies(folder), True, limit)


def first_parts(mapping: TableMapping, split: str, *, fresh: bool = False) -> FilePlan:
    """A plan that reads a split from the hub alone. Raises as `hub.open_hub`."""
    refs = [parse_ref(part.path) for part in mapping.files if part.split == split]
    files, commit = _remote_files(refs, fresh)
    return FilePlan("streamed", commit, files)


def _remote_files(
    refs: list[HubReference], fresh: bool = False, *, kept: bool = False
) -> tuple[tuple[tuple[Remote, ...], ...], str]:
    found = []
    name = refs[0].repo, refs[0].revision
    listing = (kept_listing(*name) if kept else None) or get_listing(*name, fresh=fresh)
    splits = find_splits(listing, refs[0].config)
    for ref in refs:
        if ref.split and ref.split not in splits:
            raise DataError(
                f"hub:{ref.repo} has no split {ref.split!r} any more",
                hint=f"it has {', '.join(splits)}: add the dataset again",
            )
        paths = splits[ref.split] if ref.split else itertools.chain.from_iterable(splits.values())
        found.append(tuple(listing.remote(path) for path in paths))
    return tuple(found), listing.commit
