"""Making one's own table or image folder a dataset: guess what was left open, check, save.

Guarantee: nothing is saved before every split was read once from end to end: a dataset that was
added has its columns, an id for each row, and at least one row per split.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench.data.added import Added, count_samples
from workbench.data.base import DatasetInfo
from workbench.data.folder_layouts import fitting_presets, take_layout
from workbench.data.layouts.joined import JoinedFile
from workbench.data.naming import named_file
from workbench.data.presets import (
    apply_preset,
    gathers_captions,
    implied_preset,
    known_documents,
)
from workbench.data.saved_datasets import BOOKKEEPING
from workbench.data.split_files import image_root, split_files, with_filters
from workbench.data.streamed.file import is_stream
from workbench.data.tables.folders import passed_over
from workbench.data.tables.mapping import (
    TableMapping,
    check_name,
    mapping_path,
    save_mapping,
)
from workbench.data.tables.mapping_options import MappingOptions, fill
from workbench.data.tables.table import info_of
from workbench.errors import DataError, NoSuchColumn, UnknownName, UsageError


def add_dataset(
    name: str,
    file: str | Path | Sequence[str | Path],
    *,
    like: str | None = None,
    replace: bool = False,
    **wishes: Any,
) -> DatasetInfo:
    """Make a table or an image folder a dataset and return what is known of it.

    Args:
        name: The first part of its UIDs.
        file: One or more files (`SPLIT=FILE` names the split), or a folder of images.
        like: A preset whose wishes fill what is not given here. A folder under the name of a
            preset, without any wish, is taken for one of its kind, and so are captions as a row
            each; empty for no preset.
        replace: Put it in the place of an added dataset of that name.
        **wishes: See `MappingOptions`: id, texts, label, labels, image, image_root, splits, ...

    Raises:
        UsageError: A name is taken or a wish cannot be meant.
        NoSuchFile, NoSuchColumn: What is named does not exist.
        DataError: The data cannot be read: a wrong encoding, a duplicate id.
        RecordError: The mapping cannot be saved.
    """
    return add(name, file, like=like, replace=replace, **wishes).info


def add(
    name: str,
    file: str | Path | Sequence[str | Path],
    *,
    like: str | None = None,
    replace: bool = False,
    check: Callable[[TableMapping], None] | None = None,
    filled: Callable[[TableMapping], None] | None = None,
    **wishes: Any,
) -> Added:
    """As `add_dataset`, with all that it found out. Raises the same.

    Args:
        name: See `add_dataset`, and so the others.
        file: ...
        like: ...
        replace: ...
        check: Told the mapping before it is saved; what it raises keeps it from being saved. Not
            for a dataset of a hub.
        filled: Told the mapping once all that was left open is guessed, before its rows are read.
        **wishes: ... A list under `guesses` is filled as guesses are made, also where adding fails.
    """
    with _one_at_a_time(check_name(name)):
        _check_free(name, replace)
        try:
            return _add(name, file, like, wishes, check, filled)
        except DataError as error:
            if error.kind != NoSuchColumn.kind:
                raise
            # While a dataset is added, its columns are what was typed; later its file has changed.
            raise NoSuchColumn(error.message, hint=error.hint, about=error.about) from error


def _add(
    name: str,
    file: str | Path | Sequence[str | Path],
    like: str | None,
    wishes: dict[str, Any],
    check: Callable[[TableMapping], None] | None,
    filled: Callable[[TableMapping], None] | None,
) -> Added:
    files = [file] if isinstance(file, (str, Path)) else list(file)
    if any(str(one).startswith("hub:") for one in files):
        from workbench.data.hub.adding import add_hub

        return add_hub(name, files, wishes)
    if any(is_stream(one) for one in files):
        from workbench.data.streamed.adding import add_stream

        return add_stream(name, files, wishes)
    asked = named_file(files[0])[1]
    said_root = wishes.get("image_root")
    files, wishes = _by_preset(name, like, files, wishes)
    if said_root == "":  # no folder is guessed then, whatever the layout
        wishes = {"image_root": "", **wishes}
    wish = MappingOptions(**{key: value for key, value in wishes.items() if value is not None})
    if wish.parts is None:
        parts, kind = split_files(files, wish)
    else:
        parts, kind = with_filters(list(wish.parts), wish), "table"
    mapping = TableMapping(
        name=name,
        files=parts,
        kind=kind,
        where=wish.where,
        metadata=tuple(wish.metadata),
        fetch=wish.fetch,
        read=wish.read,
        description=wish.description,
        licence=wish.licence,
        image_root=image_root(wish, parts, kind),
        image_prefix=wish.image_prefix or "",
        recipe=wish.recipe,
    )
    fits = fitting_presets(named_file(files[0])[1]) if kind == "folder" and not like else []
    try:
        mapping = fill(mapping, wish)
    except DataError as error:
        if error.kind != "no_images" or not fits:
            raise
        hint = f"it looks like {' or '.join(fits)}: add it with --like {fits[0]}"
        raise DataError(error.message, hint=hint, kind=error.kind) from error
    if fits:
        wish.guesses.append(f"its images alone: its tables look like --like {' or '.join(fits)}")
    if filled is not None:
        filled(mapping)
    mapping, bad = count_samples(mapping)
    mapping = _note(mapping) if mapping.recipe else mapping
    if asked.is_dir():
        over = passed_over(asked, mapping, BOOKKEEPING)
        mapping = dataclasses.replace(mapping, passed_over=over)
    if check is not None:
        check(mapping)
    path = save_mapping(mapping)
    return Added(info_of(mapping), mapping, path, bad, tuple(wish.guesses))


def _by_preset(
    name: str, like: str | None, files: list[str | Path], wishes: dict[str, Any]
) -> tuple[Sequence[str | Path], dict[str, Any]]:
    """Files and wishes by the preset that was named, or that the dataset's own name implies."""
    if like == "":
        return files, wishes | {"tables": False}  # nor are a folder's tables taken for its samples
    chosen = like or implied_preset(name, files, wishes)
    if not chosen and gathers_captions(files, wishes):
        why = "the rows of one image are its references; --like '' keeps them apart"
        wishes.setdefault("guesses", []).append(f"layout: captions ({why})")
        return apply_preset("captions", files, wishes)
    why = "the dataset's name"
    if not chosen:
        chosen, why = known_documents(files, wishes), "by what the files hold; --like '' for no"
    if not chosen:
        return take_layout(files, wishes) or (files, wishes)
    if not like:
        wishes.setdefault("guesses", []).append(f"layout: {chosen} ({why})")
    try:
        return apply_preset(chosen, files, wishes)
    except DataError as error:
        if like or error.kind != "other_layout":
            raise
        wishes["guesses"].pop()
        return files, wishes  # a folder that only shares its name with a layout


