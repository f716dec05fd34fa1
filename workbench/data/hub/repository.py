"""What a dataset's repository holds: its revision, files and splits, as the hub says or last said.

Guarantee: a listing belongs to one commit, so that whatever is read by it belongs together; it is
kept, and serves while the hub cannot be asked. A revision is asked about once a minute at most.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from sessions.redact import without_secrets
from workbench.data.hub.environment import HubError, Remote, endpoint, is_offline
from workbench.data.hub.http_requests import get_json
from workbench.errors import DataError, UnknownName, UsageError

FRESH_S = 60.0
CONVERTED = "refs/convert/parquet"  # where the hub keeps Parquet that it made of other formats
ENDINGS = ((".parquet", ".pq"), (".jsonl", ".ndjson"), (".csv", ".tsv"))
SPLITS = ("train", "training", "validation", "valid", "val", "dev", "test", "testing")
_REF = re.compile(
    r"^hub:(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<config>[^@#\s]+))?"
    r"(?:@(?P<revision>[^#\s]+))?(?:#(?P<split>[\w.-]+))?$"
)
_SHARD = re.compile(r"^(.*?)[-_.]?\d{4,}(?:-of-\d+)?(?:-[0-9a-f]{8,})?$")


@dataclass(frozen=True)
class HubReference:
    """What `hub:OWNER/REPO[/CONFIG][@REVISION][#SPLIT]` names.

    Attributes:
        config: The subset, where the repository has several.
        split: One split of it; empty for all.
    """

    repo: str
    config: str = ""
    revision: str = "main"
    split: str = ""

    def __str__(self) -> str:
        config = f"/{self.config}" if self.config else ""
        revision = f"@{self.revision}" if self.revision != "main" else ""
        return f"hub:{self.repo}{config}{revision}" + (f"#{self.split}" if self.split else "")


def is_ref(text: object) -> bool:
    """Whether a name is of something on the hub."""
    return isinstance(text, str) and text.startswith("hub:")


def parse_ref(text: str) -> HubReference:
    """Read a name. Raises `UsageError`."""
    match = _REF.match(text)
    if not match or ".." in text:
        raise UsageError(
            f"{text!r} names no dataset of the hub",
            hint="write hub:OWNER/REPO, with /CONFIG for a subset and @REVISION for a version",
        )
    found = match.groupdict()
    return HubReference(
        found["repo"], found["config"] or "", found["revision"] or "main", found["split"] or ""
    )


@dataclass(frozen=True)
class Listing:
    """The files of one commit.

    Attributes:
        revision: What was asked for: a branch, a tag, a commit.
        commit: The commit's id.
        files: Path to `(bytes, etag)`.
        configs: As the card names them: `{"config_name", "data_files", "default"}` each.
        licence: As the card says.
    """

    repo: str
    revision: str
    commit: str
    files: Mapping[str, tuple[int, str]]
    configs: list[dict[str, Any]] = field(default_factory=list)
    licence: str = ""

    def remote(self, path: str) -> Remote:
        """One of its files."""
        size, etag = self.files[path]
        return Remote(self.repo, self.commit, path, size, etag)


_lock = threading.Lock()
_seen: dict[tuple[str, str, str], tuple[float, Listing]] = {}


def _forget() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_forget)


def get_listing(repo: str, revision: str = "main", *, fresh: bool = False) -> Listing:
    """The files of a revision, from the hub or, where it cannot be asked, as it last was.

    Args:
        repo: `owner/name`.
        revision: A branch, a tag or a commit.
        fresh: Ask now, and raise where the hub does not answer.

    Raises:
        HubError: It was never seen, and the hub cannot be asked or refuses.
    """
    key = (endpoint(), repo, revision)
    with _lock:
        told, listing = _seen.get(key, (0.0, None))
    if listing is not None and not fresh and time.monotonic() - told < FRESH_S:
        return listing
    path = _path(repo, revision)
    kept = _read(path, repo, revision)
    if kept is not None and is_offline() and not fresh:
        return kept
    try:
        listing = _ask(repo, revision, kept)
    except HubError:
        # A repository that is gone or closed is no reason to take away what is already here.
        if kept is None or fresh:
            raise
        listing = kept
    else:
        _write(path, listing)
    with _lock:
        _seen[key] = (time.monotonic(), listing)
    return listing


def kept_listing(repo: str, revision: str = "main") -> Listing | None:
    """The files of a revision as the hub last said; nothing is asked."""
    return _read(_path(repo, revision), repo, revision)


def _ask(repo: str, revision: str, kept: Listing | None) -> Listing:
    """One request where the commit is known already, else one more per page of its tree."""
    base = f"{endpoint()}/api/datasets/{repo}"
    info, _ = get_json(f"{base}/revision/{quote(revision, safe='')}", f"hub:{repo}")
    commit = info.get("sha") if isinstance(info, dict) else None
    if not isinstance(commit, str) or not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        raise HubError(f"the hub does not say which commit {revision} of {repo} is", lasting=True)
    if kept is not None and kept.commit == commit:
        return kept
    card = info.get("cardData") or {}
    configs = card.get("configs")
    licence = card.get("license") or ""
    return Listing(
        repo,
        revision,
        commit,
        dict(_tree(base, commit, repo)),
        [c for c in configs if isinstance(c, dict)] if isinstance(configs, list) else [],
        ", ".join(map(str, licence)) if isinstance(licence, list) else str(licence),
    )


def _tree(base: str, commit: str, repo: str) -> Iterable[tuple[str, tuple[int, str]]]:
    """Every file of a commit: path, then size and etag."""
    url: str | None = f"{base}/tree/{commit}?recursive=true&expand=false"
    for _ in range(10_000):
        if url is None:
            return
        entries, headers = get_json(url, f"hub:{repo}")
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and entry.get("type") == "file":
                lfs = entry.get("lfs") or {}
                etag = str(lfs.get("oid") or entry.get("oid") or "")
                if re.fullmatch(r"[0-9a-f]{40,64}", etag):  # it becomes the name of a folder
                    yield str(entry["path"]), (int(lfs.get("size") or entry["size"]), etag)
        more = re.search(r'<([^>]+)>;\s*rel="next"', headers.get("link", ""))
        url = more[1] if more and more[1].startswith(f"{endpoint()}/") else None


def find_splits(listing: Listing, config: str = "") -> dict[str, list[str]]:
    """The files of each split, in order.

    They are found as the card says; else by the names of files and folders.

    Raises:
        UnknownName: No such subset, or several and none was named.
        DataError: It holds no tables.
    """
    named = _by_card(listing, config) or _by_name(listing, config)
    if not named:
        raise DataError(
            f"hub:{listing.repo} holds no Parquet, JSON lines or CSV at {listing.revision}",
            hint=f"hf:{listing.repo} has the datasets library stream it, where that can be read",
        )
    return named


def _by_card(listing: Listing, config: str) -> dict[str, list[str]]:
    configs = {str(c.get("config_name", "default")): c for c in listing.configs}
    chosen = configs.get(config) if config else None
    if not config and configs:
        default = [c for n, c in configs.items() if c.get("default") or n == "default"]
        chosen = default[0] if default else next(iter(configs.values()))
        if len(configs) > 1 and not default:
            raise _which(listing, configs)
    if chosen is None or "data_files" not in chosen:
        return {}
    files = chosen["data_files"]
    if not isinstance(files, list) or not all(isinstance(f, dict) for f in files):
        files = [{"split": "train", "path": files}]
    found: dict[str, list[str]] = {}
    for entry in files:
        patterns = entry.get("path") or []
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            pattern = str(pattern).removeprefix("./")
            matched = [p for p in sorted(listing.files) if fnmatch.fnmatchcase(p, pattern)]
            found.setdefault(str(entry.get("split", "train")), []).extend(matched)
    return {split: paths for split, paths in found.items() if paths}


def _by_name(listing: Listing, config: str) -> dict[str, list[str]]:
    """`train-00000-of-00002.parquet`, `data/train.csv`, `CONFIG/train/0000.parquet`, ..."""
    found: dict[str, dict[str, list[str]]] = {}
    for endings in ENDINGS:
        paths = [p for p in sorted(listing.files) if p.lower().endswith(endings)]
        for path in paths:
            subset, split = _place(PurePosixPath(path))
            found.setdefault(subset, {}).setdefault(split, []).append(path)
        if paths:
            break
    if config and config not in found:
        raise _which(listing, found)
    if not config and len(found) > 1 and not {"", "default"} & set(found):
        raise _which(listing, found)
    subset = config or next((n for n in ("", "default") if n in found), next(iter(found), ""))
    return found.get(subset, {})


def _place(path: PurePosixPath) -> tuple[str, str]:
    """The subset and the split that a file's place tells."""
    folders = [name for name in path.parts[:-1] if name != "data"]
    shard = _SHARD.match(path.stem)
    split = (shard[1] if shard else path.stem).strip("-_.")
    if folders and (not split or folders[-1].lower() in SPLITS):  # CONFIG/train/0000.parquet
        split = folders.pop()
    return "/".join(folders), re.sub(r"[^\w.-]+", "-", split).strip("-.") or "train"


