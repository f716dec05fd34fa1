"""Known layouts by name: `wb data add nlvr1 FOLDER`, `wb data add mine FOLDER --like nlvr1`.

Each is a TOML file in `presets/` with the wishes that `wb data add` would take, its licence and
its traps. The files of its splits stand there too, or a recipe (`workbench.data.layouts`) looks for
them and joins them. What the user gives goes before.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data.naming import named_file
from workbench.data.readers.opening import ReadOptions
from workbench.errors import DataError, UnknownName, UsageError
from workbench.text import did_you_mean

_FOLDER = Path(__file__).resolve().parent / "presets"


@dataclass(frozen=True)
class Preset:
    """One known layout.

    Attributes:
        files: Split -> path under the dataset's folder.
        wishes: What `add_dataset` takes.
        traps: What a reader of the data must know.
    """

    name: str
    files: dict[str, str]
    wishes: dict[str, Any]
    traps: str = ""

    @property
    def recipe(self) -> str:
        """The module that joins its files; empty where each file is a split."""
        return str(self.wishes.get("recipe", ""))


def list_presets() -> list[Preset]:
    """All of them by name."""
    return [get_preset(name) for name in preset_names()]


def preset_names() -> list[str]:
    """Their names, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def get_preset(name: str) -> Preset:
    """One of them. Raises `UnknownName`."""
    known = preset_names()
    if name not in known:
        hint = f"{did_you_mean(name, known)}there are {', '.join(known)}"
        raise UnknownName(f"there is no preset {name!r}", hint=hint)
    body = tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))
    return Preset(name, body.pop("files", {}), body, str(body.pop("traps", "")))


def apply_preset(
    name: str, files: Sequence[str | Path], wishes: dict[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """Complete files and wishes by a preset.

    Args:
        name: The preset.
        files: The dataset's folder, or one of its files in its usual place; of a recipe also
            `SPLIT=FILE` for each.
        wishes: What the user gave; goes before the preset's.

    Returns:
        `SPLIT=FILE` for every split that is there (of a recipe they stand in the wishes, as
        `parts`), and the wishes.

    Raises:
        UnknownName: No such preset.
        DataError: None of its files is there.
    """
    preset = get_preset(name)
    if preset.recipe:
        return _apply_recipe(preset, files, wishes)
    named = [named_file(file) for file in files]
    if any(split for split, _ in named):
        return [str(file) for file in files], preset.wishes | said(wishes)
    folder = _folder_of(preset, named[0][1])
    there = {s: folder / path for s, path in preset.files.items() if (folder / path).is_file()}
    if not there:
        raise DataError(
            f"{folder} has none of the files of {name}",
            hint=f"it should hold {', '.join(preset.files.values())}",
            kind="other_layout",
        )
    given = said(wishes)
    given.setdefault("image_root", folder)
    return [f"{split}={path}" for split, path in there.items()], preset.wishes | given


ABOUT_ROWS = {"id", "texts", "label", "labels", "image", "objects", "references", "explanations"}


def implied_preset(name: str, files: Sequence[str | Path], wishes: dict[str, Any]) -> str:
    """The preset that is meant by a folder under its name, where nothing more was said."""
    if name not in preset_names() or ABOUT_ROWS & set(said(wishes)):
        return ""
    try:
        return name if any(named_file(file)[1].is_dir() for file in files) else ""
    except DataError:
        return ""


def known_documents(files: Sequence[str | Path], wishes: dict[str, Any]) -> str:
    """The layout of captions or questions that all files are documents of, by what they hold.

    Nothing was said of their rows then. A table, and a list of rows, is none.
    """
    from workbench.data.layouts import captions, coco_instances, vqa

    if ABOUT_ROWS & set(said(wishes)):
        return ""
    paths = [named_file(file)[1] for file in files]
    if not all(path.is_file() and path.suffix.lower() == ".json" for path in paths):
        return ""
    if all(coco_instances.is_document(path) for path in paths):
        return "coco_instances"
    try:
        if all(captions.is_document(path) for path in paths):
            return "captions"
        found = {vqa.flavour_of(path) for path in paths}
    except DataError:
        return ""  # whoever reads it as a table says what is wrong with it
    asks = found & {"questions", "gqa"}
    return "vqa" if asks and found <= {*asks, "annotations"} else ""


def gathers_captions(files: Sequence[str | Path], wishes: dict[str, Any]) -> bool:
    """Whether all files are captions as a row each, of which the rows of one image belong together.

    Nothing was said of their rows then. Raises `DataError` for a list of COCO results.
    """
    from workbench.data.layouts.caption_rows import form_of, refuse_results

    if ABOUT_ROWS & set(said(wishes)):
        return False
    paths = [named_file(file)[1] for file in files]
    refuse_results(paths)
    forms = {form_of(path) if path.is_file() else "" for path in paths}
    return bool(forms & {"rows", "tokens"}) and forms <= {"rows", "tokens", "single"}


def said(wishes: dict[str, Any]) -> dict[str, Any]:
    """The wishes that say something, and the list that takes the guesses."""
    default = (None, "", (), [], ReadOptions())
    return {k: value for k, value in wishes.items() if value not in default or k == "guesses"}


def _apply_recipe(
    preset: Preset, files: Sequence[str | Path], wishes: dict[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """Let the recipe look for the files of each split."""
    from workbench.data.layouts.base import LayoutInput, get_recipe

    given = said(wishes)
    named = [named_file(file) for file in files]
    folders = [path for split, path in named if path.is_dir() and not split]
    if len(folders) > 1:
        raise UsageError(f"{preset.name} takes one folder, not {len(folders)}")
    single = tuple((split, path) for split, path in named if path not in folders)
    root = Path(given["image_root"]).expanduser().resolve() if "image_root" in given else None
    folder = folders[0] if folders else single[0][1].parent
    found = get_recipe(preset.recipe).find(LayoutInput(folder, single, root))
    given.setdefault("image_root", folder)
    if found.plain:
        return list(found.plain), found.wishes | given
    used = {path for part in found.parts for path in (part.path, *part.beside.values())}
    if left := [path for _, path in single if str(path) not in used]:
        raise DataError(
            f"{left[0]} is none of the files of {preset.name}",
            hint=f"leave it out, or add it as a dataset of its own; see --like {preset.name}",
            kind="other_layout",
        )
    wish = preset.wishes | found.wishes | given | {"parts": found.parts}
    return [str(file) for file in files], wish


def _folder_of(preset: Preset, path: Path) -> Path:
    """The dataset's folder: as given, or above a file that stands where the preset has it."""
    for pattern in preset.files.values():
        if path.is_file() and path.as_posix().endswith("/" + pattern):
            return Path(path.as_posix()[: -len(pattern) - 1])
    return path
