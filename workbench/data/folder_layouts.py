"""Which known layout a folder under a name of one's own is, where nothing was said of its rows.

Guarantee: a layout is taken only where its files name pictures that are there; what else fits, and
splits of which no picture is there, are told. Not for a folder under a layout's own name, nor for
files: see `presets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from workbench.data.layouts.base import LayoutInput, Problems, get_recipe
from workbench.data.layouts.places import columns_of, find_image, rows_of, tables_in
from workbench.data.naming import named_file
from workbench.data.presets import (
    ABOUT_ROWS,
    Preset,
    apply_preset,
    gathers_captions,
    get_preset,
    preset_names,
)
from workbench.data.tables.columns import expand
from workbench.data.tables.guessing import guess_images, guess_texts
from workbench.data.tables.wishes import MappingOptions
from workbench.errors import DataError, UsageError

# COCO's folder is that of many layouts: questions were put there by somebody, captions come with
# the boxes.
_FIRST = ("vqa", "captions", "coco_instances")
_PROBED = 50  # rows of a plain table whose pictures are looked for
_TOKENS = (".txt", ".token", ".tsv")  # tables under these endings are seen if they are captions


@dataclass(frozen=True)
class _Fit:
    """A layout whose pictures are there; `parts` without the splits in `left`."""

    name: str
    parts: tuple[Any, ...] = ()
    left: tuple[str, ...] = ()


def fitting_presets(folder: Path) -> list[str]:
    """The known layouts whose tables a folder holds, by name; a folder without tables has none."""
    from workbench.data.layouts.caption_rows import form_of

    given = LayoutInput(folder)
    if not tables_in(given) and not any(form_of(path) for path in tables_in(given, _TOKENS)):
        return []
    found = []
    for name in preset_names():
        try:
            files, wishes = apply_preset(name, [folder], {})
            if _has_its_texts(wishes) if "recipe" in wishes else _asks(get_preset(name), files):
                found.append(name)
        except (DataError, UsageError):
            continue
    return found


def take_layout(
    files: Sequence[str | Path], wishes: dict[str, Any]
) -> tuple[list[str], dict[str, Any]] | None:
    """Files and wishes of the known layout that a folder is; notes it. `None` where it is none.

    Args:
        files: As they were given; one folder counts, without the name of a split.
        wishes: What was said. Nothing of the rows, or there is no layout.
    """
    from workbench.data.split_files import split_files

    if len(files) != 1 or any(wishes.get(about) is not None for about in ABOUT_ROWS):
        return None
    split, folder = named_file(files[0])
    if split or not folder.is_dir():
        return None
    parts, kind = split_files([folder], MappingOptions())
    # A lone table without a column that is called an image's may as well be a layout's questions.
    unsure = len(parts) == 1 and Path(parts[0].path).is_file()
    unsure = unsure and not guess_images(columns_of(Path(parts[0].path)))
    if kind == "table" and not unsure:
        tables = [f"{part.split}={part.path}" for part in parts]
        if not gathers_captions(tables, wishes):
            return None
        why = "the rows of one image are its references; --like '' for the images alone"
        wishes.setdefault("guesses", []).append(f"layout: captions ({why})")
        return apply_preset("captions", tables, wishes)
    fits = sorted(_fits(folder, wishes), key=lambda fit: (_place(fit.name), fit.name))
    if not fits:
        return None
    first, *others = fits
    also = "".join(f"; {other.name} fits too: --like {other.name}" for other in others)
    why = f"by what the folder holds{also}; --like '' for the images alone"
    said = wishes.setdefault("guesses", [])
    said.append(f"layout: {first.name} ({why})")
    if first.left:
        kept = ", ".join(part.split for part in first.parts)
        none = f"none of their images is there; --like {first.name} for all"
        said.append(f"splits: {kept} ({', '.join(first.left)}: {none})")
    files, wishes = apply_preset(first.name, [folder], wishes)
    return files, wishes | ({"parts": list(first.parts)} if first.parts else {})


def _place(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _fits(folder: Path, wishes: dict[str, Any]) -> list[_Fit]:
    found = []
    for name in preset_names():
        preset = get_preset(name)
        try:
            fit = _joined(preset, folder, wishes) if preset.recipe else _plain(preset, folder)
        except (DataError, UsageError):
            continue
        found += [fit] if fit is not None else []
    return found


def _joined(preset: Preset, folder: Path, wishes: dict[str, Any]) -> _Fit | None:
    """The splits of a recipe of which some picture is there."""
    said = wishes.get("image_root")
    root = Path(said).expanduser().resolve() if said else None
    given = LayoutInput(folder, (), root)
    parts = get_recipe(preset.recipe).find(given).parts
    there = tuple(part for part in parts if given.found.get(part.path))
    left = tuple(part.split for part in parts if part not in there)
    return _Fit(preset.name, there, left) if there else None


def _plain(preset: Preset, folder: Path) -> _Fit | None:
    """A layout of plain tables in their places: its columns are there, and a picture is."""
    wishes = preset.wishes
    columns = {*wishes.get("texts", {}).values(), wishes["label"]}
    for split, place in preset.files.items():
        if not (folder / place).is_file() or not columns <= {*columns_of(folder / place)}:
            continue
        for row in islice(rows_of(folder / place), _PROBED):
            values = {**row.values, "split": split}
            names = (expand(image, values) or "" for image in wishes["image"])
            if any(name and find_image(str(folder), name) for name in names):
                return _Fit(preset.name)
    return None


def _asks(preset: Preset, files: Sequence[str | Path]) -> bool:
    """Whether plain tables have the texts of a layout, by their columns."""
    wanted = set(preset.wishes.get("texts", {}))
    if preset.files or not wanted:
        return True
    return all(wanted & set(guess_texts(columns_of(named_file(file)[1]))) for file in files)


def _has_its_texts(wishes: dict[str, Any]) -> bool:
    """Whether the first row that a layout makes has its texts: names of files alone say little.

    A layout whose splits are folders of images has no tables.
    """
    first_part = wishes["parts"][0]
    if Path(first_part.path).is_dir():
        return False
    rows = get_recipe(wishes["recipe"]).rows(first_part, Problems())
    try:
        first = next(iter(rows), {})
    except DataError:
        return False
    columns = [*wishes.get("texts", {}).values()] or [wishes["label"]]
    return all(first.get(column) is not None for column in columns)
