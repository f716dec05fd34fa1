"""How a config file becomes frozen pydantic models: types of its values, and faults in its words.

Guarantee: every fault of a file is told, each once, by the key as it stands in the file; an unknown
key is told with the nearest one that is. Not for what the keys of a training are: see
`training.train_config`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictBool, ValidationError
from pydantic.fields import FieldInfo

Model = TypeVar("Model", bound="ConfigGroup")


class ConfigGroup(BaseModel):
    """A group of keys. The docstring under a field is its description, in docs and schema."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


@dataclass(frozen=True)
class Wants:
    """What a key takes, in words, for the message where it got something else."""

    words: str


def _as_whole(value: Any) -> Any:
    if isinstance(value, str):
        value = float(value)
    if isinstance(value, bool):
        raise ValueError
    return value


def _as_number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError
    return value


def _as_text(value: Any) -> Any:
    return "" if value is None else value


def _as_texts(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


# YAML 1.1 reads `2e-4` as text, which nobody means, so that texts of numbers are numbers.
Whole = Annotated[int, BeforeValidator(_as_whole), Wants("a whole number")]
Number = Annotated[float, BeforeValidator(_as_number), Wants("a number")]
Text = Annotated[str, BeforeValidator(_as_text), Wants("text")]
Texts = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_texts, json_schema_input_type=str | tuple[str, ...]),
    Wants("a list of texts"),
]
Flag = Annotated[StrictBool, Wants("true or false")]
Keys = Annotated[dict[str, Any], Wants("keys of its own")]


def validate(model: type[Model], values: Mapping[Any, Any], into: Model) -> list[str]:
    """Fill `into` by `values` as far as they can be meant.

    Args:
        model: The class of `into`.
        values: As YAML gives them.
        into: Made by `object.__new__`.

    Returns:
        Every fault that a key has by itself; the keys that are at fault have their defaults.
    """
    problems: list[str] = []
    values = deepcopy(dict(values))
    # A fault that is taken out may show another one, as where a needed key was wrong.
    for _ in range(3):
        try:
            model.__pydantic_validator__.validate_python(values, self_instance=into)
            return problems
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_context=False):
                path = _key_of(model, fault["loc"])
                line = _in_words(model, path, fault["type"], _value_at(values, path))
                if line not in problems:
                    problems.append(line)
            for fault in error.errors(include_url=False):
                _leave_out(model, values, _key_of(model, fault["loc"]))
    raise AssertionError(problems)


def wants(field: FieldInfo) -> str:
    """What a key takes, in words."""
    said = [m.words for m in field.metadata if isinstance(m, Wants)]
    return said[-1] if said else _by_type(field.annotation)


def takes(field: FieldInfo) -> str:
    """What a key takes, its bounds included."""
    words, bounds = wants(field), _range(field)
    return f"{words}, {bounds}" if bounds else words


def group_of(field: FieldInfo) -> type[ConfigGroup] | None:
    """The model of a key that has keys of its own, else `None`."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, ConfigGroup) else None


def fields_of(model: type[BaseModel], path: Sequence[Any]) -> tuple[type[BaseModel], str]:
    """The group that the last key of a path stands in, and the path to it with its dots."""
    for name in path[:-1]:
        inner = model.model_fields[name].annotation
        assert isinstance(inner, type) and issubclass(inner, BaseModel)
        model = inner
    return model, "".join(f"{name}." for name in path[:-1])


def _by_type(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "keys of its own"
    args = get_args(kind)
    if get_origin(kind) is tuple:
        return f"some of {', '.join(get_args(args[0]))}"
    return f"one of {', '.join(str(arg) for arg in args)}"


def _range(field: FieldInfo) -> str:
    """`at least 1`, `from 0 to below 1`, ... out of a field's bounds."""
    kinds = ("ge", "gt", "lt", "le")
    bounds = {k: getattr(m, k) for m in field.metadata for k in kinds if hasattr(m, k)}
    floor = "from" if len(bounds) > 1 else "at least"
    words = {"ge": floor, "gt": "above", "lt": "below", "le": "at most"}
    said = [f"{words[kind]} {bounds[kind]}" for kind in kinds if kind in bounds]
    return (" to " if "ge" in bounds else " and ").join(said)


def _key_of(model: type[BaseModel], loc: Sequence[Any]) -> tuple[Any, ...]:
    """The part of an error's place that is keys: not the number of an item nor a type's name."""
    path: list[Any] = []
    inner: Any = model
    for name in loc:
        path.append(name)
        field = inner.model_fields.get(name)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
    return tuple(path)


def _value_at(values: Any, path: Sequence[Any]) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values


def _leave_out(model: type[BaseModel], values: Any, path: Sequence[Any]) -> None:
    """Take what is at fault out; what must be there is put in, for the rest to be looked at."""
    for name in path[:-1]:
        values = values[name]
    group, _ = fields_of(model, path)
    field = group.model_fields.get(path[-1])
    values.pop(path[-1], None)
    if field is not None and field.is_required():
        values[path[-1]] = "-"


def _in_words(model: type[BaseModel], path: Sequence[Any], kind: str, value: Any) -> str:
    group, prefix = fields_of(model, path)
    key = f"{prefix}{path[-1]}"
    field = group.model_fields.get(path[-1])
    if field is None:
        near = difflib.get_close_matches(str(path[-1]), group.model_fields, n=1)
        meant = f" (did you mean '{prefix}{near[0]}'?)" if near else ""
        return f"there is no key '{key}'{meant}"
    if kind == "missing":
        return f"'{key}' is missing: {(field.examples or ['it has no default'])[0]}"
    what = _range(field) if kind in _BOUNDS else wants(field)
    if kind == "too_short":
        what = "at least one"
    return f"'{key}' wants {what}, got {value!r}"


_BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
