"""Caching a dataset of the hub: `wb data cache`.

Guarantee: space is checked before anything is fetched; a file is in its place and in the manifest
only when its digest is the hub's; whatever interrupts it, the next call fetches what is missing
and nothing else. With a limit, the ids of all samples are cached and the rows of the first ones,
so that UIDs and order are those of the whole split.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.data.hub.checks import (
    check_remote,
    check_space,
    is_content,
    lock_folder,
    sha256_whole,
)
from workbench.data.hub.dataset import KIND, HubSource
from workbench.data.hub.download import WantedFile, download
from workbench.data.hub.environment import HubError, Remote
from workbench.data.hub.manifest import (
    PARTIAL,
    CachedFile,
    CachedSplit,
    Manifest,
    load_manifest,
    sha256_of,
)
from workbench.data.hub.parts import PartialFile, Ranges, join, subtract, total
from workbench.data.hub.plan import FilePlan, first_parts
from workbench.data.hub.repository import get_listing, parse_ref
from workbench.data.hub.shared_cache import give, take_whole
from workbench.data.hub.state import folder_of, remember
from workbench.data.tables.mapping import TableMapping
from workbench.errors import UnknownName, UsageError

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Cached:
    """What `cache_dataset` did.

    Attributes:
        fetched: Bytes that came over the network for the files themselves.
        size: Bytes that lie in the folder for the splits that were asked for.
    """

    folder: Path
    manifest: Manifest
    fetched: int
    size: int


def cache_dataset(
    name: str,
    *,
    to: str | Path | None = None,
    splits: Sequence[str] = (),
    limit: int | None = None,
    on_progress: OnProgress | None = None,
) -> Cached:
    """Fetch a dataset of the hub, or what is missing of it.

    Args:
        name: As it was added.
        to: Folder for its files; remembered. Without it, where it was last, or under the home.
        splits: Which; all where none is named.
        limit: Only the first so many samples of each split.
        on_progress: Told bytes done, bytes in all, and what is being done.

    Raises:
        UnknownName: No such dataset or split.
        UsageError: It is not of the hub.
        HubError: The hub cannot be asked, or refuses.
        DataError: Not enough space, or the folder cannot be written or is in use.
    """
    mapping = hub_mapping(name)
    chosen = _chosen(mapping, splits)
    if to is not None:
        remember(name, folder=str(Path(to).expanduser().absolute()))
    folder = folder_of(name)
    lock = lock_folder(folder)
    try:
        return _Caching(mapping, folder, limit, on_progress or _quiet).run(chosen)
    finally:
        lock.release()


def hub_mapping(name: str) -> TableMapping:
    """The mapping of a dataset of the hub. Raises `UnknownName`, `UsageError`."""
    from workbench.data.registry import find_dataset
    from workbench.data.user_datasets import TableDataset

    dataset = find_dataset(name)
    mapping = dataset.mapping() if isinstance(dataset, TableDataset) else None
    if mapping is None or mapping.kind != KIND:
        if mapping is not None and mapping.is_remote:
            raise UsageError(
                f"{name} is streamed by datasets", hint="load it there, save it, add the folder"
            )
        raise UsageError(
            f"{name} is on this machine already", hint="only datasets of the hub are cached"
        )
    return mapping


def _chosen(mapping: TableMapping, splits: Sequence[str]) -> list[str]:
    for split in splits:
        if split not in mapping.splits:
            raise UnknownName(
                f"{mapping.name} has no split {split!r}", hint=f"it has {', '.join(mapping.splits)}"
            )
    return list(dict.fromkeys(splits)) or list(mapping.splits)


class _Caching:
    """One call of `cache_dataset`."""

    def __init__(
        self, mapping: TableMapping, folder: Path, limit: int | None, tell: OnProgress
    ) -> None:
        self._mapping, self._folder, self._limit, self._tell = mapping, folder, limit, tell
        self._done = self._fetched = self._total = 0

    def run(self, splits: list[str]) -> Cached:
        self._tell(0, 0, "looking at the repository")
        plans = {split: first_parts(self._mapping, split, fresh=True) for split in splits}
        remotes = {split: _flat(plan) for split, plan in plans.items()}
        manifest = self._old_manifest(plans[splits[0]])
        for file in manifest.files.values():
            if file.differs and file.ranges is not None:  # what is there is not to be trusted
                PartialFile(self._folder, file.etag, file.size).remove()
        needs = self._needs(plans, manifest)
        size = sum(total(ranges) for _, ranges in needs.values())
        wanted = [
            WantedFile(remote, PartialFile(self._folder, remote.etag, remote.size), ranges)
            for remote, ranges in needs.values()
            if not self._has(manifest, remote, ranges)
        ]
        missing = sum(total(one.missing) for one in wanted)
        check_space(self._folder, take_whole(wanted, self._folder))
        self._total, self._done = size, size - missing
        for one in wanted:
            manifest = self._fetch(one, manifest)
        for split in splits:
            manifest = self._name_split(manifest, split, plans[split], remotes[split])
        self._sweep(manifest)
        self._tell(size, size, "done")
        return Cached(self._folder, manifest, self._fetched, size)

    def _old_manifest(self, plan: FilePlan) -> Manifest:
        """What is there of this repository; what belongs to another commit goes."""
        old = load_manifest(self._folder)
        repo = plan.files[0][0].repo
        revision = parse_ref(self._mapping.files[0].path).revision
        new = Manifest(self._mapping.name, repo, revision, plan.commit)
        if old is None or old.repo != repo:
            return new
        if old.commit == plan.commit:
            return dataclasses.replace(old, revision=revision)
        # Files that did not change between two commits are named by the same etag. Splits are
        # named anew when all their files are there.
        return dataclasses.replace(new, files=old.files)

    def _needs(
        self, plans: dict[str, FilePlan], manifest: Manifest
    ) -> dict[str, tuple[Remote, Ranges]]:
        """The stretches of each file that the chosen splits need, by path."""
        found: dict[str, tuple[Remote, Ranges]] = {}
        for split, plan in plans.items():
            for remote in _flat(plan):
                check_remote(remote)
            ranges = self._limited(split, plan, manifest) if self._limit is not None else None
            for number, remote in enumerate(_flat(plan)):
                mine = ((0, remote.size),) if ranges is None else ranges[number]
                before = found.get(remote.path, (remote, ()))[1]
                found[remote.path] = (remote, join((*before, *mine)))
        return found

    def _limited(self, split: str, plan: FilePlan, manifest: Manifest) -> list[Ranges]:
        """What each file must hold for the first samples of a split, and the ids of all."""
        self._tell(0, 0, f"reading the ids of {split}")
        plan = dataclasses.replace(plan, copies=manifest.copies(self._folder))
        source = HubSource(self._mapping, split, plan)
        try:
            return source.ranges_of(self._limit or 0)
        finally:
            source.close()

    def _has(self, manifest: Manifest, remote: Remote, ranges: Ranges) -> bool:
        """Whether a file is in its place, in this version, and holds what is needed."""
        file = manifest.files.get(remote.path)
        if file is None or file.etag != remote.etag or file.differs:
            return False
        path = self._folder / file.stored
        if not path.is_file() or (file.ranges is None and path.stat().st_size != file.size):
            return False
        return file.ranges is None or not subtract(ranges, file.ranges)

    def _fetch(self, one: WantedFile, manifest: Manifest) -> Manifest:
        """Fetch one file, and name it in the manifest."""
        remote, whole = one.remote, ((0, one.remote.size),)
        place = self._folder / remote.path
        message = remote.path

        def arrived(count: int) -> None:
            self._done += count
            self._fetched += count
            self._tell(self._done, self._total, message)

        if one.ranges == whole and place.is_file() and is_content(place, remote):
            self._done += total(one.missing)  # killed between the file and the manifest
        else:
            download([one], arrived)
            part = PartialFile(self._folder, remote.etag, remote.size)
            if part.covers(whole):
                manifest = self._unname(manifest, remote.path)
                self._into_place(part, remote, place)
            else:
                digest = sha256_of(part.path, part.there)
                file = CachedFile(remote.path, remote.size, digest, remote.etag, part.there)
                return self._name(manifest, file)
        give(remote, place, manifest.revision)
        return self._name(
            manifest, CachedFile(remote.path, remote.size, sha256_whole(place, remote), remote.etag)
        )

    def _into_place(self, part: PartialFile, remote: Remote, place: Path) -> None:
        """Make a whole part the file, when its digest is right."""
        from sessions.atomic import sync_folder

        if not is_content(part.path, remote):
            part.remove()
            raise HubError(
                f"{remote.name} arrived damaged: its digest is not the hub's",
                hint="run the same command to fetch it again",
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        part.path.replace(place)
        sync_folder(place.parent)
        part.remove()

    def _unname(self, manifest: Manifest, path: str) -> Manifest:
        """Take a file that will be replaced, and the splits that read it, out of the manifest."""
        old = manifest.files.get(path)
        if old is None or old.ranges is not None:
            return manifest
        files = {p: f for p, f in manifest.files.items() if p != path}
        splits = {n: s for n, s in manifest.splits.items() if path not in s.files}
        manifest = dataclasses.replace(manifest, files=files, splits=splits)
        manifest.save(self._folder)
        return manifest

    def _name(self, manifest: Manifest, file: CachedFile) -> Manifest:
        manifest = dataclasses.replace(manifest, files={**manifest.files, file.path: file})
        manifest.save(self._folder)
        return manifest

    def _name_split(
        self, manifest: Manifest, split: str, plan: FilePlan, remotes: tuple[Remote, ...]
    ) -> Manifest:
        """Index a split from what lies here, and say in the manifest how much of it does."""
        self._tell(self._done, self._total, f"indexing {split}")
        copies = manifest.copies(self._folder)
        plan = dataclasses.replace(plan, copies=copies, local_only=True)
        source = HubSource(self._mapping, split, plan)
        rows = source.length or 0
        source.close()
        whole = all(manifest.files[remote.path].ranges is None for remote in remotes)
        cached = rows if whole else min(self._limit or rows, rows)
        before = manifest.splits.get(split)
        if before is not None and before.files == tuple(r.path for r in remotes):
            cached = max(cached, before.cached)
        entry = CachedSplit(rows, cached, tuple(remote.path for remote in remotes))
        manifest = dataclasses.replace(manifest, splits={**manifest.splits, split: entry})
        manifest.save(self._folder)
        return manifest

    def _sweep(self, manifest: Manifest) -> None:
        """Drop what no split names any more, such as files of an older commit."""
        named = {path for split in manifest.splits.values() for path in split.files}
        gone = [file for path, file in manifest.files.items() if path not in named]
        if gone:
            files = {path: file for path, file in manifest.files.items() if path in named}
            dataclasses.replace(manifest, files=files).save(self._folder)
            for file in gone:
                (self._folder / file.stored).unlink(missing_ok=True)
        listing = get_listing(manifest.repo, manifest.revision)
        current = {etag for _, etag in listing.files.values()}
        for path in (self._folder / PARTIAL).glob("*"):
            if path.name.partition(".")[0] not in current:
                path.unlink(missing_ok=True)


def _flat(plan: FilePlan) -> tuple[Remote, ...]:
    return tuple(remote for files in plan.files for remote in files)


def _quiet(_done: int, _total: int, _message: str) -> None:
    """Nobody listens."""
