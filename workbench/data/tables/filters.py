"""Row filters as text: `2<800`, `split == train and label != ''`; parsed, never evaluated.

A filter is one or more comparisons joined by `and`. A comparison is a column, one of
`== = != < <= > >=`, and a literal: a number, a quoted string or a bare word. A column whose name
is more than letters, digits, `_`, `.` and `-` stands in backticks. Against a number the value is
compared as a number, and a value that is none never matches; `<` and its kin compare strings by
their characters. A missing or empty value equals `''`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.data.tables.columns import as_text, pick
from workbench.errors import UsageError

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TOKEN = re.compile(
    r"""\s*(?:(?P<op>==|!=|<=|>=|=|<|>)
    |`(?P<column>[^`]+)`
    |"(?P<double>[^"]*)"|'(?P<single>[^']*)'
    |(?P<word>[\w.+\-:/%@#]+))""",
    re.X,
)
_HINT = "a filter is COLUMN OP VALUE joined by and: 2<800, split==train and label!=''"


@dataclass(frozen=True)
class FilterTerm:
    """One term of a filter; `value` is a number or a string."""

    column: str
    op: str
    value: float | str

    def __call__(self, row: Mapping[str, Any]) -> bool:
        """Whether a row passes."""
        found: Any = pick(row, self.column)
        if isinstance(self.value, float):
            try:
                found = float(found)
            except (TypeError, ValueError):
                return False
        else:
            found = as_text(found) or ""
        return _OPERATORS[self.op](found, self.value)


@dataclass(frozen=True)
class Filter:
    """All of its terms must hold; without any, every row passes."""

    terms: tuple[FilterTerm, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return tuple(term.column for term in self.terms)

    def __call__(self, row: Mapping[str, Any]) -> bool:
        """Whether a row passes."""
        return all(term(row) for term in self.terms)

    def __and__(self, other: Filter) -> Filter:
        return Filter(self.terms + other.terms)


def parse_filter(text: str) -> Filter:
    """Read a filter; an empty one lets everything pass. Raises `UsageError`."""
    tokens = list(_tokens(text))
    terms: list[FilterTerm] = []
    while tokens:
        if len(tokens) < 3:
            raise UsageError(f"the filter {text!r} ends too early", hint=_HINT)
        (kind, column), (op_kind, op), (value_kind, value) = tokens[:3]
        del tokens[:3]
        if kind not in ("word", "column") or op_kind != "op" or value_kind not in _VALUES:
            raise UsageError(f"the filter {text!r} is not understood at {column}{op}", hint=_HINT)
        number = _number(value) if value_kind == "word" else None
        terms.append(FilterTerm(column, op, value if number is None else number))
        if tokens:
            if tokens[0] not in (("word", "and"), ("word", "AND")) or len(tokens) == 1:
                raise UsageError(f"the filter {text!r}: `and` expected after {value}", hint=_HINT)
            del tokens[0]
    return Filter(tuple(terms))


_VALUES = ("word", "double", "single")


def _tokens(text: str):  # noqa: ANN202 - pairs of kind and text
    at, text = 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise UsageError(f"the filter {text!r} is not understood at {text[at:]!r}", hint=_HINT)
        kind = match.lastgroup or ""
        yield kind, match[kind]
        at = match.end()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
