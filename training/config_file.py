"""Config files on disk: by path or by the name of a shipped one, over their bases, with changes.

Guarantee: imports neither torch nor pydantic. A base is read relative to the file that names it;
mappings are merged key by key, everything else is replaced; a circle of bases is refused. Not for
what the keys mean: see `training.train_config`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.errors import UnknownName, UsageError

SHIPPED = Path(__file__).parent / "configs"
HINT = "docs/training-keys.md lists the keys; wb train --list names whole files"


@dataclass(frozen=True)
class Shipped:
    """A config that comes with `wb`."""

    name: str
    about: str
    """The first line of its comment."""
    path: str

    def to_json(self) -> dict[str, Any]:
        """A plain dict, with what it trains from and on."""
        values = load_values(self.path)
        keys = {key: values.get(key) for key in ("model", "train", "eval", "report")}
        if (task := values.get("task")) is not None:  # another one than a fine-tuning
            return asdict(self) | keys | {"model": values.get("encoder"), "method": task}
        return asdict(self) | keys | {"method": values.get("method", "lora")}


def shipped() -> list[Shipped]:
    """Every config in `training/configs`, by name."""
    return [
        Shipped(path.stem, _comment(path).partition("\n")[0].removeprefix("# "), str(path))
        for path in sorted(SHIPPED.glob("*.yaml"))
    ]


def get_shipped(name: str) -> Shipped:
    """The shipped config of that name. Raises `UnknownName` with the nearest one."""
    known = {config.name: config for config in shipped()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise UnknownName(
            f"no config {name!r} comes with wb" + (f" (did you mean {near[0]}?)" if near else ""),
            hint="see: wb train --list",
        )
    return known[name]


def find_config(name: str | Path) -> Path:
    """A file, or the shipped config of that name.

    Raises:
        UsageError: There is neither; the nearest shipped one is in the message.
    """
    path = Path(name)
    if path.exists() or path.suffix or len(path.parts) != 1:
        return path
    try:
        return Path(get_shipped(str(name)).path)
    except UnknownName as error:
        raise UsageError(
            f"there is no file {str(name)!r}, and {error.message}", hint=error.hint
        ) from error


def load_values(name: str | Path, changes: Sequence[str] = ()) -> dict[str, Any]:
    """The keys of a config over those of its bases, unchecked.

    Args:
        name: A file, or the name of a shipped config.
        changes: `KEY=VALUE`, each over what is there; see `change`.

    Raises:
        UsageError: A file cannot be read or is no mapping, bases go in a circle, or a change
            cannot be read.
    """
    values = _over_bases(find_config(name), ())
    problems = []
    for text in changes:
        try:
            change(values, text)
        except UsageError as error:
            problems.append(error.message)
    if problems:
        raise UsageError("; ".join(problems), hint="such as: --set lora.r=8 --set epochs=1")
    return values


def merge(under: Mapping[Any, Any], over: Mapping[Any, Any]) -> dict[Any, Any]:
    """`over` on top of `under`: mappings key by key, all else (lists too) replaced."""
    out = dict(under)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = merge(out[key], value) if both else value
    return out


def change(values: dict[str, Any], text: str) -> None:
    """Apply `KEY=VALUE`: the value is read as YAML, the key is dotted for what is nested."""
    import yaml

    key, equals, word = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--set wants KEY=VALUE, got {text!r}")
    if key == "base":
        raise UsageError("--set base: a base is named in a file alone")
    try:
        value = yaml.safe_load(word)
    except yaml.YAMLError as error:
        raise UsageError(f"--set {key}: {word!r} is not YAML") from error
    *parents, last = key.split(".")
    inner = values
    for parent in parents:
        inner = inner.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise UsageError(f"--set {key}: {parent} has no keys of its own")
    inner[last] = value


def header(path: str | Path) -> str:
    """The comment that a config begins with, `#` and all."""
    return _comment(Path(path))


def _over_bases(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    real = path.resolve()
    if real in seen:
        circle = " -> ".join(p.name for p in (*seen[seen.index(real) :], real))
        raise UsageError(f"the bases of {seen[0]} go in a circle: {circle}", kind="bad_config")
    try:
        values = _read(path)
    except UsageError as error:
        if not seen:
            raise
        raise UsageError(f"'base' of {seen[-1]}: {error.message}", hint=error.hint) from error
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str) or not base:
        raise UsageError(f"{path}: 'base' wants the path of a config, got {base!r}")
    beside = path.parent / Path(base).expanduser()
    found = beside if beside.exists() or "." in base or "/" in base else find_config(base)
    return merge(_over_bases(found, (*seen, real)), values)


def _read(file: Path) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the config {file}: {error}",
            hint="give the path of a YAML file, or a name of: wb train --list",
        ) from error
    except yaml.YAMLError as error:
        raise UsageError(f"{file} is not YAML: {error}", kind="bad_config") from error
    if not isinstance(values, dict):
        raise UsageError(
            f"{file} holds {type(values).__name__}, not keys with values",
            kind="bad_config",
            hint=HINT,
        )
    return values


def _comment(path: Path) -> str:
    lines = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line)
    return "\n".join(lines)
