"""Known layouts by name: `wb data add nlvr1 FOLDER --like nlvr1`.

Each is a TOML file in `presets/` with the wishes that `wb data add` would take, the files of its
splits under one folder, its licence and its traps. What the user gives goes before.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import DataError, UnknownName

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


def list_presets() -> list[Preset]:
    """All of them by name."""
    return [get_preset(path.stem) for path in sorted(_FOLDER.glob("*.toml"))]


def get_preset(name: str) -> Preset:
    """One of them. Raises `UnknownName`."""
    known = sorted(path.stem for path in _FOLDER.glob("*.toml"))
    if name not in known:
        raise UnknownName(f"there is no preset {name!r}", hint=f"there are {', '.join(known)}")
    body = tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))
    return Preset(name, body.pop("files"), body, str(body.pop("traps", "")))


def apply_preset(
    name: str, files: Sequence[str | Path], wishes: dict[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """Complete files and wishes by a preset.

    Args:
        name: The preset.
        files: The dataset's folder, or one of its files in its usual place.
        wishes: What the user gave; goes before the preset's.

    Returns:
        `SPLIT=FILE` for every split that is there, and the wishes.

    Raises:
        UnknownName: No such preset.
        DataError: None of its files is there.
    """
    preset = get_preset(name)
    folder = _folder_of(preset, Path(files[0]).expanduser().absolute())
    there = {s: folder / path for s, path in preset.files.items() if (folder / path).is_file()}
    if not there:
        raise DataError(
            f"{folder} has none of the files of {name}",
            hint=f"it should hold {', '.join(preset.files.values())}",
        )
    given = {key: value for key, value in wishes.items() if value not in (None, "", (), [])}
    given.setdefault("image_root", folder)
    return [f"{split}={path}" for split, path in there.items()], preset.wishes | given


def _folder_of(preset: Preset, path: Path) -> Path:
    """The dataset's folder: as given, or above a file that stands where the preset has it."""
    for pattern in preset.files.values():
        if path.is_file() and path.as_posix().endswith("/" + pattern):
            return Path(path.as_posix()[: -len(pattern) - 1])
    return path
