"""The batches of CIFAR-10, which are Python pickles, read without unpickling.

A pickle is a program: loading one runs what its author wrote. Here its instructions are only
listed (`pickletools.genops`) and the few that make up strings, numbers, lists, dictionaries and
one array of bytes are followed; nothing is imported and nothing is called. Anything else is
refused. The pixels are not copied: the place of the array in the file is noted.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.bounds import MAX_PICKLE_STEPS
from workbench.errors import DataError

MAX_BYTES = 512 * 1024 * 1024
SIDE = 32
PIXELS = 3 * SIDE * SIDE  # bytes of a picture: red, green, blue, each row by row
_ARRAY = {
    *("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"),
    *("numpy ndarray", "numpy dtype", "_codecs encode"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TEXTS = {"BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
_BYTES = {"BINBYTES": 5, "SHORT_BINBYTES": 2, "BINBYTES8": 9, "BINSTRING": 5}
_NUMBERS = {"BININT", "BININT1", "BININT2", "LONG1", "INT"}
_SILENT = {"PROTO", "FRAME", "STOP"}
_WRONG = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass
class Blob:
    """A run of bytes in the file, not copied."""

    start: int
    length: int


@dataclass
class _Array:
    """What stands for an array, or for its type, until its state tells where its bytes lie."""

    given: Any = ()
    state: Any = None


def read_batch(path: Path) -> dict[str, Any]:
    """The dictionary in a batch file.

    Returns:
        `labels` and `filenames` as lists, `data` as a `Blob` (or what else it held).

    Raises:
        DataError: The file is too large, no pickle, or asks for something to be run.
    """
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if size > MAX_BYTES:
        raise DataError(
            f"{path} has {size:,} bytes; a batch of CIFAR-10 has 31 million", hint="fetch it again"
        )
    try:
        value = _Machine(path).run(raw)
        if not isinstance(value, dict):
            raise ValueError(f"it holds {type(value).__name__}")
        names = ((k.decode("latin-1") if isinstance(k, bytes) else str(k), k) for k in value)
        plain = _PlainValues(path)
        return {name: plain.of(value[key]) for name, key in names}
    except _WRONG as error:
        raise DataError(
            f"{path} is not a batch of CIFAR-10: {error}", hint="fetch it again, or use images"
        ) from error


class _PlainValues:
    """Turns what a pickle leaves into plain values, as many as its budget allows.

    A list may hold another twice, and that one a third twice: forty of them, a hundred bytes of
    pickle, spread out into a million million.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._made = path, 0

    def of(self, value: Any) -> Any:
        """An array as the place of its bytes, bytes as text, lists of either likewise."""
        self._made += 1
        if self._made > MAX_PICKLE_STEPS:
            raise _over(self._path, "items in lists that hold each other")
        if isinstance(value, _Array):
            _, _, kind, by_columns, data = value.state
            if kind.given[0] not in ("u1", "uint8") or by_columns:
                raise ValueError("its pixels are not bytes, row by row")
            return data
        if isinstance(value, bytes):
            return value.decode("latin-1")
        if isinstance(value, (dict, tuple)):
            raise ValueError(f"it holds a {type(value).__name__} inside")
        return [self.of(item) for item in value] if isinstance(value, list) else value


def _key(key: Any) -> Any:
    """A key of a dictionary: no tuple, whose hash walks all that it shares with others."""
    if not isinstance(key, (str, bytes, int)):
        raise ValueError(f"it has a {type(key).__name__} as a key")
    return key


def _over(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} has more than {MAX_PICKLE_STEPS:,} {what}; a batch of CIFAR-10 has about 50,000",
        hint="fetch the batches from their source, or use images",
        kind="over_budget",
    )


