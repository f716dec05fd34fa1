"""Which examples the `--shot…` options mean, over the demo data and records of the test's own."""

from __future__ import annotations

from collections import Counter

import pytest

from sessions.runs import Run
from sessions.uid_cache import UidCache
from workbench.data.source import open_source
from workbench.errors import DataError, UnknownName, UsageError
from workbench.prompts.fewshot import for_query
from workbench.prompts.shots import MOST_NAMED, ShotWish, choose_shots


def source(name: str = "demo/test"):
    return open_source(name)


def uids(wish: ShotWish, name: str = "demo/test", query: str = "") -> list[str]:
    return [shot.uid for shot in choose_shots(wish, source(name), query).shots]


def run_over(split: str, right: int, wrong: int = 5) -> Run:
    """A run of `demo/<split>` that got the first samples right and the next ones wrong."""
    where = source(f"demo/{split}")
    run = Run.create({"dataset": "demo", "split": split}, f"key {split} {right}")
    with run:
        for i in range(right + wrong):
            sample = where.at(i)
            line = {"uid": sample.uid, "label": sample.label, "correct": i < right}
            run.append(line | {"text": "x", "error": None})
    return run


def bookmark(*names: str, tag: str = "mine") -> None:
    with UidCache.open() as cache:
        cache.add_many(names, [tag])


def test_a_number_alone_draws_so_many_of_each_label_from_the_train_split():
    drawn = choose_shots(ShotWish(count=2, seed=4), source()).shots
    assert Counter(s.label for s in drawn) == {"True": 2, "False": 2}
    assert all(s.uid.startswith("demo/train/") for s in drawn)
    assert all(s.images for s in drawn)
    assert [s.uid for s in drawn] == uids(ShotWish(count=2, seed=4))
    assert [s.uid for s in drawn] != uids(ShotWish(count=2, seed=5))


def test_no_wish_is_no_example():
    assert uids(ShotWish()) == []


def test_another_split_can_be_named_and_the_query_is_left_out():
    wish = ShotWish(count=1, source="demo/test[:8]")
    for i in range(8):
        query = f"demo/test/{i:06}"
        drawn = uids(wish, query=query)
        assert query not in drawn and len(drawn) == 2


def test_where_there_are_many_queries_one_of_the_same_label_steps_in_for_each():
    chosen = choose_shots(ShotWish(count=1, source="demo/test[:9]"), source("demo/test"))
    for shot in chosen.shots:
        others = for_query(chosen.shots, chosen.spare, shot.uid)
        assert shot.uid not in [s.uid for s in others]
        assert [s.label for s in others] == [s.label for s in chosen.shots]


def test_the_spare_ones_are_the_same_for_a_seed_and_others_for_another():
    def spare(seed: int) -> list[str]:
        wish = ShotWish(count=2, seed=seed, source="demo/test[:200]")
        chosen = choose_shots(wish, source("demo/test"))
        assert not {s.uid for s in chosen.spare} & {s.uid for s in chosen.shots}
        assert Counter(s.label for s in chosen.spare) == {"True": 1, "False": 1}
        return [s.uid for s in chosen.spare]

    drawn = {seed: spare(seed) for seed in range(4)}
    assert {seed: spare(seed) for seed in range(4)} == drawn
    assert len({tuple(found) for found in drawn.values()}) == 4


def test_named_ones_are_shown_in_their_order_from_any_dataset():
    names = ("demo/train/000007", "demo/dev/000001")
    assert uids(ShotWish(uids=names)) == list(names)
    with pytest.raises(UsageError, match="cannot be its example"):
        uids(ShotWish(uids=names), query=names[1])
    with pytest.raises(UnknownName):
        uids(ShotWish(uids=("demo/train/none",)))


def test_the_bookmarks_of_a_tag_are_shown_as_they_were_set_aside():
    names = [f"demo/train/{i:06}" for i in (9, 2, 5)]
    bookmark(*names)
    bookmark("demo/train/000001", tag="other")
    bookmark("demo_vqa/train/000001")  # of another dataset
    assert uids(ShotWish(tag="mine")) == names
    assert uids(ShotWish(tag="mine"), query=names[0]) == names[1:]


def test_a_draw_from_a_tag_is_balanced():
    where = source("demo/train")
    bookmark(*(where.uid_at(i) for i in range(40)))
    drawn = choose_shots(ShotWish(count=2, tag="mine"), source()).shots
    assert Counter(s.label for s in drawn) == {"True": 2, "False": 2}
    with pytest.raises(DataError, match="the tag 'mine' has too few"):
        uids(ShotWish(count=40, tag="mine"))


def test_a_tag_that_nothing_has_or_too_much_is_told():
    with pytest.raises(UnknownName, match="with the tag 'mine'"):
        uids(ShotWish(tag="mine"))
    bookmark("demo/test/000003")
    with pytest.raises(UnknownName, match="no other sample of demo"):
        uids(ShotWish(tag="mine"), query="demo/test/000003")
    where = source("demo/train")
    bookmark(*(where.uid_at(i) for i in range(MOST_NAMED + 1)))
    with pytest.raises(UsageError, match="too many to show all") as info:
        uids(ShotWish(tag="mine"))
    assert "--shots" in info.value.hint


def test_examples_that_a_run_got_right_are_drawn_from_those_alone():
    run = run_over("train", right=30)
    where = source("demo/train")
    right = {where.uid_at(i) for i in range(30)}
    drawn = choose_shots(ShotWish(count=3, right_in=run.id), source()).shots
    assert {s.uid for s in drawn} <= right
    assert Counter(s.label for s in drawn) == {"True": 3, "False": 3}
    assert uids(ShotWish(count=3, right_in="last")) == [s.uid for s in drawn]


def test_a_run_over_another_split_or_without_a_right_answer_is_refused_with_a_way_on():
    run = run_over("dev", right=20)
    with pytest.raises(UsageError, match="is of demo/dev, not of demo/train") as info:
        uids(ShotWish(count=1, right_in=run.id))
    assert "--shots-from demo/dev" in info.value.hint
    assert uids(ShotWish(count=1, right_in=run.id, source="demo/dev"))[0].startswith("demo/dev/")
    with pytest.raises(UsageError, match="got none right"):
        uids(ShotWish(count=1, right_in=run_over("train", right=0).id))


def test_a_dataset_without_a_train_split_says_so(tmp_path):
    from PIL import Image

    from workbench.data.adding import add_dataset

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    lines = ["id,caption,image", *(f"{i},text {i},a.png" for i in range(4))]
    (tmp_path / "val.csv").write_text("\n".join(lines) + "\n")
    add_dataset("lonely", tmp_path / "val.csv")
    with pytest.raises(UnknownName, match="lonely has no train split") as info:
        uids(ShotWish(count=1), "lonely/val")
    assert "--shots-from lonely/val" in info.value.hint


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (ShotWish(count=-1), "--shots wants"),
        (ShotWish(count=1, uids=("demo/train/1",)), "--shot names them"),
        (ShotWish(tag="a", uids=("demo/train/1",)), "--shots-tag a and --shot"),
        (ShotWish(count=1, tag="a", right_in="last"), "--shots-right-in"),
        (ShotWish(count=1, tag="a", source="demo/dev"), "leave --shots-from out"),
        (ShotWish(right_in="last"), "give --shots as well"),
        (ShotWish(source="demo/dev"), "give --shots as well"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_the_words_of_the_flags(wish, words):
    with pytest.raises(UsageError, match=words):
        choose_shots(wish, source())
