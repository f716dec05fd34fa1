"""What the parts of a training share is counted, named, and refused or left out on demand."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.tables import add_rows
from tests.training.test_train import config
from training.overlap import compare, part_of
from training.train import dry_run
from workbench.errors import DataError
from workbench.sample import ImageRef, Sample


def sample(uid: str, text: str = "", *images: ImageRef, task="statement") -> Sample:
    return Sample(uid, images, {"sentence": text} if text else {}, "true", task=task)


def shared(mine, theirs):
    return compare(part_of("a/x", mine), part_of("a/y", theirs))


def test_texts_are_compared_by_their_words():
    found = shared(
        [sample("a/x/1", "There is  a Dog"), sample("a/x/2", "a cat"), sample("a/x/3")],
        [sample("a/y/1", "there is a dog"), sample("a/y/2")],
    )
    assert found.texts == {"a/x/1": "a/y/1"}
    assert found.images == found.pairs == {}
    assert "a/x (3 samples) shares with a/y the texts of 1" in found.words()
    assert "a/x/1 and a/y/1" in found.words()


def test_images_are_compared_by_their_bytes_and_read_only_where_the_sizes_meet(tmp_path):
    names = {}
    for name, data in {
        "one": b"1" * 10,
        "copy": b"1" * 10,
        "other": b"2" * 10,
        "big": b"3",
    }.items():
        names[name] = ImageRef(path=tmp_path / name)
        (tmp_path / name).write_bytes(data)
    read = []

    class Told(ImageRef):
        def read(self) -> bytes:
            read.append(self.path.name)
            return super().read()

    mine = [sample("a/x/1", "s", names["one"]), sample("a/x/2", "s", Told(path=tmp_path / "big"))]
    theirs = [sample("a/y/1", "t", names["other"]), sample("a/y/2", "u", names["copy"])]
    found = shared(mine, theirs)
    assert found.images == {"a/x/1": "a/y/2"}
    assert found.texts == found.pairs == {}
    assert read == []
    in_memory = [sample("a/y/2", "u", ImageRef(data=b"1" * 10))]
    assert shared(mine, in_memory).images == {"a/x/1": "a/y/2"}


def test_a_whole_sample_is_the_same_texts_with_the_same_images_in_order():
    one, two = ImageRef(data=b"1"), ImageRef(data=b"22")
    found = shared(
        [sample("a/x/1", "s", one, two), sample("a/x/2", "s", two, one)],
        [sample("a/y/1", "s", one, two)],
    )
    assert found.pairs == {"a/x/1": "a/y/1"}
    assert len(found.images) == 2


def test_what_cannot_be_compared_is_counted(tmp_path):
    gone, far = ImageRef(path=tmp_path / "gone.png"), ImageRef(url="https://example.org/1.png")
    found = shared([sample("a/x/1", "s", gone, far)], [sample("a/y/1", "t", far)])
    assert found.unchecked == 3
    assert "3 images" in found.words()
    assert not found.leaks


def test_questions_recur_and_are_no_leak_by_themselves():
    image = ImageRef(data=b"1")
    found = shared(
        [sample("a/x/1", "what is it?", task="question"), sample("a/x/2", "q", image)],
        [sample("a/y/1", "what is it?", image, task="question")],
    )
    assert found.texts == {"a/x/1": "a/y/1"}
    assert set(found.leaks) == {"a/x/2"}
    assert "texts" not in found.words()


@pytest.fixture
def doubled(tmp_path) -> str:
    """Twelve statements of which each sentence stands three times, once in each third."""
    rows = []
    for i in range(12):
        Image.new("RGB", (32, 32), (20 * i, 0, 0)).save(tmp_path / f"{i}.png")
        rows.append(f"{i},there are {i % 4} dogs,{i}.png,{'true' if i % 2 else 'false'}")
    return add_rows("doubled", tmp_path, rows)


def test_a_training_warns_refuses_or_leaves_out(doubled):
    parts = {"train": (f"{doubled}[:6]",), "eval": f"{doubled}[6:8]", "eval_samples": 0}
    warned = dry_run(config(**parts))
    assert warned["samples"] == 6
    [line] = warned["warnings"]
    assert "texts of 2" in line
    assert "doubled/all/2 and doubled/all/6" in line
    with pytest.raises(DataError, match="texts of 2"):
        dry_run(config(overlap="refuse", **parts))
    left = dry_run(config(overlap="leave_out", **parts))
    assert left["samples"] == 4
    assert left["skipped"] == {"held out: in eval or report too": 2}


def test_what_chooses_the_checkpoint_is_kept_apart_from_what_is_reported(doubled):
    # By their number of dogs: 0 1 | 3 0 1 2 | 3
    parts = {"train": (f"{doubled}[:2]",), "eval": f"{doubled}[7:11]", "report": f"{doubled}[11:]"}
    found = dry_run(config(overlap="warn", eval_samples=0, **parts))
    assert [(o["part"], o["other"], o["texts"]) for o in found["overlaps"]] == [
        (f"{doubled}[:2]", f"{doubled}[7:11]", 2),
        (f"{doubled}[7:11]", f"{doubled}[11:]", 1),
    ]
    parts["train"] = (f"{doubled}[:3]",)
    parts["eval"] = f"{doubled}[7:10]"
    left = dry_run(config(overlap="leave_out", eval_samples=0, **parts))
    assert (left["samples"], left["eval_samples"]) == (1, 2)


def test_nothing_left_is_an_error(doubled):
    parts = {"train": (f"{doubled}[:4]",), "eval": f"{doubled}[4:8]"}
    with pytest.raises(DataError, match="nothing is left"):
        dry_run(config(overlap="leave_out", **parts))


def test_parts_that_share_nothing_say_nothing(doubled):
    found = dry_run(config(train=(f"{doubled}[:2]",), eval=f"{doubled}[2:4]"))
    assert found["warnings"] == found["overlaps"] == []
