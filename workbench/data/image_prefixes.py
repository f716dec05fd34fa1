"""What paths of images begin with on the machine that they were written on: `C:/Users/me`.

Guarantee: a beginning is taken off by a guess only if not one image is where its row says, and all
images are there without it, each under the same folder names as far as they are left. What was
taken off is told. Images are looked for as samples look for them; none is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.data.image_folders import (
    PROBED,
    all_of,
    count,
    first_missing,
    is_plain,
    missing_names,
    near,
)
from workbench.data.tables.image_paths import has_drive, is_absolute, path_parts
from workbench.data.tables.mapping import TableMapping

NEAR = 100  # folders that a hint looks into


@dataclass(frozen=True)
class Without:
    """How many images are there without a beginning of their paths.

    Attributes:
        prefix: The beginning.
        root: The image root; empty for each file's own folder, or the one that was named.
    """

    prefix: str
    root: str
    found: int
    named: int

    @property
    def has_all(self) -> bool:
        """Whether all are there, of at least one."""
        return 0 < self.named == self.found

    def on(self, mapping: TableMapping) -> TableMapping:
        """The mapping that takes it off."""
        return replace(
            mapping, image_prefix=self.prefix, image_root=self.root or mapping.image_root
        )


def take_prefix(
    mapping: TableMapping, guesses: list[str], *, may_move: bool = True
) -> TableMapping:
    """The mapping without the beginning of its paths by which no image is where its row says.

    Args:
        mapping: Of which nobody said what its paths begin with.
        guesses: Gets a line for what was taken.
        may_move: Whether the image root may be the folder above the file's, too.
    """
    if not is_plain(mapping):
        return mapping
    found = without_all(mapping)
    if len(found) != 1 or (found[0].root and not may_move):
        return mapping
    where = found[0].root or mapping.image_root or "the file's own folder"
    guesses.append(
        f"image prefix: {found[0].prefix} is taken off paths ({all_of(found[0].named)} are then in "
        f"{where}, none is where its row says; --image-prefix '' for no)"
    )
    return found[0].on(mapping)


def without_all(mapping: TableMapping) -> list[Without]:
    """The shortest beginning without which all images are there; several if in several folders."""
    names = missing_names(mapping) if _is_likely(mapping) else None
    if names is None:
        return []
    for tried in _cuts(mapping, names):
        found = [one for each in tried if (one := _count(mapping, each, PROBED)).has_all]
        found = [one for each in found if (one := _count(mapping, each)).has_all]
        if found:
            return found
    return []


def best_without(mapping: TableMapping) -> Without | None:
    """The beginning of the first paths without which the most images are there, in some folder."""
    names = missing_names(mapping, PROBED)
    tried = [one for cut in _cuts(mapping, names or []) for one in cut]
    if names and tried:
        home = Path(mapping.root_of(mapping.files[0])).resolve()
        tried += [Without(tried[-1].prefix, str(root), 0, 0) for root in near(home)[:NEAR]]
    probed = [_count(mapping, each, PROBED) for each in tried]
    best = max(probed, key=lambda one: one.found, default=None)
    return _count(mapping, best) if best is not None and best.found else None


def _is_likely(mapping: TableMapping) -> bool:
    """Whether the first image is there without a beginning of its path."""
    name = first_missing(mapping)
    first = replace(mapping, files=mapping.files[:1])
    cuts = _cuts(first, [name] if name else [])
    return any(_count(first, each, 1).found for cut in cuts for each in cut)


def _count(mapping: TableMapping, tried: Without, limit: int = 0) -> Without:
    """The same with what it finds in so many images of each file; 0 for all."""
    changed, named, found = tried.on(mapping), 0, 0
    for part in mapping.files:
        (folder,) = count(changed, [part], [Path(changed.root_of(part))], limit)
        named, found = named + folder.named, found + folder.found
    return replace(tried, named=named, found=found)


def _cuts(mapping: TableMapping, names: list[str]) -> Iterator[list[Without]]:
    """Beginnings that all names have, the shortest first, each with the roots to look in.

    The folders that are left of a path, and those of its name, speak for a root. Where none is
    left, only the file's own folder does, and of a path that is no absolute one nothing.
    """
    parts = [path_parts(name) for name in names]
    if not parts or not all(parts):
        return
    common = parts[0][:-1]
    for each in parts:
        fits = [a == b for a, b in zip(common, each[:-1], strict=False)]
        common = common[: fits.index(False) if False in fits else len(fits)]
    absolute = all(map(is_absolute, names))
    start = "/" if absolute and not has_drive(names[0]) else ""
    homes = {Path(mapping.root_of(part)).resolve() for part in mapping.files}
    above = [] if mapping.image_root or len(homes) > 1 else [str(homes.pop().parent)]
    for length in range(1, len(common) + 1):
        bare = length == len(common) and any(len(each) == length + 1 for each in parts)
        if bare and not absolute:
            continue
        prefix = start + "/".join(common[:length])
        yield [Without(prefix, root, 0, 0) for root in ["", *([] if bare else above)]]
