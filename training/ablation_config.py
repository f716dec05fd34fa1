"""What an ablation compares: variants of one training, each with every seed, from a YAML file.

Guarantee: imports no torch; every fault of every variant is told before anything is trained. The
trials are made in the order of the seeds, so that all variants stand after each seed.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.config_file import change, find_config, load_values, merge
from training.train_config import TrainConfig
from workbench.errors import UsageError

SHIPPED = Path(__file__).parent / "ablations"
KEYS = ("methods", "variants", "grid", "seeds", "metrics")
_HINT = "docs/training.md#comparing-methods has the keys"
_MOST = 1_000


@dataclass(frozen=True)
class Trial:
    """One training of an ablation.

    Attributes:
        variant: Its variant's name.
        seed: Its seed.
        config: What is trained.
    """

    variant: str
    seed: int
    config: TrainConfig

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.variant}, seed {self.seed}"


@dataclass(frozen=True)
class Ablation:
    """Variants of one training.

    Attributes:
        name: Of its folder.
        variants: Name -> what it changes; the others are compared with the first.
        seeds: Each trains every variant.
        metrics: Which figures the table shows; empty: what its task is judged by.
        trials: Every variant with every seed.
    """

    name: str
    variants: Mapping[str, Mapping[str, Any]]
    seeds: tuple[int, ...]
    metrics: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """What was asked for."""
        return {
            "name": self.name,
            "variants": {name: dict(changes) for name, changes in self.variants.items()},
            "seeds": list(self.seeds),
            "metrics": list(self.metrics),
        }


def load_ablation(name: str | Path, changes: Sequence[str] = ()) -> Ablation:
    """The ablation of a config: a training's keys, and under `ablation` what is varied.

    Args:
        name: A file, or the name of a shipped ablation or config. Files that it names are looked
            for beside it.
        changes: `KEY=VALUE`, over what the file says (`ablation.seeds=[0]` as well).

    Raises:
        UsageError: With every fault of every variant at once.
    """
    from workbench.data.tables.mapping import check_name

    path = find_ablation(name)
    values = load_values(path, changes)
    own = values.pop("ablation", None)
    if not isinstance(own, Mapping):
        raise UsageError(
            f"{name} names nothing to compare under 'ablation'",
            hint="for example: --set 'ablation.methods=[lora, full]' --set 'ablation.seeds=[0, 1]'",
            kind="bad_config",
        )
    problems = [f"there is no key 'ablation.{key}'" for key in own if key not in KEYS]
    seeds = _seeds(own.get("seeds", [0]), problems)
    metrics = own.get("metrics") or []
    if not isinstance(metrics, list) or not all(isinstance(m, str) for m in metrics):
        problems.append(f"'ablation.metrics' wants a list of names, got {metrics!r}")
    variants = _variants(own, problems)
    if problems:
        raise UsageError(f"{name}: " + "; ".join(problems), kind="bad_config", hint=_HINT)
    called = check_name(str(values.get("name") or path.stem), "comparison")
    made = {variant: _over(values, changed, path.parent) for variant, changed in variants.items()}
    for body, text in itertools.product(made.values(), changes):
        if not text.startswith("ablation"):
            change(body, text)  # what is typed goes before what a variant says
    trials = tuple(_trials(called, made, seeds))
    return Ablation(called, variants, seeds, tuple(metrics), trials)


def find_ablation(name: str | Path) -> Path:
    """A file, a shipped ablation of that name, or a shipped config. Raises `UsageError`."""
    shipped = SHIPPED / f"{name}.yaml"
    if not Path(name).exists() and len(Path(name).parts) == 1 and shipped.is_file():
        return shipped
    return find_config(name)


def _over(values: Mapping[str, Any], changed: Mapping[str, Any], beside: Path) -> dict[str, Any]:
    """A variant's keys: of its `base`, over them what all share, over that what it says itself."""
    body = merge({}, values)
    if base := changed.get("base"):
        if not isinstance(base, str):
            raise UsageError(f"a variant's 'base' wants a config, got {base!r}", hint=_HINT)
        there = beside / base
        body = merge(load_values(there if there.exists() else base), body)
    for key, value in changed.items():
        if key != "base":
            *parents, last = key.split(".")
            over: dict[str, Any] = {last: value}
            for parent in reversed(parents):
                over = {parent: over}
            body = merge(body, over)
    return body


