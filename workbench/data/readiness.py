"""What stands between a researcher and a dataset: where it lies, how it is read, what it needs.

Guarantee: nothing is sent anywhere and no sample is read: mappings, manifests and the names of
files are looked at, no more. A dataset whose mapping or files are broken says so in its `error`;
it never keeps another from being told of. Blocks on disks: for worker threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sessions.errors import WbError
from workbench.data.base import DatasetInfo
from workbench.data.registry import providers

KINDS = ("generated", "here", "hub", "streamed", "missing", "broken", "not added")


@dataclass(frozen=True)
class Readiness:
    """One dataset as somebody who wants to open it must know it.

    Attributes:
        info: What the registry knows.
        state: One of `KINDS`.
        mode: `auto`, `streamed` or `cached` where it is of a hub, else empty.
        cached: Split -> samples of it that lie here; empty where it is not of a hub.
        missing: The files or folders that are gone.
        error: Why it cannot be opened as it is, empty where it can.
        needs: What is to be done before it can be opened, or to read it faster.
        add: The command that adds it, where it is known and was not added.
        traps: What a reader of its data must know.
    """

    info: DatasetInfo
    state: str = "here"
    mode: str = ""
    cached: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    error: str = ""
    needs: str = ""
    add: str = ""
    traps: str = ""

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.info.name

    def words(self, split: str) -> str:
        """How one split is read, in a few words: `cached 200 of 6,982`, `files here`."""
        if self.state != "hub":
            said = {"here": "files here", "missing": "files missing"}
            return said.get(self.state, self.state)
        there, rows = self.cached.get(split, 0), self.info.splits.get(split)
        if self.mode == "streamed" or (not there and self.mode == "auto"):
            kept = "" if not there else f", {there:,} cached"
            return f"streamed{kept}"
        if not there:
            return "not cached"
        if rows is not None and there < rows:
            return f"cached {there:,} of {rows:,}"
        return "cached"


def dataset_names() -> list[str]:
    """Every dataset that was added or is shipped, the shipped ones first."""
    from workbench.data.demo_source import demo_datasets

    shipped = demo_datasets()
    return [*sorted(shipped), *sorted(name for name in providers() if name not in shipped)]


def readiness(name: str) -> Readiness:
    """What there is to know of one dataset. Never raises for what is wrong with it."""
    try:
        provider = providers().get(name)
        if provider is None:
            return _broken(name, "it was removed")
        info = provider.info()
        if info.error:
            return Readiness(info, "broken", error=info.error, needs=_mend(name))
        if info.kind == "demo":
            return Readiness(info, "generated")
        if info.kind == "hub":
            return _of_hub(info)
        if info.kind == "stream":
            return Readiness(info, "streamed", needs="the hub while it is read")
        return _of_files(info)
    except WbError as error:
        return _broken(name, error.message)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        return _broken(name, f"{type(error).__name__}: {error}")


def not_added() -> list[Readiness]:
    """The known layouts under whose name nothing was added, and what adding them takes."""
    from workbench.data.hub.known import REPOS
    from workbench.data.presets import list_presets

    there, found = set(dataset_names()), []
    for preset in list_presets():
        if preset.name in there:
            continue
        wishes, repo = preset.wishes, REPOS.get(preset.name)
        info = DatasetInfo(
            name=preset.name,
            task=wishes.get("task", "other"),
            licence=str(wishes.get("licence", "")),
            description=str(wishes.get("description", "")),
            where=f"hub:{repo}, or its authors' files" if repo else "its authors' files",
            cached=False,
        )
        needs = f"its files in a folder: wb data add {preset.name} FOLDER"
        if repo:
            needs = f"a net connection (hub:{repo}), or {needs}"
        source = f"hub:{repo}" if repo else "FOLDER"
        add = f"wb data add {preset.name} {source}"
        found.append(
            Readiness(info, "not added", needs=needs, add=add, traps=" ".join(preset.traps.split()))
        )
    return found


def _of_files(info: DatasetInfo) -> Readiness:
    from workbench.data.tables.mapping import load_mapping, mapping_path

    mapping = load_mapping(mapping_path(info.name))
    paths = list(dict.fromkeys(part.path for part in mapping.files))
    gone = tuple(path for path in paths if not Path(path).exists())
    notes = " ".join(dict.fromkeys(note for part in mapping.files for note in part.notes))
    if not gone:
        return Readiness(info, "here", traps=notes)
    first, *others = gone
    more = f" and {len(others)} more" if others else ""
    return Readiness(
        info,
        "missing",
        missing=gone,
        error=f"{first}{more}: no such file",
        needs=f"its files where they were; or {_mend(info.name)}",
        traps=notes,
    )


def _of_hub(info: DatasetInfo) -> Readiness:
    from workbench.data.hub.dataset import hub_details
    from workbench.data.hub.environment import is_offline

    details = hub_details(info.name)
    cached = {name: int(d["cached"] or 0) for name, d in details["split_details"].items()}
    mode = str(details["mode"])
    here = all(cached.get(split) for split in info.splits)
    if mode == "cached" and not here:
        needs = f"fetch it first: wb data cache {info.name}; or read it streamed"
    elif is_offline() and not here:
        needs = f"the hub, which cannot be asked while offline; else wb data cache {info.name}"
    elif info.cached:
        needs = ""
    else:
        needs = f"the hub while it is read; wb data cache {info.name} fetches it"
    return Readiness(info, "hub", mode, cached, needs=needs)


def _mend(name: str) -> str:
    return f"wb data rm {name}, then add it again"


def _broken(name: str, why: str) -> Readiness:
    return Readiness(DatasetInfo(name=name, error=why), "broken", error=why, needs=_mend(name))
