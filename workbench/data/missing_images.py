"""What to say of a dataset of which not one image is where its rows say, and what would find them.

Guarantee: an option is proposed only after the images were counted as it would find them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from workbench.data.image_folders import (
    PROBED,
    Folder,
    all_of,
    count,
    first_missing,
    inside,
    near,
    with_all,
)
from workbench.data.image_prefixes import best_without, without_all
from workbench.data.tables.columns import is_template
from workbench.data.tables.image_paths import path_parts
from workbench.data.tables.mapping import TableMapping
from workbench.data.understood import Understood
from workbench.errors import DataError

UP = 4  # folders above a file whose folders are looked into
MOST = 500  # folders that are looked into
FEW = 3  # images that are looked for under any ending
NAMED = 3  # folders that have all images, by name


def check_images(table: Understood, mapping: TableMapping) -> None:
    """Raise `DataError` where not one image of a dataset is there."""
    if words := table.all_missing:
        hint, about = _where_else(table, mapping)
        raise DataError(
            f"{mapping.name} was not added: {words}",
            hint=hint,
            kind="images_missing",
            about=about,
        )


def _where_else(table: Understood, mapping: TableMapping) -> tuple[str, str]:
    """Where the images are: outside of the root, nearby, under an ending; and the option for it."""
    first = Path(next(split.absent[0] for split in table.splits if split.absent))
    if first.is_absolute() and first.is_file():
        said = f"it is there, outside of the image root: --image-root {first.parent}"
        return said, "--image-root"
    if said := _several(mapping) or _elsewhere(mapping):
        return said, "--image-root"
    if said := _cut(mapping):
        return said, "--image-prefix"
    if said := _ended(mapping):
        return said, "--image"
    return (
        "name the column by --image, the folder by --image-root; or --allow-missing",
        "--image",
    )


def _several(mapping: TableMapping) -> str:
    """The folders that each have all images of a file, where there is more than one."""
    for part in mapping.files:
        having = with_all(mapping, part) or []
        if len(having) > 1:
            names = [str(folder.root) for folder in having]
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            said = " and ".join(names) if len(names) == 2 else f"{', '.join(names[:NAMED])}{more}"
            have = f"have {all_of(having[0].named)} of {Path(part.path).name}"
            return f"{said} {have}: name the right one with --image-root"
    return ""


def _elsewhere(mapping: TableMapping) -> str:
    """The folder that has the most of the images of all files."""
    probed = count(mapping, mapping.files, _places(mapping), PROBED, any_case=False)
    likely = [folder.root for folder in probed if folder.found]
    found = count(mapping, mapping.files, likely)
    best: Folder | None = max(found, key=lambda folder: folder.found, default=None)
    if best is None:
        return ""
    some = f"{best.found:,} of the {best.named:,} images"
    has = all_of(best.named) if best.has_all else some
    return f"{best.root} has {has}: --image-root {best.root}"


def _cut(mapping: TableMapping) -> str:
    """What the paths begin with on another machine, and where their rest is here."""
    if len(path_parts(first_missing(mapping))) < 2:
        return ""  # a name alone begins with nothing
    found = without_all(mapping) or [one for one in (best_without(mapping),) if one is not None]
    if not found:
        return ""
    said = []
    for one in found:
        root = f" --image-root {shlex.quote(one.root)}" if one.root else ""
        some = all_of(one.named) if one.has_all else f"{one.found:,} of the {one.named:,} images"
        said.append(f"--image-prefix {shlex.quote(one.prefix)}{root} finds {some}")
    return ", ".join(said)


def _ended(mapping: TableMapping) -> str:
    """The template by which images are there whose names lack their ending."""
    (column, *others), part = mapping.images, mapping.files[0]
    if others or is_template(column) or "." in column or mapping.recipe:
        return ""
    home = Path(mapping.root_of(part)).resolve()
    # Each image is looked for by listing a folder: a few of them say enough.
    ended = replace(mapping, images=(f"{{{column}}}.*",))
    found = count(ended, [part], [home, *near(home)[:MOST]], FEW)
    for root in (folder.root for folder in found if folder.has_all):
        if root.is_relative_to(home):
            template = (root.relative_to(home) / f"{{{column}}}.*").as_posix()
            return f"they have an ending there: --image {shlex.quote(template)}"
        image = f"--image '{{{column}}}.*'"
        return f"they have an ending there: {image} --image-root {shlex.quote(str(root))}"
    return ""


def _places(mapping: TableMapping) -> Sequence[Path]:
    """Folders near the files: the nearest ones first, so that of equally good ones they win."""
    found: dict[Path, None] = {}
    for part in mapping.files:
        home = Path(mapping.root_of(part)).resolve()
        places = [*near(home), *inside(home), *inside(home.parent)]
        for above in home.parents[: UP - 1]:
            places += near(above)
        found |= dict.fromkeys(place for place in places if place != home)
    return list(found)[:MOST]