def _which(listing: Listing, configs: Iterable[str]) -> UnknownName:
    names = sorted(name for name in configs if name)
    return UnknownName(
        f"hub:{listing.repo} has the subsets {', '.join(names)}",
        hint=f"name one: hub:{listing.repo}/{names[0]}" if names else "",
    )


def _path(repo: str, revision: str) -> Path | None:
    from sessions.errors import RecordError
    from sessions.paths import cache_dir

    name = quote(f"{repo}@{revision}", safe="@")
    with contextlib.suppress(OSError, RecordError):
        return cache_dir() / "hub" / "listings" / f"{name}.json"
    return None


def _read(path: Path | None, repo: str, revision: str) -> Listing | None:
    from sessions.atomic import read_json
    from sessions.errors import RecordError

    try:
        body = read_json(path) if path is not None else None
        if not body or body.get("v") != 1 or body.get("endpoint") != without_secrets(endpoint()):
            return None
        files = {str(p): (int(f[0]), str(f[1])) for p, f in body["files"].items()}
        return Listing(repo, revision, body["commit"], files, body["configs"], str(body["licence"]))
    except (RecordError, KeyError, TypeError, ValueError, IndexError):
        return None


def _write(path: Path | None, listing: Listing) -> None:
    from sessions.atomic import write_json
    from sessions.errors import RecordError

    if path is not None:
        with contextlib.suppress(OSError, RecordError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, {"v": 1, "endpoint": without_secrets(endpoint())} | asdict(listing))
