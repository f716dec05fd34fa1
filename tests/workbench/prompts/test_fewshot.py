"""Few-shot examples are balanced, drawn by seed, and never the query."""

from __future__ import annotations

from collections import Counter

import pytest

from workbench.errors import DataError, UsageError
from workbench.prompts.fewshot import for_query, named_shots, pick_shots
from workbench.sample import Sample


class Table:
    """A small source in memory, with the methods that a real one has."""

    dataset, split, task, revision = "toy", "train", "statement", "1"

    def __init__(self, labels, n=60, length=True):
        self.labels = tuple(labels)
        self.samples = [
            Sample(
                f"toy/train/{i}",
                label=self.labels[i % len(self.labels)] if self.labels else str(i),
                labels=self.labels,
                error="broken" if i % 10 == 9 else None,
            )
            for i in range(n)
        ]
        self.length = n if length else None
        self.reads = 0

    def at(self, i):
        self.reads += 1
        return self.samples[i % len(self.samples)]

    def get(self, uid):
        return next(s for s in self.samples if s.uid == uid)


def test_each_label_has_k_examples_and_the_labels_take_turns():
    shots = pick_shots(Table(["a", "b", "c"]), 2, seed=1)
    assert Counter(s.label for s in shots) == {"a": 2, "b": 2, "c": 2}
    assert {s.label for s in shots[:3]} == {"a", "b", "c"}


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    def uids(seed):
        return [s.uid for s in pick_shots(Table("ab", 500), 3, seed)]

    assert uids(1) == uids(1)
    assert uids(1) != uids(2)


def test_the_query_and_broken_samples_are_never_drawn():
    table = Table("ab", 12)
    query = table.samples[0].uid
    for seed in range(30):
        uids = [s.uid for s in pick_shots(table, 4, seed, query)]
        assert query not in uids
        assert "toy/train/9" not in uids


def test_an_open_task_draws_k_in_all():
    assert len(pick_shots(Table([]), 3)) == 3


def test_a_label_that_is_too_rare_is_an_error_that_counts():
    with pytest.raises(DataError, match=r"a: 1"):
        pick_shots(Table("a" + "b" * 9, 9), 2)


def test_a_negative_number_is_refused():
    with pytest.raises(UsageError, match="--shots"):
        pick_shots(Table("ab"), -1)


def test_an_endless_source_is_read_a_bounded_number_of_times():
    table = Table("ab", length=False)
    pick_shots(table, 2)
    assert table.reads < 100


def test_examples_can_be_drawn_from_named_uids_alone():
    table = Table("ab")
    pool = [f"toy/train/{i}" for i in (0, 1, 2, 3, 9)]
    assert {s.uid for s in pick_shots(table, 2, uids=pool)} == set(pool[:4])
    with pytest.raises(DataError, match="cannot be an example"):
        named_shots(table, ["toy/train/9"])
    assert [s.uid for s in named_shots(table, pool[:2])] == pool[:2]


def test_a_query_among_the_shots_is_replaced_by_a_spare_of_its_label():
    table = Table("ab")
    shots, spare = table.samples[:4], table.samples[4:6]
    query = shots[1].uid
    got = for_query(shots, spare, query)
    assert query not in [s.uid for s in got]
    assert [s.label for s in got] == [s.label for s in shots]
    assert for_query(shots, spare, "other") == shots
