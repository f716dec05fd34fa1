"""The small JSON files of the home, read against their shapes.

Guarantee: `read_shaped` gives an object whose known keys have the types that its shape names, or
a `Damaged` that names the file and what is wrong with it, and never raises. A missing file is
`None`; a key that is missing, or that this version does not know, is no damage. Not for JSON lines
(`sessions.atomic.read_lines`) and not for what the values mean.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from sessions.json_line import parse_line
from sessions.plain_files import read_plain


@dataclass(frozen=True)
class Damaged:
    """A file that is there and cannot be used.

    Attributes:
        path: The file.
        reason: What is wrong with it, in words.
    """

    path: Path
    reason: str

    def __str__(self) -> str:
        """File and reason in one line."""
        return f"{self.path.name} is damaged: {self.reason}"


class RunHead(TypedDict, total=False):
    """A run's `config.json`."""

    v: int
    id: str
    kind: str
    key: str
    created: str
    config: dict[str, Any]


class RunState(TypedDict, total=False):
    """A run's `state.json`.

    `since` is seconds since the epoch, `seconds` what was worked, `paused` the moment from which
    on a running one holds still.
    """

    v: int
    state: str
    ts: str
    since: float | None
    seconds: float
    pid: int
    host: str
    reason: str
    total: int | None
    done: int | None
    paused: str | None


class JobSpec(TypedDict, total=False):
    """A job's `spec.json`."""

    v: int
    id: str
    title: str
    argv: list[str]
    run_argv: list[str]
    cwd: str
    gpus: list[str]
    env: dict[str, str]
    created: str
    host: str
    wb_version: str
    run_id: str | None
    retry_of: str | None


class JobResult(TypedDict, total=False):
    """A job's `result.json`."""

    v: int
    state: str
    ended: str
    exit_code: int | None
    signal: int | None
    message: str
    seconds: float | None
    max_rss_bytes: int
    by: str


class Identity(TypedDict, total=False):
    """Who a process is: a job's `supervisor.json`, `wrapper.json` and `process.json`."""

    v: int
    ts: str
    began: float
    host: str
    boot: str
    pid: int
    start: str


class CancelRequest(TypedDict, total=False):
    """A job's `cancel.json`."""

    v: int
    ts: str
    grace_s: float


class AnyObject(TypedDict, total=False):
    """Any JSON object: a run's `metrics.json` and `environment.json`."""


Shape = TypeVar("Shape", bound=Mapping[str, Any])


def read_shaped(path: Path, shape: type[Shape]) -> Shape | Damaged | None:
    """The JSON object in `path`, its known keys of the types that `shape` (a TypedDict) names."""
    try:
        data = read_plain(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        return Damaged(path, getattr(error, "strerror", None) or str(error))
    body = parse_line(data)
    if body is None:
        return Damaged(path, "it is empty" if not data.strip() else "it is not a JSON object")
    wrong = misshapen(body, shape)
    return Damaged(path, wrong) if wrong else typing.cast("Shape", body)


def misshapen(body: Mapping[str, Any], shape: type) -> str:
    """The first known key of the wrong type and what it should be; empty where all are right."""
    for name, kind in _hints(shape).items():
        if name in body and not fits(body[name], kind):
            return f"{name!r} wants {_words(kind)}, got {body[name]!r:.60}"
    return ""


def fits(value: Any, kind: Any) -> bool:
    """Whether a JSON value is of a type: of plain ones, lists, dicts, unions, `Any`."""
    if kind is Any:
        return True
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(fits(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(item, inner[1]) for item in value.values())
    if kind in (int, float):
        # True is an int to Python alone; a whole number is a fine float, infinity is none.
        number = isinstance(value, (int, kind)) and not isinstance(value, bool)
        return number and abs(value) < 2**63
    return isinstance(value, kind)


_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _words(kind: Any) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(one) for one in inner)
    if kind is type(None):
        return "null"
    if origin is list:
        return f"a list of {_words(inner[0])}"
    return "an object" if origin is dict else _WORDS.get(kind, "something else")


@cache
def _hints(shape: type) -> dict[str, Any]:
    return typing.get_type_hints(shape)
