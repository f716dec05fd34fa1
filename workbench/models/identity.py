"""What a model is, as a hash: weights, processor, adapter, quantisation and dtype.

Guarantee: the same bytes give the same identity wherever they lie, and any changed byte another
one, provided that a changed file has another size or modification time (each file's hash is kept
under both). Torch-free.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sessions.errors import WbError

# The files that decide what a model answers; READMEs, training state and the like do not.
_SUFFIXES = {".safetensors", ".json", ".jinja", ".txt", ".model"}
_IGNORED = {"trainer_state.json", "training_args.json", "report.json", "wb_merge.json"}
_CHUNK = 1 << 22
OnRead = Callable[[str, float], None]


def model_identity(
    path: Path,
    adapter: Path | None,
    quantization: str,
    dtype: str,
    knobs: Mapping[str, Any] | None = None,
    on_read: OnRead | None = None,
) -> str:
    """Hex sha256 over the files of a model and of its adapter and how they are held.

    Args:
        path: Model folder.
        adapter: Adapter folder, if any.
        quantization: `none`, `4bit` or `8bit`.
        dtype: The resolved dtype (`float32`, ...), never `auto`: it changes answers.
        knobs: `ModelSpec.extra_options`: pixels and details of 4bit, where they were turned.
        on_read: Told a file's name and the share of all bytes that is done, 0 to 1, where one has
            to be read; what it raises ends the reading.
    """
    parts = {
        "model": _hash_folder(path, on_read),
        "adapter": _hash_folder(adapter, on_read) if adapter else None,
        "quantization": quantization,
        "dtype": dtype,
        **({"knobs": dict(knobs)} if knobs else {}),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def stamp(*folders: Path | None) -> tuple[tuple[str, int, int], ...]:
    """Name, size and modification time of each file that counts: cheap, to see a change by."""
    files = [file for folder in folders if folder is not None for file in _files(folder)]
    return tuple((str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files)


def is_of_model(file: Path) -> bool:
    """Whether a file of a model's folder takes part in what it answers."""
    return file.suffix in _SUFFIXES and file.name not in _IGNORED and file.is_file()


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return sorted(p for p in path.iterdir() if is_of_model(p))


def _hash_folder(path: Path, on_read: OnRead | None = None) -> dict[str, str]:
    files = _files(path)
    cache = _HashCache()
    total, done, hashes = max(1, sum(p.stat().st_size for p in files)), 0, {}
    for p in files:

        def read(count: int, p: Path = p, before: int = done) -> None:
            if on_read is not None:
                on_read(p.name, (before + count) / total)

        hashes[p.name] = cache.of(p, read)
        done += p.stat().st_size
    cache.save()
    return hashes


def hash_file(path: Path, on_read: Callable[[int], None] | None = None) -> str:
    """Hex sha256 of one file's bytes; `on_read` is told how many of them have been read."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
            done += len(block)
            if on_read is not None:
                on_read(done)
    return digest.hexdigest()


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64


class _HashCache:
    """Hashes by path, size and modification time; a lost or unwritable cache costs time only."""

    def __init__(self) -> None:
        self._changed = False
        self._entries: dict[str, list] = {}
        self._file: Path | None = None
        with contextlib.suppress(OSError, ValueError, WbError):
            from sessions.json_line import load_json
            from sessions.paths import cache_dir
            from sessions.plain_files import read_text

            self._file = cache_dir() / "file-hashes.json"
            entries = load_json(read_text(self._file))
            self._entries = entries if isinstance(entries, dict) else {}

    def of(self, path: Path, on_read: Callable[[int], None] | None = None) -> str:
        stat = path.stat()
        key, stamp = str(path.resolve()), [stat.st_size, stat.st_mtime_ns]
        known = self._entries.get(key)
        if isinstance(known, list) and known[:2] == stamp and _is_hash(known[-1]):
            return known[-1]
        digest = hash_file(path, on_read)
        self._entries[key] = [*stamp, digest]
        self._changed = True
        return digest

    def save(self) -> None:
        if not self._changed or self._file is None:
            return
        with contextlib.suppress(OSError, WbError):
            from sessions.atomic import atomic_write

            kept = {k: v for k, v in self._entries.items() if os.path.exists(k)}  # noqa: PTH110
            atomic_write(self._file, json.dumps(kept))