def remove_dataset(name: str) -> Path:
    """Forget an added dataset; its files stay. Returns the mapping's path. Raises `UnknownName`."""
    from workbench.data.demo_source import demo_datasets
    from workbench.data.registry import find_dataset
    from workbench.data.tables.index import index_path
    from workbench.data.user_datasets import TableDataset

    if name in demo_datasets():
        raise UsageError(f"{name} is shipped with wb and cannot be removed")
    dataset = find_dataset(name)
    if not isinstance(dataset, TableDataset):
        raise UnknownName(f"{name} was not added by `wb data add`", hint="see `wb data list`")
    for split in dataset.info().splits:
        index = index_path(name, split)
        if index is not None:
            index.unlink(missing_ok=True)
    with contextlib.suppress(DataError):  # damaged, or its files are gone
        mapping = dataset.mapping()
        for part in mapping.files if mapping.recipe else ():
            JoinedFile(mapping.recipe, part).forget()
    dataset.path.unlink(missing_ok=True)
    return dataset.path


@contextlib.contextmanager
def _one_at_a_time(name: str) -> Iterator[None]:
    """Nobody else adds a dataset of this name meanwhile. Raises `UsageError` where someone does."""
    from sessions.locks import HeldLock
    from workbench.data.tables.mapping import datasets_dir

    path = datasets_dir(create=True) / f".{name}.lock"
    try:
        lock = HeldLock(path)
    except BlockingIOError:
        raise UsageError(
            f"another process is adding a dataset {name}",
            hint="wait for it, or choose another name",
            kind="being_added",
            about="NAME",
        ) from None
    try:
        yield
    finally:
        lock.release()  # the file stays: whoever waits for it may have it open


def _check_free(name: str, replace: bool) -> None:
    from workbench.data.demo_source import demo_datasets

    if name in demo_datasets():
        raise UsageError(
            f"{name} is a dataset that is shipped with wb",
            hint="choose another name",
            about="NAME",
        )
    if mapping_path(name).exists() and not replace:
        raise UsageError(
            f"there is a dataset {name} already ({mapping_path(name)})",
            hint="choose another name, or pass --replace",
            about="NAME",
        )


def _note(mapping: TableMapping) -> TableMapping:
    """Say beside each split of a known layout what belongs to no sample, and what is not there."""
    from workbench.data.layouts.joined import missing_images, unnamed_images
    from workbench.data.layouts.places import Listed

    files, listed = [], Listed()
    for part in mapping.files:
        notes = JoinedFile(mapping.recipe, part).problems()
        root = mapping.root_of(part)
        notes += missing_images(part, mapping.images, mapping.recipe, root, listed)
        files.append(dataclasses.replace(part, notes=tuple(notes)))
    if files and (left := unnamed_images(listed)):  # known only after all splits
        files[-1] = dataclasses.replace(files[-1], notes=(*files[-1].notes, *left))
    return dataclasses.replace(mapping, files=tuple(files))
