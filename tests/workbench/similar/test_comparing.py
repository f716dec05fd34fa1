"""Neighbours and duplicates of samples: planted ones are found, and told for what they are."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.workbench.similar.planted import encoded, plant, scene
from workbench.data.adding import add
from workbench.errors import Cancelled, UsageError
from workbench.models.spec import ModelSpec
from workbench.sample import ImageRef
from workbench.serving.protocol import FeatureReply
from workbench.similar.compare import Listeners, compare, split_names
from workbench.similar.duplicates import duplicates
from workbench.similar.neighbours import neighbours
from workbench.similar.things import Things


class PixelEngine:
    """An engine whose features of a picture are its means over a grid; counts what it is asked."""

    def __init__(self, refuses: str = "") -> None:
        self.asked: list[int] = []
        self.refuses = refuses

    def load(self, spec, on_progress=None, cancelled=None):
        return {"identity": f"grid of {spec.model}"}

    def features(self, images: list[ImageRef], spec, *, cancelled=None) -> FeatureReply:
        self.asked.append(len(images))
        small = [image.load().resize((4, 4)).tobytes() for image in images]
        rows = np.frombuffer(b"".join(small), np.uint8).reshape(len(images), -1).astype("<f4")
        identity = f"grid of {spec.model}"
        return FeatureReply(rows.shape[1], rows.tobytes(), {}, identity, "patch.last")


@pytest.fixture
def uids(tmp_path) -> dict[str, str]:
    return plant(tmp_path / "pictures")


def kinds(found):
    return {pair.uid.rpartition("/")[2]: (pair.kind, pair.other) for pair in found.pairs}


def test_planted_duplicates_are_found_across_splits_and_nothing_else(uids):
    found = duplicates(compare("mine"))
    assert kinds(found) == {
        "file": ("same file", "mine/train/t3"),
        "pixels": ("same pixels", "mine/train/t4"),
        "jpeg": ("near picture", "mine/train/t5"),
        "half": ("near picture", "mine/train/t6"),
        "text": ("same text", "mine/train/t7"),
    }
    assert all(pair.leak for pair in found.pairs)
    ((split, other, counts),) = found.counts()
    assert (split, other) == ("test", "train")
    assert counts == {"same file": 1, "same pixels": 1, "near picture": 2, "same text": 1}


def test_pictures_or_texts_can_be_looked_for_alone(uids):
    scan = compare("mine")
    assert set(kinds(duplicates(scan, ("texts",)))) == {"text"}
    assert set(kinds(duplicates(scan, ("pictures",)))) == {"file", "pixels", "jpeg", "half"}


def shared_text(tmp_path, pictures: dict[str, list[int]], text: str = "a dog in the park") -> None:
    """`mine`: split -> the pictures (by seed) beside which one text stands in it."""
    tmp_path.mkdir(parents=True, exist_ok=True)
    for split, seeds in pictures.items():
        rows = []
        for place, seed in enumerate(seeds):
            (tmp_path / f"{seed}.png").write_bytes(encoded(scene(seed), "PNG"))
            rows.append(f"{place},{seed}.png,{text},true\n")
        (tmp_path / f"{split}.csv").write_text("id,image,sentence,label\n" + "".join(rows))
    add("mine", [tmp_path / f"{split}.csv" for split in pictures])


def test_each_pair_says_what_is_the_same(tmp_path):
    shared_text(tmp_path / "one", {"train": [1], "test": [1, 2]})
    found = duplicates(compare("mine"))
    assert [(p.kind, p.same, p.leak) for p in found.pairs] == [
        ("same file", "both", True),
        ("same text", "text alone", True),
        ("same text", "text alone", False),
    ]
    plant(tmp_path / "pictures", "planted")
    same = {p.uid.rpartition("/")[2]: p.same for p in duplicates(compare("planted")).pairs}
    assert (same["file"], same["text"]) == ("image alone", "text alone")


def test_a_text_that_many_different_pictures_share_is_no_leak_unless_the_picture_is(tmp_path):
    shared_text(tmp_path, {"train": [1, 2], "test": [3, 1]})
    found = duplicates(compare("mine"))
    assert [(p.kind, p.same, p.uid) for p in found.pairs] == [("same file", "both", "mine/test/1")]
    assert (found.texts_left, found.texts_recur) == (4, False)
    assert not neighbours(compare("mine"), "mine/test/0", "text").leaks


def test_one_picture_that_is_there_often_makes_no_text_recur(tmp_path):
    shared_text(tmp_path, {"train": [1, 1, 1], "test": [2]})
    (pair,) = [p for p in duplicates(compare("mine")).pairs if p.leak]
    assert (pair.kind, pair.same) == ("same text", "text alone")


def test_texts_without_any_picture_are_duplicates_however_many_they_are(tmp_path):
    (tmp_path / "t.csv").write_text("sentence,label\n" + "a dog in the park,true\n" * 4)
    add("mine", tmp_path / "t.csv", id="auto")
    assert len(duplicates(compare("mine")).pairs) == 3


def test_near_texts_of_samples_with_pictures_are_none_also_where_texts_alone_are_compared(tmp_path):
    long = "a sentence of many words, all of which stand in the other one as well, in a row"
    for split, seed, text in (("train", 1, long), ("test", 2, f"{long}s")):
        (tmp_path / f"{seed}.png").write_bytes(encoded(scene(seed), "PNG"))
        (tmp_path / f"{split}.csv").write_text(
            f'id,image,sentence,label\n1,{seed}.png,"{text}",true\n'
        )
    add("mine", [tmp_path / "train.csv", tmp_path / "test.csv"])
    assert duplicates(compare("mine", pictures=False), ("texts",)).pairs == ()
    add("bare", [tmp_path / "train.csv", tmp_path / "test.csv"], image=())
    (pair,) = duplicates(compare("bare")).pairs
    assert (pair.kind, pair.same) == ("near text", "text")


def test_a_split_in_place_of_the_dataset_is_answered_with_the_option():
    with pytest.raises(UsageError, match="demo/test is a split") as caught:
        compare("demo/test")
    assert "demo --splits test" in str(caught.value.hint)


def test_a_question_that_recurs_is_no_duplicate(tmp_path):
    plant(tmp_path / "asked", "asked", "question")
    found = duplicates(compare("asked"))
    assert "text" not in kinds(found) and found.texts_recur


def test_inside_a_split_the_later_sample_is_named_once(tmp_path):
    uids = plant(tmp_path / "pictures")
    scan = compare("mine", ["train", "train[:4]"])
    assert len(scan.samples) == 16, "a part is compared as it was asked for"
    found = duplicates(compare("mine", ["test"]))
    assert found.pairs == () and uids


def test_the_nearest_by_pixels_is_the_planted_one_and_marked_as_a_leak(uids):
    scan = compare("mine")
    for name, of in {"file": "t3", "pixels": "t4", "jpeg": "t5", "half": "t6"}.items():
        first = neighbours(scan, uids[name], "pixels").found[0]
        assert first.sample.uid == f"mine/train/{of}" and first.leak
        assert first.similarity >= 0.98
    fresh = neighbours(scan, uids["fresh"], "pixels", top=3)
    assert len(fresh.found) == 3 and fresh.leaks == 0
    values = [one.similarity for one in fresh.found]
    assert values == sorted(values, reverse=True)
    assert all(one.sample.uid != uids["fresh"] for one in fresh.found)


def test_the_nearest_by_text_needs_no_picture(uids):
    scan = compare("mine", pictures=False)
    first = neighbours(scan, uids["text"], "text").found[0]
    assert (first.sample.uid, first.in_common.text, first.leak) == ("mine/train/t7", "same", True)
    assert first.similarity == pytest.approx(1)


def test_what_cannot_be_compared_says_why_and_is_not_zero(uids):
    scan = compare("mine")
    broken = neighbours(scan, uids["broken"], "pixels")
    assert broken.found == () and "cannot be read" in broken.problem
    assert neighbours(scan, uids["file"], "pixels").undefined == 1
    assert scan.splits[1].unread_pictures == 1
    with pytest.raises(UsageError, match="image, pixels, text"):
        neighbours(scan, uids["file"], "smell")  # type: ignore[arg-type]


def test_a_model_is_asked_about_each_picture_once_for_all_times(uids):
    engine = PixelEngine()
    first = compare("mine", model=(engine, ModelSpec("grid")))
    assert sum(engine.asked) == 17, "12 and 6 that can be read, and one file is there twice"
    found = neighbours(first, uids["pixels"], "image")
    assert found.found[0].sample.uid == "mine/train/t4"
    assert found.found[0].similarity == pytest.approx(1)
    engine.asked.clear()
    again = compare("mine", model=(engine, ModelSpec("grid")))
    assert engine.asked == []
    same = neighbours(again, uids["pixels"], "image")
    assert [o.similarity for o in same.found] == [o.similarity for o in found.found]
    compare("mine", model=(engine, ModelSpec("another")))
    assert sum(engine.asked) == 17


def test_features_beyond_a_threshold_count_as_nearly_the_same_if_asked_for(uids):
    scan = compare("mine", model=(PixelEngine(), ModelSpec("grid")))
    found = duplicates(scan, ("pictures",), features_near=0.7)
    assert kinds(found)["fresh"][0] == "near features"
    assert kinds(found)["file"][0] == "same file", "what is sure stays what it is"


def test_no_more_is_read_than_the_limit_and_the_sample_itself_in_any_case(uids):
    from workbench.data.source import get_sample

    scan = compare("mine", ["train"], sample=get_sample(uids["file"]), limit=5)
    assert [s.split for s in scan.samples].count("train") == 5
    assert scan.samples[-1].uid == uids["file"]
    assert scan.scanned_words == "train: the first 5 of 12"
    assert neighbours(scan, uids["file"], "pixels").found[0].sample.uid == "mine/train/t3"
    with pytest.raises(UsageError, match="from 1 on"):
        compare("mine", limit=0)


def test_an_endless_split_is_left_out_unless_it_is_named_or_holds_the_sample():
    from workbench.data.source import get_sample

    scan = compare("demo", limit=3, pictures=False)
    assert scan.left_out == ("stream",) and "stream: left out" in scan.scanned_words
    named = compare("demo", ["stream"], limit=3, pictures=False)
    assert len(named.samples) == 3 and "an endless stream" in named.scanned_words
    own = compare("demo", sample=get_sample("demo/stream/000001"), limit=3, pictures=False)
    assert own.left_out == ()


def test_it_can_be_cancelled_and_tells_how_far_it_is(uids, monkeypatch):
    from workbench.similar import scan

    monkeypatch.setattr(scan, "EVERY_S", 0)
    told: list[tuple[int, int | None, str]] = []
    stop = threading.Event()

    def tell(done: int, total: int | None, what: str) -> None:
        told.append((done, total, what))
        stop.set()

    with pytest.raises(Cancelled):
        compare("mine", tell=Listeners(cancelled=stop.is_set, on_progress=tell))
    assert told == [(1, 12, "comparing mine/train")]


def test_several_pictures_are_matched_both_ways():
    rows = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    things = Things([[b"a", b"b"], [b"b", b"a"], [b"a"], [b"c"], []])
    alike = things.alike(rows, things.of[0])
    assert alike[:2] == pytest.approx([1, 1]), "in whatever order"
    assert alike[2] == pytest.approx((0.5 + 1) / 2), "half of this one is in it, all of it in this"
    assert alike[3] == pytest.approx(((0.6 + 0.8) / 2 + 0.8) / 2)
    assert np.isnan(alike[4])


def test_splits_are_typed_with_commas():
    assert split_names("train[:500], test") == ("train[:500]", "test")
    assert split_names(None) == split_names("") == ()
