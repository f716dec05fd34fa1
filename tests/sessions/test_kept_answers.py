"""Answers are given out under their very key alone, whole or not at all, and within a bound."""

from __future__ import annotations

import json
import sqlite3
import threading

import pytest

from sessions.kept_answers import KeptAnswers, bound_bytes

FACTS = json.dumps({"model": "demo"})


@pytest.fixture
def kept():
    with KeptAnswers.open() as kept:
        yield kept


def bodies(*keys: str, size: int = 0) -> dict[str, str]:
    return {key: json.dumps({"text": f"of {key}" + "x" * size}) for key in keys}


def test_an_answer_is_found_under_its_key_alone(kept):
    kept.keep("s", FACTS, bodies("a", "b"))
    assert kept.find(["a", "A", "c"]) == {"a": {"text": "of a"}}
    assert kept.find([]) == {}
    assert kept.holds("s")
    assert not kept.holds("t")


def test_more_keys_than_one_question_takes_are_found(kept):
    keys = [f"k{i}" for i in range(1201)]
    kept.keep("s", FACTS, bodies(*keys))
    assert set(kept.find(keys)) == set(keys)


def test_an_answer_kept_again_takes_the_place_of_the_old_one(kept):
    kept.keep("s", FACTS, bodies("a"))
    kept.keep("s", FACTS, {"a": json.dumps({"text": "newer"})})
    assert kept.find(["a"]) == {"a": {"text": "newer"}}
    assert [(scope.count, scope.facts["model"]) for scope in kept.scopes()] == [(1, "demo")]


def test_a_changed_byte_is_no_answer(kept):
    kept.keep("s", FACTS, bodies("a", "b"))
    with sqlite3.connect(kept.path) as db:
        db.execute("UPDATE answers SET body = replace(body, 'of a', 'oF a') WHERE key = 'a'")
    assert set(kept.find(["a", "b"])) == {"b"}


def test_an_answer_moved_to_another_key_is_no_answer(kept):
    kept.keep("s", FACTS, bodies("a"))
    with sqlite3.connect(kept.path) as db:
        db.execute("UPDATE answers SET key = 'b'")
    assert kept.find(["a", "b"]) == {}


def test_beyond_the_bound_what_was_used_longest_ago_goes(kept):
    for i in range(40):
        kept.keep("s", FACTS, bodies(f"k{i:02}", size=10_000))
    with sqlite3.connect(kept.path) as db:
        db.execute("UPDATE answers SET used = cast(substr(key, 2) AS INTEGER)")
    kept.find(["k00"])  # used just now
    bound = kept.bytes() // 2
    assert kept.trim(bound) > 0
    assert kept.bytes() <= bound
    left = kept.find([f"k{i:02}" for i in range(40)])
    assert {"k00", "k39"} <= set(left)
    assert "k01" not in left
    assert kept.trim(bound) == 0


def test_nothing_goes_below_the_bound(kept):
    kept.keep("s", FACTS, bodies("a"))
    assert kept.trim(10**9) == 0
    assert kept.find(["a"])


def test_all_are_forgotten_at_once(kept):
    kept.keep("s", FACTS, bodies("a", "b", size=50_000))
    assert kept.clear() == 2
    assert kept.find(["a", "b"]) == {}
    assert kept.scopes() == []
    assert kept.path.stat().st_size < 100_000


def test_many_writers_lose_nothing(kept):
    def write(name: str) -> None:
        with KeptAnswers.open() as own:
            for i in range(20):
                own.keep(name, FACTS, bodies(f"{name}{i}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(scope.count for scope in kept.scopes()) == 80


@pytest.mark.parametrize(("value", "megabytes"), [("", 1024), ("7", 7), ("0", 0), ("x", 1024)])
def test_the_bound_is_a_setting(monkeypatch, value, megabytes):
    monkeypatch.setenv("WB_KEEP_ANSWERS_MB", value)
    assert bound_bytes() == megabytes * 2**20
