"""What other packages add to `wb`: model families, readers of formats, text metrics.

A package registers each by an entry point (`importlib.metadata`) in a group of `GROUPS`; see
docs/plugins.md. Guarantee: entry points are read when a name is looked up that `wb` itself does not
know, never at a start; a plug-in's code is imported when its own name is looked up; one that cannot
be imported is one error with its name, its package and what to do, and touches nothing else. What
`wb` has itself goes before a plug-in of the same name. Not for what a plug-in is: the registries
of families, formats and metrics say that.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from workbench.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import Distribution

Kind = Literal["family", "reader", "metric"]
GROUPS: dict[Kind, str] = {"family": "wb.families", "reader": "wb.readers", "metric": "wb.metrics"}


@dataclass(frozen=True)
class Plugin:
    """One thing that a package registers.

    Attributes:
        kind: `family`, `reader` or `metric`.
        name: What it is looked up by: a `model_type`, a format, a metric; empty where the list of
            the package itself is damaged.
        value: Where its object is: `module:attribute`.
        package: The distribution that registers it, as `pip` calls it.
        version: Of that package.
        problem: Why it cannot be used, as far as is known without importing it.
    """

    kind: Kind | Literal[""]
    name: str
    value: str
    package: str
    version: str
    problem: str = ""

    def to_json(self) -> dict[str, str]:
        """A plain dict."""
        return asdict(self)


def list_plugins() -> list[Plugin]:
    """All of all packages, those that are damaged too; nothing is imported."""
    return list(_scan(tuple(sys.path)))


def plugin_names(kind: Kind) -> list[str]:
    """The names of one kind, sorted; nothing is imported."""
    return sorted({plugin.name for plugin in list_plugins() if plugin.kind == kind})


def find_plugin(kind: Kind, name: str) -> Plugin | None:
    """The plug-in of that name, `None` where no package has one; nothing is imported.

    Raises:
        PluginError: Several packages register that name.
    """
    found = [p for p in list_plugins() if p.kind == kind and p.name == name]
    if len(found) > 1:
        packages = sorted(p.package for p in found)
        raise PluginError(
            f"the packages {', '.join(packages)} all register a {kind} {name!r}",
            hint=f"keep one of them: pip uninstall {packages[-1]}",
        )
    return found[0] if found else None


def import_plugin(plugin: Plugin) -> Any:
    """What a plug-in's entry point names, imported.

    Raises:
        PluginError: Its code cannot be imported, or the package's list is damaged.
    """
    from importlib.metadata import EntryPoint

    if plugin.problem or not plugin.kind:
        raise broken(plugin, plugin.problem)
    try:
        return EntryPoint(plugin.name, plugin.value, GROUPS[plugin.kind]).load()
    except (Exception, SystemExit) as error:  # whatever its code raises at import
        raise broken(plugin, f"{type(error).__name__}: {error}") from error


def broken(plugin: Plugin, problem: str) -> PluginError:
    """The error for a plug-in that cannot be used."""
    what = f"the {plugin.kind} {plugin.name!r}" if plugin.name else "the list of plug-ins"
    return PluginError(
        f"{what} of the package {plugin.package} {plugin.version} cannot be used: {problem}",
        hint=f"update the package, or remove it: pip uninstall {plugin.package}",
    )


@lru_cache(maxsize=8)
def _scan(path: tuple[str, ...]) -> tuple[Plugin, ...]:
    """The plug-ins on a path; only lists of entry points are read that name a group of ours."""
    from importlib.metadata import distributions  # a tenth of a second where disks are slow

    found: list[Plugin] = []
    seen: set[str] = set()
    for package in distributions(path=list(path)):
        try:
            text = package.read_text("entry_points.txt") or ""
        except (OSError, UnicodeDecodeError):
            continue  # another package's trouble: `wb` cannot know that it is a plug-in
        if not any(f"[{group}]" in text for group in GROUPS.values()):
            continue
        name = str(package.metadata["Name"] or "?")
        plain = re.sub(r"[-_.]+", "-", name).lower()
        if plain not in seen:  # the first on the path hides those of the same name behind it
            seen.add(plain)
            found += _of_package(package, name)
    return tuple(sorted(found, key=lambda p: (p.kind, p.name, p.package)))


def _of_package(package: Distribution, name: str) -> Iterator[Plugin]:
    version = str(package.metadata["Version"] or "?")
    kinds: dict[str, Kind] = {group: kind for kind, group in GROUPS.items()}
    try:
        points = list(package.entry_points)
    except Exception as error:  # the parser of the standard library promises nothing
        problem = f"its entry_points.txt is damaged ({type(error).__name__}: {error})"
        yield Plugin("", "", "", name, version, problem)
        return
    for point in points:
        if point.group in kinds:
            yield Plugin(kinds[point.group], point.name, point.value, name, version)
