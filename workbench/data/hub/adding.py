"""Making a dataset of the hub known here: `wb data add NAME hub:OWNER/REPO`.

Guarantee: the columns were looked at and the rows of each split counted before anything is
saved; only footers, and a column of labels where their words are not known, are fetched.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.data.added import Added
from workbench.data.hub.dataset import KIND, HubSource, hub_info, open_explanations
from workbench.data.hub.environment import HubError
from workbench.data.hub.files import HubTable, count_rows
from workbench.data.hub.known import KNOWN
from workbench.data.hub.plan import first_parts
from workbench.data.hub.ranges import in_parallel
from workbench.data.hub.repository import (
    CONVERTED,
    HubReference,
    Listing,
    find_splits,
    get_listing,
    is_ref,
    parse_ref,
)
from workbench.data.hub.state import forget
from workbench.data.naming import named_file
from workbench.data.readers.base import ROW
from workbench.data.tables.filters import parse_filter
from workbench.data.tables.mapping import SplitFile, TableMapping, check_name, save_mapping
from workbench.data.tables.mapping_options import MappingOptions, fill
from workbench.data.tables.table_files import check_columns
from workbench.errors import DataError, UnknownName, UsageError

NOT_FOR_HUB = ("image_root", "image_prefix")


def add_hub(name: str, files: Sequence[str | Path], wishes: dict[str, Any]) -> Added:
    """As `adding.add`, for one `hub:` name; the caller has checked that `name` is free.

    Raises:
        UsageError: More than one repository, or a wish that means nothing on the hub.
        UnknownName: No such subset or split.
        DataError: It holds no tables, or a column is missing.
        HubError: The hub cannot be asked, or refuses.
    """
    ref, beside = _one(files)
    given = {key: value for key, value in wishes.items() if value is not None}
    for key in NOT_FOR_HUB:
        if given.get(key):
            raise UsageError(f"--{key.replace('_', '-')} means nothing for a dataset of the hub")
    ref, listing, splits = look(ref)
    known: dict[str, Any] = {"objects": "", **KNOWN.get(ref.repo, {}), **given}
    if known.get("id") == "row":
        known["id"] = ROW
    wish = MappingOptions(**known)
    mapping = TableMapping(
        name=name,
        files=_join(_parts(ref, splits, wish), beside),
        kind=KIND,
        id=wish.id or "hash",
        where=wish.where,
        metadata=tuple(wish.metadata),
        fetch=wish.fetch,
        read=wish.read,
        description=wish.description,
        licence=wish.licence or listing.licence,
    )
    if ref.revision == CONVERTED:
        wish.guesses.append(f"revision: {CONVERTED}, the Parquet that the hub makes")
    mapping = fill(mapping, wish)
    if mapping.id == "hash" and wish.id is None and _is_parquet(mapping, splits):
        # A hash of what is mapped would need every picture: the row's number needs nothing.
        wish.guesses.append("id: the row's number, since no column is called like one")
        mapping = dataclasses.replace(mapping, id=ROW)
    _check(mapping, listing, splits)
    for part in mapping.files:
        explanations = open_explanations(mapping, part)
        if explanations is not None:
            explanations.close()
    mapping = _count(mapping, listing, splits)
    forget(name)
    path = save_mapping(mapping)
    return Added(hub_info(mapping), mapping, path, 0, tuple(wish.guesses))


def _one(files: Sequence[str | Path]) -> tuple[HubReference, dict[str, str]]:
    """The one name of the hub, and the tables of explanations by split."""
    names = [str(file) for file in files if is_ref(str(file))]
    tables = dict(named_file(file) for file in files if not is_ref(str(file)))
    if len(names) != 1 or "" in tables or len(tables) != len(files) - 1:
        raise UsageError(
            f"{len(files)} files, of which some are on the hub",
            hint="one name of the hub, and beside it tables of explanations as SPLIT=FILE",
        )
    return parse_ref(names[0]), {split: str(path) for split, path in tables.items()}


def _join(parts: list[SplitFile], beside: dict[str, str]) -> tuple[SplitFile, ...]:
    """Set the tables of explanations beside their splits. Raises `UnknownName`."""
    unknown = sorted(set(beside) - {part.split for part in parts})
    if unknown:
        known = ", ".join(part.split for part in parts)
        raise UnknownName(f"there is no split {unknown[0]!r} to explain", hint=f"it has {known}")
    return tuple(
        dataclasses.replace(
            p, beside={"explanations": beside[p.split]} if p.split in beside else {}
        )
        for p in parts
    )


def look(ref: HubReference) -> tuple[HubReference, Listing, dict[str, list[str]]]:
    """The files and splits; of a repository without tables, the Parquet that the hub makes.

    Raises:
        UnknownName: No such subset, or several and none was named.
        DataError: It holds no tables.
        HubError: The hub cannot be asked, or refuses.
    """
    listing = get_listing(ref.repo, ref.revision, fresh=True)
    try:
        return ref, listing, find_splits(listing, ref.config)
    except UnknownName:
        raise
    except DataError:
        if ref.revision != "main":
            raise
        made = dataclasses.replace(ref, revision=CONVERTED)
        try:
            listing = get_listing(made.repo, made.revision, fresh=True)
            return made, listing, find_splits(listing, made.config)
        except HubError:
            pass
        raise


def _parts(
    ref: HubReference, splits: dict[str, list[str]], wish: MappingOptions
) -> list[SplitFile]:
    """The splits: all, those named by `--split NAME`, or made by `--split NAME=FILTER`."""
    plain = [text for text in wish.splits if "=" not in text] or ([ref.split] if ref.split else [])
    unknown = [name for name in plain if name not in splits]
    if unknown:
        raise UnknownName(
            f"hub:{ref.repo} has no split {unknown[0]!r}", hint=f"it has {', '.join(splits)}"
        )
    made = [text.partition("=") for text in wish.splits if "=" in text]
    if made and len(made) < len(wish.splits):
        raise UsageError("some splits have a filter, some none", hint="write both in one way")
    if made:
        for split, _, where in made:
            check_name(split, "split")
            parse_filter(where)
        return [SplitFile(split, str(ref), where) for split, _, where in made]
    return [
        SplitFile(check_name(split, "split"), str(dataclasses.replace(ref, split=split)))
        for split in (plain or splits)
    ]


def _check(mapping: TableMapping, listing: Listing, splits: dict[str, list[str]]) -> None:
    """Raise `DataError` for a column that the first file of a split lacks."""
    for part in mapping.files:
        file = HubTable(
            listing.remote(_paths(part, splits)[0]),
            dataset=mapping.name,
            first_row=0,
            read=mapping.read,
        )
        reader = file.reader()
        try:
            keep = parse_filter(mapping.where) & parse_filter(part.where)
            check_columns(mapping, keep, reader, file.name)
        finally:
            reader.close()


def _count(mapping: TableMapping, listing: Listing, splits: dict[str, list[str]]) -> TableMapping:
    """Note how many rows each split has: by footers, else by the index that is then made."""
    found = []
    for part in mapping.files:
        paths = _paths(part, splits)
        filtered = bool(part.where or mapping.where)
        if filtered or not _is_parquet(mapping, splits):
            source = HubSource(mapping, part.split, first_parts(mapping, part.split))
            found.append(dataclasses.replace(part, rows=source.length, bad=source.bad))
            source.close()
            continue
        files = [HubTable(listing.remote(path), dataset=mapping.name) for path in paths]
        found.append(dataclasses.replace(part, rows=sum(in_parallel(count_rows, files))))
    return dataclasses.replace(mapping, files=tuple(found))


def _is_parquet(mapping: TableMapping, splits: dict[str, list[str]]) -> bool:
    paths = [path for part in mapping.files for path in _paths(part, splits)]
    return all(path.lower().endswith((".parquet", ".pq")) for path in paths)


def _paths(part: SplitFile, splits: dict[str, list[str]]) -> list[str]:
    named = parse_ref(part.path).split
    return splits[named] if named else [path for paths in splits.values() for path in paths]