def _trials(
    name: str, made: Mapping[str, Mapping[str, Any]], seeds: Sequence[int]
) -> Iterator[Trial]:
    problems: list[str] = []
    trials: list[Trial] = []
    for seed, (variant, body) in itertools.product(seeds, made.items()):
        own = {**body, "seed": seed, "name": f"{name}: {variant}, seed {seed}"}
        try:
            trials.append(Trial(variant, seed, TrainConfig.from_json(own, f"variant {variant}")))
        except UsageError as error:
            problems.append(error.message)
    if problems:
        raise UsageError("; ".join(dict.fromkeys(problems)), kind="bad_config", hint=_HINT)
    evaluated = {(t.config.eval, t.config.report) for t in trials}
    if len(evaluated) > 1:
        raise UsageError(
            f"the variants are evaluated on different data: {sorted(evaluated)}",
            hint="give 'eval' and 'report' once, for all variants",
            kind="bad_config",
        )
    yield from trials


def _seeds(given: Any, problems: list[str]) -> tuple[int, ...]:
    seeds = given if isinstance(given, list) else [given]
    if not seeds or any(isinstance(s, bool) or not isinstance(s, int) for s in seeds):
        problems.append(f"'ablation.seeds' wants whole numbers, got {given!r}")
        return (0,)
    return tuple(dict.fromkeys(seeds))


def _variants(values: Mapping[str, Any], problems: list[str]) -> dict[str, dict[str, Any]]:
    """Name -> changes, of `methods` or `variants`, times `grid`."""
    methods, variants = values.get("methods"), values.get("variants")
    if methods is not None and variants is not None:
        problems.append(
            "'ablation.methods' and 'ablation.variants' both name what is compared: leave one out"
        )
    found: dict[str, dict[str, Any]] = {}
    if methods is not None:
        if not isinstance(methods, list) or not all(isinstance(m, str) for m in methods):
            problems.append(f"'ablation.methods' wants a list of names, got {methods!r}")
            methods = []
        found = {method: {"method": method} for method in methods}
    elif variants is not None:
        if not isinstance(variants, Mapping):
            problems.append(
                f"'ablation.variants' wants names with keys of their own, got {variants!r}"
            )
            variants = {}
        for name, own in variants.items():
            if not isinstance(own, (Mapping, str, type(None))):
                problems.append(f"'ablation.variants.{name}' wants keys, or a file, got {own!r}")
                continue
            # A file's name alone is a variant of its own.
            found[str(name)] = {"base": own} if isinstance(own, str) else dict(own or {})
    found = _by_grid(found, values.get("grid"), problems)
    if not problems and not found:
        problems.append("nothing to compare: give 'ablation.methods', '.variants' or '.grid'")
    return found


def _by_grid(
    found: dict[str, dict[str, Any]], grid: Any, problems: list[str]
) -> dict[str, dict[str, Any]]:
    if grid is None:
        return found
    if not isinstance(grid, Mapping) or not all(isinstance(v, list) and v for v in grid.values()):
        problems.append(f"'ablation.grid' wants keys with lists of values, got {grid!r}")
        return found
    cells = [dict(zip(grid, some, strict=True)) for some in itertools.product(*grid.values())]
    if len(cells) * max(1, len(found)) > _MOST:
        problems.append(f"'ablation.grid' makes more than {_MOST} variants")
        return found
    out: dict[str, dict[str, Any]] = {}
    for name, own in (found or {"": {}}).items():
        for cell in cells:
            words = " ".join(f"{key}={_word(value)}" for key, value in cell.items())
            out[f"{name} {words}".strip()] = {**own, **cell}
    return out


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
