"""An adapter's config as PEFT reads it, after what it must not say has been refused.

Guarantee: PEFT gets no regular expression of a stranger. What a pattern names in this base is
found here, within `PATTERN_S` seconds altogether, and handed on as plain names: `(a+)+$` would
otherwise keep the engine busy for ever. An adapter that is right only over weights which nobody
can work out again is refused, with how to convert it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from workbench.errors import ModelError
from workbench.models.loading import explained

PATTERN_S = 5.0
_LONGEST = 10_000  # characters of a pattern
_PLAIN = re.compile(r"[\w.-]*")
# Strings that PEFT matches against the whole name of each module.
_MATCHED = ("target_modules", "exclude_modules", "feedforward_modules")
# Names that PEFT puts into a pattern of its own.
_NAMES = ("layers_pattern", "modules_to_save")
# LoRA's initialisations that leave the base's weights alone, or whose change of them was seen to
# be the same each time it is worked out (`pissa`, `olora`).
_UNTOUCHED = {"gaussian", "eva", "orthogonal", "mica"}
_CONVERT = (
    "convert it where it was trained: save_pretrained(folder, path_initial_model_for_weight_"
    "conversion=<the adapter as it was before training>); or save the base that it was trained "
    'over, and set "init_lora_weights": true'
)


def read_config(path: Path, base: Any) -> Any:
    """PEFT's config of the adapter in `path`, safe to hand on to PEFT.

    Args:
        path: The adapter's folder.
        base: The model that it goes over.

    Raises:
        ModelError: It is damaged, cannot be served, or has patterns that nobody can bound.
    """
    from peft import PeftConfig

    with explained(path):
        config = PeftConfig.from_pretrained(str(path))
    config.inference_mode = True
    _refuse_unserved(path, config)
    if not config.is_prompt_learning:
        _spell_out(path, config, [name for name, _ in base.named_modules()])
    return config


def rewrites(config: Any) -> bool:
    """Whether PEFT may take something off the base's own weights to begin with."""
    start = getattr(config, "init_lora_weights", True)
    changing = isinstance(start, str) and start.lower() not in _UNTOUCHED
    return changing or getattr(config, "kasa_config", None) is not None


def refuse_over(path: Path, config: Any, quantized: bool) -> None:
    """Refuse one that changes weights which are quantised. Raises `ModelError`."""
    if quantized and rewrites(config):
        raise _unserved(
            path,
            "it changes the base's own weights, which are quantised here, and would be rounded",
            f"load it without --quantization, or {_CONVERT}",
        )


def why_unserved(config: Any) -> tuple[str, str]:
    """Why an adapter of that config could not be used, and what to do; empty where it can."""
    start = getattr(config, "init_lora_weights", True)
    word = start.lower() if isinstance(start, str) else ""
    why, hint = "", _CONVERT
    if word.startswith("pissa_niter"):
        why = "the base that it was trained over was drawn at random, and is not in its folder"
    elif word.startswith(("corda", "lora_ga")):
        why = "the base that it was trained over was made from data which is not in its folder"
    elif word == "loftq":
        why = "the base that it was trained over was a quantised one, which is not in its folder"
    elif getattr(config, "alora_invocation_tokens", None):
        why = "it begins to act at a token of the prompt, which is not known here"
        hint = "train a LoRA without alora_invocation_tokens"
    elif getattr(config, "layer_replication", None):
        why = "it repeats layers of the base (layer_replication)"
        hint = "save the base with its layers repeated as a model of its own"
    return (f"{why} ({start})" if word else why, hint) if why else ("", "")


def _refuse_unserved(path: Path, config: Any) -> None:
    why, hint = why_unserved(config)
    if why:
        raise _unserved(path, why, hint)


def _unserved(path: Path, why: str, hint: str) -> ModelError:
    return ModelError(f"the adapter {path} cannot be used: {why}", hint=hint, kind="unsupported")


def _spell_out(path: Path, config: Any, modules: Sequence[str]) -> None:
    """Put plain names where patterns stand."""
    search = _Search(path, modules)
    for field in _MATCHED:
        value = getattr(config, field, None)
        if isinstance(value, str) and not _PLAIN.fullmatch(value):
            found = search.matches(field, value)
            if not found and field == "target_modules":
                raise ModelError(
                    f"the adapter {path} fits nothing: target_modules {value[:200]!r} matches no "
                    "module of the base",
                    hint="is it from another base model?",
                    kind="adapter_misfit",
                )
            # An alternative of literals: PEFT matches it against whole names, in linear time.
            setattr(config, field, "|".join(map(re.escape, found)) or "(?!)")
    for field in _NAMES:
        given = getattr(config, field, None) or ()
        for name in [given] if isinstance(given, str) else given:
            if not isinstance(name, str) or not _PLAIN.fullmatch(name):
                raise ModelError(
                    f"the adapter {path} has {str(name)[:200]!r} in {field}, which is no name",
                    hint="write a module's name there, no pattern",
                    kind="unsupported",
                )
    for field in (f.name for f in fields(config) if f.name.endswith("_pattern")):
        value = getattr(config, field, None)
        if isinstance(value, Mapping) and not all(_PLAIN.fullmatch(str(key)) for key in value):
            setattr(config, field, search.by_name(field, value))


class _Search:
    """Matches patterns against the names of modules, with one budget of time for all."""

    def __init__(self, path: Path, modules: Sequence[str]) -> None:
        self._path, self._modules = path, modules
        self._deadline = time.monotonic() + PATTERN_S

    def matches(self, field: str, pattern: str) -> list[str]:
        """Names that a pattern matches from end to end."""
        import regex

        if len(pattern) > _LONGEST:
            raise self._unbounded(field, pattern, f"has more than {_LONGEST:,} characters")
        try:
            compiled = regex.compile(pattern)
            return [name for name in self._modules if self._fits(compiled, name)]
        except TimeoutError:
            raise self._unbounded(
                field, pattern, f"was not matched within {PATTERN_S:g} seconds"
            ) from None
        except (regex.error, RecursionError, MemoryError, OverflowError) as error:
            raise self._unbounded(field, pattern, f"is no pattern: {error}") from None

    def _fits(self, compiled: Any, name: str) -> bool:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return compiled.fullmatch(name, timeout=left) is not None

    def by_name(self, field: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """What each module gets, by its escaped name: the value of the first key that it fits."""
        found: dict[str, Any] = {}
        for key, value in values.items():
            # As PEFT does: a key stands for names that end with it.
            for name in self.matches(field, rf"(?:.*\.)?(?:{key})"):
                found.setdefault(name, value)
        # A key is matched against the ends of names: the longest must be asked first.
        return {re.escape(name): found[name] for name in sorted(found, key=len, reverse=True)}

    def _unbounded(self, field: str, pattern: str, why: str) -> ModelError:
        return ModelError(
            f"the adapter {self._path} is refused: its {field} {pattern[:200]!r} {why}",
            hint="write names of modules into adapter_config.json, as a list",
            kind="bad_pattern",
        )