class _Machine:
    """Follows the harmless part of a pickle's instructions."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self, raw: bytes) -> Any:
        """What the program leaves. Raises `DataError` for an instruction that is not followed."""
        for count, (code, value, position) in enumerate(pickletools.genops(raw)):
            if count > MAX_PICKLE_STEPS:
                raise self._over("instructions")
            self._step(code.name, value, position or 0)
        (found,) = self._stack
        return found

    def _step(self, name: str, value: Any, at: int) -> None:
        if name in _SILENT:
            return
        if name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _NUMBERS:
            self._stack.append(value)
        elif name in _BYTES and len(value) >= PIXELS:
            self._stack.append(Blob(at + _BYTES[name], len(value)))
        elif name in _TEXTS or name in _BYTES:
            self._stack.append(value)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            self._name(value)
        else:
            action = _ACTIONS.get(name)
            if action is None:
                raise self._refused(f"the instruction {name}")
            action(self, value)

    def _name(self, value: Any) -> None:
        """A name of numpy's, which is kept as text and never looked up."""
        if value is None:
            attribute, module = self._stack.pop(), self._stack.pop()
            if not isinstance(attribute, str) or not isinstance(module, str):
                raise self._refused("a name that is no text")
            value = f"{module} {attribute}"
        if value not in _ARRAY:
            raise self._refused(repr(str(value).replace(" ", ".")))
        self._stack.append(value)

    def _refused(self, what: str) -> DataError:
        return DataError(
            f"{self._path} asks for {what}, which no batch of CIFAR-10 does: it was not run",
            hint="fetch the batches from their source, or turn them into images there",
            kind="unsafe_pickle",
        )

    def _over(self, what: str) -> DataError:
        return _over(self._path, what)

    def _since_mark(self) -> list[Any]:
        begin = self._marks.pop()
        items = self._stack[begin:]
        del self._stack[begin:]
        return items

    def _mark(self, _: Any) -> None:
        self._marks.append(len(self._stack))

    def _dict(self, _: Any) -> None:
        self._stack.append({})

    def _list(self, _: Any) -> None:
        self._stack.append([])

    def _tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._since_mark()))

    def _tuple_of(self, count: int) -> None:
        items = tuple(self._stack[len(self._stack) - count :])
        del self._stack[len(self._stack) - count :]
        self._stack.append(items)

    def _append(self, _: Any) -> None:
        item = self._stack.pop()
        self._stack[-1].append(item)

    def _appends(self, _: Any) -> None:
        items = self._since_mark()
        self._stack[-1].extend(items)

    def _setitem(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._stack[-1][_key(key)] = value

    def _setitems(self, _: Any) -> None:
        items = self._since_mark()
        self._stack[-1].update(zip(map(_key, items[::2]), items[1::2], strict=True))

    def _put(self, number: int | None) -> None:
        self._memo[len(self._memo) if number is None else number] = self._stack[-1]

    def _get(self, number: int) -> None:
        self._stack.append(self._memo[number])

    def _reduce(self, _: Any) -> None:
        """A call that is not made: what stands for its result is put in its place."""
        given, name = self._stack.pop(), self._stack.pop()
        if name == "_codecs encode":  # how protocol 2 writes bytes
            text = given[0]
            if not isinstance(text, (Blob, str)):
                raise self._refused("bytes out of what is no text")
            self._stack.append(text if isinstance(text, Blob) else text.encode("latin-1"))
        else:
            self._stack.append(_Array(given))

    def _build(self, _: Any) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if not isinstance(target, _Array):
            raise self._refused("the state of something that is no array")
        target.state = state


_ACTIONS: dict[str, Any] = {
    "MARK": _Machine._mark,
    "EMPTY_DICT": _Machine._dict,
    "EMPTY_LIST": _Machine._list,
    "EMPTY_TUPLE": lambda machine, _: machine._tuple_of(0),
    "TUPLE": _Machine._tuple,
    "TUPLE1": lambda machine, _: machine._tuple_of(1),
    "TUPLE2": lambda machine, _: machine._tuple_of(2),
    "TUPLE3": lambda machine, _: machine._tuple_of(3),
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._setitem,
    "SETITEMS": _Machine._setitems,
    "BINPUT": _Machine._put,
    "LONG_BINPUT": _Machine._put,
    "MEMOIZE": lambda machine, _: machine._put(None),
    "BINGET": _Machine._get,
    "LONG_BINGET": _Machine._get,
    "REDUCE": _Machine._reduce,
    "BUILD": _Machine._build,
}
