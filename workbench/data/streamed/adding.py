"""Making known here what `datasets` streams: `wb data add NAME hf:OWNER/REPO`.

Guarantee: a repository of tables that our own readers read is added as `hub:` would add it. Of
another one the commit is written down, so that rows keep their numbers, and every split was read
once from end to end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.data.added import Added, count_samples
from workbench.data.hub.adding import NOT_FOR_HUB, add_hub, look
from workbench.data.hub.environment import HubError, token
from workbench.data.hub.repository import HubReference, get_listing
from workbench.data.readers.base import ROW
from workbench.data.readers.opening import ENDINGS
from workbench.data.streamed.file import (
    KIND,
    in_words,
    open_streams,
    parse_stream,
    stream_name,
)
from workbench.data.tables.filters import parse_filter
from workbench.data.tables.mapping import SplitFile, TableMapping, check_name, save_mapping
from workbench.data.tables.mapping_options import MappingOptions, fill
from workbench.data.tables.table import info_of
from workbench.errors import DataError, UnknownName, UsageError

_OURS = {*ENDINGS, ".json"} - {".arrow"}


def add_stream(name: str, files: Sequence[str | Path], wishes: dict[str, Any]) -> Added:
    """As `adding.add`, for one `hf:` name; the caller has checked that `name` is free.

    Raises:
        UsageError: More than one name, or a wish that means nothing here.
        UnknownName: No such subset or split.
        DataError: Neither our readers nor `datasets` can read it, or a column is missing.
        HubError: The hub cannot be asked, or refuses.
    """
    if len(files) != 1:
        raise UsageError(f"{len(files)} names, of which some are streamed", hint="give one alone")
    ref = parse_stream(str(files[0]))
    if _is_ours(ref):
        return add_hub(name, [str(ref)], wishes)
    given = {key: value for key, value in wishes.items() if value is not None}
    for key in NOT_FOR_HUB:
        if given.get(key):
            raise UsageError(f"--{key.replace('_', '-')} means nothing for a dataset of the hub")
    wish = MappingOptions(**{"objects": "", **given})
    wish.id = ROW if wish.id == "row" else wish.id
    listing = get_listing(ref.repo, ref.revision, fresh=True)
    ref = dataclasses.replace(_with_subset(ref), revision=listing.commit)
    mapping = TableMapping(
        name=name,
        files=_parts(ref, list(open_streams(ref)), wish),
        kind=KIND,
        where=wish.where,
        metadata=tuple(wish.metadata),
        fetch=wish.fetch,
        description=wish.description,
        licence=wish.licence or listing.licence,
    )
    mapping = fill(mapping, wish)
    if mapping.id == "hash" and wish.id is None:
        why = f"the row's number at the commit {listing.commit[:7]}"
        wish.guesses.append(f"id: {why}, since no column is called like one")
        mapping = dataclasses.replace(mapping, id=ROW)
    mapping, bad = count_samples(mapping)
    path = save_mapping(mapping)
    return Added(info_of(mapping), mapping, path, bad, tuple(wish.guesses))


def _is_ours(ref: HubReference) -> bool:
    """Whether our own readers find tables in the repository. Raises `HubError`."""
    try:
        _, _, splits = look(ref)
    except HubError:
        raise
    except (DataError, UnknownName):
        return False
    # A card may name what is packed, or no table.
    paths = [PurePosixPath(path) for paths in splits.values() for path in paths]
    return all(path.suffix.lower() in _OURS for path in paths)


def _with_subset(ref: HubReference) -> HubReference:
    """The name with its subset. Raises `UnknownName` where there are several and none is named."""
    import datasets

    with in_words(f"{stream_name(ref)} cannot be streamed"):
        known = datasets.get_dataset_config_names(ref.repo, revision=ref.revision, token=token())
    if (ref.config in known) or (not ref.config and (len(known) == 1 or "default" in known)):
        return ref
    raise UnknownName(
        f"hf:{ref.repo} has the subsets {', '.join(sorted(known))}",
        hint=f"name one: hf:{ref.repo}/{sorted(known)[0]}",
    )


def _parts(ref: HubReference, splits: list[str], wish: MappingOptions) -> tuple[SplitFile, ...]:
    """A file for each split: all, the one that was named, or what `--split` makes."""
    if ref.split and ref.split not in splits:
        raise UnknownName(
            f"hf:{ref.repo} has no split {ref.split!r}", hint=f"it has {', '.join(splits)}"
        )
    named = [ref.split] if ref.split else splits
    found = [(split, stream_name(dataclasses.replace(ref, split=split))) for split in named]
    if not wish.splits:
        return tuple(SplitFile(check_name(split, "split"), path) for split, path in found)
    parts = []
    for text in wish.splits:
        split, made, where = text.partition("=")
        parse_filter(where)
        sources = [path for of, path in found if made or of == split]
        if not sources:
            raise UnknownName(
                f"hf:{ref.repo} has no split {split!r}", hint=f"it has {', '.join(named)}"
            )
        parts += [SplitFile(check_name(split, "split"), path, where) for path in sources]
    return tuple(parts)
