"""What was computed of a picture is given out under its scope and hash alone, within a bound."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from sessions.kept_vectors import KeptVectors, bound_bytes


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


@pytest.fixture
def kept():
    with KeptVectors.open() as kept:
        yield kept


def test_bytes_are_found_under_their_scope_and_hash_alone(kept):
    kept.keep("one", {sha("a"): b"A", sha("b"): b"B"})
    kept.keep("two", {sha("a"): b"other"})
    assert kept.find("one", [sha("a"), sha("c")]) == {sha("a"): b"A"}
    assert kept.find("two", [sha("a"), sha("b")]) == {sha("a"): b"other"}
    assert kept.find("three", [sha("a")]) == {}
    many = [sha(str(n)) for n in range(1201)]
    kept.keep("one", dict.fromkeys(many, b"x"))
    assert set(kept.find("one", many)) == set(many)


def test_a_changed_byte_is_no_vector(kept):
    kept.keep("s", {sha("a"): b"abc", sha("b"): b"abc"})
    with sqlite3.connect(kept.path) as db:
        db.execute("UPDATE vectors SET body = X'00' WHERE picture = ?", (bytes.fromhex(sha("a")),))
    assert set(kept.find("s", [sha("a"), sha("b")])) == {sha("b")}


def test_beyond_the_bound_what_was_used_longest_ago_goes(kept, monkeypatch):
    monkeypatch.setenv("WB_KEEP_FEATURES_MB", "1")
    names = [sha(str(n)) for n in range(40)]
    for number, name in enumerate(names[:-1]):
        kept.keep("s", {name: bytes(40_000)})
        with sqlite3.connect(kept.path) as db:
            db.execute("UPDATE vectors SET used = ? WHERE used > 1e6", (number,))
    kept.keep("s", {names[-1]: bytes(40_000)})
    assert kept.bytes() <= 2**20
    left = kept.find("s", names)
    assert names[-1] in left and names[-2] in left and names[0] not in left


@pytest.mark.parametrize(("value", "megabytes"), [("", 512), ("7", 7), ("0", 0), ("x", 512)])
def test_the_bound_is_a_setting_and_none_keeps_nothing(kept, monkeypatch, value, megabytes):
    monkeypatch.setenv("WB_KEEP_FEATURES_MB", value)
    assert bound_bytes() == megabytes * 2**20
    kept.keep("s", {sha("a"): b"A"})
    assert bool(kept.find("s", [sha("a")])) == bool(megabytes)


@pytest.mark.slow
def test_what_was_kept_survives_a_kill(kept):
    code = (
        "import os, signal, sys\n"
        "from sessions.kept_vectors import KeptVectors\n"
        "kept = KeptVectors.open()\n"
        "kept.keep('s', {sys.argv[1]: b'A'})\n"
        "kept._db.execute('BEGIN IMMEDIATE')\n"
        "kept._db.execute('DELETE FROM vectors')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code, sha("a")], env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL
    assert kept.find("s", [sha("a")]) == {sha("a"): b"A"}
